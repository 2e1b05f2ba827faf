//! WHIP and WHEP over HTTP, and media over real sockets: both ends in one process.

#[cfg(test)]
mod classroom;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod peer;
#[cfg(test)]
mod protocol;
#[cfg(test)]
mod watching;
