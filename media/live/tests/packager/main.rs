//! The LL-HLS packager, by a virtual clock.

mod absence;
mod boxes;
mod judge;
mod lectures;
mod long;
mod media;
mod studio;
mod waiting;
