//! Tools and their guards, as real processes that are killed, stopped, starved and left alone.

#[cfg(test)]
mod cage;
#[cfg(test)]
mod ends;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod stage;
