//! What can't be played as it is becomes a ladder, piece by piece, through anything that may happen.

mod crowd;
mod faults;
mod killed;
mod workers;
