//! Sources made by ffmpeg, cut by this crate, and judged by ffmpeg again.
//!
//! `make` makes sources, `files` reads and rewrites them, `judge` compares what was cut with what it was cut from. (Marked
//! as tests one by one, because clippy's leave to unwrap in tests goes by that mark.)

#[cfg(test)]
mod cutting;
#[cfg(test)]
mod files;
#[cfg(test)]
mod hostile;
#[cfg(test)]
mod judge;
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
