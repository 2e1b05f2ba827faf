//! The LL-HLS packager, by a virtual clock. (Each module is marked as a test, because clippy allows `unwrap` only with that
//! mark.)

#[cfg(test)]
mod absence;
#[cfg(test)]
mod boxes;
#[cfg(test)]
mod judge;
#[cfg(test)]
mod lectures;
#[cfg(test)]
mod long;
#[cfg(test)]
mod media;
#[cfg(test)]
mod strict;
#[cfg(test)]
mod studio;
#[cfg(test)]
mod waiting;
