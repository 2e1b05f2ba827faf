//! Tests of `media/live` on media that ffmpeg makes.

#[cfg(test)]
mod flv;
#[cfg(test)]
mod make;
#[cfg(test)]
mod rtmp;
#[cfg(test)]
mod sound;
