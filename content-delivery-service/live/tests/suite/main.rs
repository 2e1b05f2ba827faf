//! WHIP and WHEP over HTTP, RTMP, and media over real sockets: both ends in one process. ffmpeg publishes and encodes.

#[cfg(test)]
mod classroom;
#[cfg(test)]
mod crowd;
#[cfg(test)]
mod encoders;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod media;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod rtmp;
#[cfg(test)]
mod server;
#[cfg(test)]
mod watching;
