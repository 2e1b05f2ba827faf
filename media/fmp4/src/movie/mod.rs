//! The movie header and its tracks.

mod description;
mod edits;
mod orientation;
mod track;

pub(crate) use description::{AudioEntry, Entry, VideoEntry};
pub(crate) use edits::{Edits, Span};
pub(crate) use orientation::Orientation;
pub(crate) use track::{Handler, Track};

use crate::boxes::{check_structure, children};
use crate::bytes::Cursor;
use crate::error::ScanError;
use crate::samples::Defaults;

/// The limit of tracks; a film with every language and its subtitles has some 40.
const MAX_TRACKS: usize = 64;

/// The facts in a `moov` box.
#[derive(Debug)]
pub(crate) struct Movie<'a> {
    pub(crate) timescale: u32,
    pub(crate) tracks: Vec<Track<'a>>,
    /// Whether fragments follow.
    pub(crate) fragmented: bool,
}

impl<'a> Movie<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ScanError> {
        check_structure(body)?;
        let (mut timescale, mut orientation) = (None, Orientation::default());
        let mut traks = Vec::new();
        let mut extends = None;
        for child in children(body) {
            match child? {
                (kind, body) if kind == *b"mvhd" => {
                    let (ticks, rotation) = movie_header(body)?;
                    timescale = Some(ticks);
                    orientation = rotation;
                }
                (kind, body) if kind == *b"trak" => traks.push(body),
                (kind, body) if kind == *b"mvex" => extends = Some(body),
                (kind, _) if kind == *b"rmra" => return Err(ScanError::ExternalReference),
                (kind, _) if kind == *b"cmov" => return Err(ScanError::Malformed("the movie header is compressed")),
                _ => {}
            }
        }
        if traks.len() > MAX_TRACKS {
            return Err(ScanError::Limits("too many tracks"));
        }
        let timescale = timescale
            .filter(|&timescale| timescale > 0)
            .ok_or(ScanError::Malformed("no movie header"))?;
        let mut tracks: Vec<Track<'a>> = traks.into_iter().map(Track::parse).collect::<Result<_, _>>()?;
        for track in &mut tracks {
            track.orientation = track.orientation.then(orientation);
        }
        if let Some(extends) = extends {
            track_defaults(extends, &mut tracks)?;
        }
        Ok(Self {
            timescale,
            tracks,
            fragmented: extends.is_some(),
        })
    }
}

fn movie_header(body: &[u8]) -> Result<(u32, Orientation), ScanError> {
    let mut cursor = Cursor::new(body);
    let long = cursor.version_and_flags()?.0 == 1;
    cursor.skip(if long { 16 } else { 8 })?;
    let timescale = cursor.u32()?;
    cursor.versioned(long)?;
    cursor.skip(16)?;
    Ok((timescale, Orientation::read(&mut cursor)?))
}

fn track_defaults(body: &[u8], tracks: &mut [Track<'_>]) -> Result<(), ScanError> {
    for child in children(body) {
        let (kind, body) = child?;
        if kind != *b"trex" {
            continue;
        }
        let mut cursor = Cursor::new(body);
        cursor.version_and_flags()?;
        let id = cursor.u32()?;
        let defaults = Defaults {
            description: cursor.u32()?,
            duration: cursor.u32()?,
            size: cursor.u32()?,
            flags: cursor.u32()?,
        };
        for track in tracks.iter_mut().filter(|track| track.id == id) {
            track.defaults = defaults;
        }
    }
    Ok(())
}
