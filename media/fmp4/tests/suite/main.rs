//! Tests with sources made by ffmpeg, cut by this crate and checked by ffmpeg.
//!
//! `make` makes sources, `files` reads and rewrites them, `judge` compares segments with their source. (Each module is
//! marked as a test, because clippy allows `unwrap` only with that mark.)

#[cfg(test)]
mod cutting;
#[cfg(test)]
mod fat;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod lengths;
#[cfg(test)]
mod long;
#[cfg(test)]
mod make;
#[cfg(test)]
mod pieces;
#[cfg(test)]
mod refusing;
#[cfg(test)]
mod sound;
