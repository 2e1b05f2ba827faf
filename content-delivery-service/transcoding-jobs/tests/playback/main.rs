//! From an uploaded file to the last byte that a viewer gets: real files, real back ends, over HTTP.

#[cfg(test)]
mod films;
#[cfg(test)]
mod house;
#[cfg(test)]
mod media_plane;
#[cfg(test)]
mod revocation;
#[cfg(test)]
mod scan;
#[cfg(test)]
mod stream;
