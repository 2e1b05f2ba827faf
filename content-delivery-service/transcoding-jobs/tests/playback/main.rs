//! From an uploaded file to the last byte that a viewer gets: real files, real back ends, over HTTP.

mod films;
mod house;
mod media_plane;
mod revocation;
mod scan;
mod stream;
