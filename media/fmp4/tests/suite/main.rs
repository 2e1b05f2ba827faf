//! Sources made by ffmpeg, cut by this crate, and judged by ffmpeg again.
//!
//! `make` makes sources, `files` reads and rewrites them, `judge` compares what was cut with what it was cut from.

mod cutting;
mod files;
mod hostile;
mod judge;
mod long;
mod make;
mod refusing;
