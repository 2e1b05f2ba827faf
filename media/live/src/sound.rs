//! What encoders of sound take and make, and whose time it has.
//!
//! An encoder reads and writes packets without usable times (ADTS has none, and those of Ogg begin at zero), but it makes
//! exactly as many samples as it takes. So a [`Timeline`] counts both, and knows when a sample that comes out went in.

mod adts;
mod ogg;
mod opus;
mod timeline;

pub use adts::adts;
pub use ogg::{OggError, OggReader, OggWriter};
pub use opus::opus_samples;
pub use timeline::Timeline;
