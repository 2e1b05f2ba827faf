//! One track of a movie.

use super::{Edits, Entry, Orientation, description};
use crate::boxes::{children, find};
use crate::bytes::{Cursor, Short};
use crate::error::ScanError;
use crate::samples::{Defaults, Tables};

/// Flags of a track's header.
///
/// Source: ISO/IEC 14496-12 §8.3.2
const ENABLED: u32 = 1;
const IN_MOVIE: u32 = 2;
const IN_PREVIEW: u32 = 4;

/// The kind of media in a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handler {
    Video,
    Audio,
    /// Subtitles, time codes, chapters, metadata: media that is not served.
    Other,
}

/// The facts in a `trak` box.
#[derive(Debug)]
pub(crate) struct Track<'a> {
    pub(crate) id: u32,
    pub(crate) enabled: bool,
    /// Whether it is shown only in previews of the movie.
    pub(crate) preview: bool,
    /// Tracks of the same group, other than 0, are alternatives to each other.
    pub(crate) alternate_group: u16,
    pub(crate) orientation: Orientation,
    pub(crate) handler: Handler,
    pub(crate) timescale: u32,
    pub(crate) language: Option<String>,
    pub(crate) edits: Edits,
    pub(crate) descriptions: usize,
    pub(crate) entry: Option<Entry<'a>>,
    pub(crate) tables: Tables<'a>,
    pub(crate) defaults: Defaults,
}

impl<'a> Track<'a> {
    pub(crate) fn parse(body: &'a [u8]) -> Result<Self, ScanError> {
        let header = find(body, *b"tkhd")?.ok_or(ScanError::Malformed("a track without a header"))?;
        let media = find(body, *b"mdia")?.ok_or(ScanError::Malformed("a track without media"))?;
        let edits = match find(body, *b"edts")? {
            Some(edits) => find(edits, *b"elst")?
                .map(Edits::parse)
                .transpose()?
                .unwrap_or_default(),
            None => Edits::default(),
        };
        let mut track = Self {
            id: 0,
            enabled: true,
            preview: false,
            alternate_group: 0,
            orientation: Orientation::default(),
            handler: Handler::Other,
            timescale: 0,
            language: None,
            edits,
            descriptions: 0,
            entry: None,
            tables: Tables::default(),
            defaults: Defaults::default(),
        };
        track.read_header(header)?;
        track.read_media(media)?;
        Ok(track)
    }

    fn read_header(&mut self, body: &[u8]) -> Result<(), Short> {
        let mut cursor = Cursor::new(body);
        let (version, flags) = cursor.version_and_flags()?;
        let long = version == 1;
        self.enabled = flags & ENABLED != 0;
        self.preview = flags & (IN_MOVIE | IN_PREVIEW) == IN_PREVIEW;
        cursor.skip(if long { 16 } else { 8 })?;
        self.id = cursor.u32()?;
        cursor.skip(4)?;
        cursor.versioned(long)?;
        cursor.skip(10)?;
        self.alternate_group = cursor.u16()?;
        cursor.skip(4)?;
        self.orientation = Orientation::read(&mut cursor)?;
        Ok(())
    }

    fn read_media(&mut self, body: &'a [u8]) -> Result<(), ScanError> {
        let mut info = None;
        for child in children(body) {
            let (kind, body) = child?;
            match &kind {
                b"mdhd" => self.read_media_header(body)?,
                b"hdlr" => self.handler = handler(body)?,
                b"minf" => info = Some(body),
                _ => {}
            }
        }
        let Some(info) = info else { return Ok(()) };
        if let Some(data) = find(info, *b"dinf")? {
            check_references(data)?;
        }
        if self.handler == Handler::Other {
            return Ok(());
        }
        if self.timescale == 0 {
            return Err(ScanError::Malformed("a track without a timescale"));
        }
        if let Some(table) = find(info, *b"stbl")? {
            if let Some(body) = find(table, *b"stsd")? {
                (self.descriptions, self.entry) = description::parse(body, self.handler == Handler::Video)?;
            }
            self.tables = Tables::parse(table)?;
        }
        Ok(())
    }

    fn read_media_header(&mut self, body: &[u8]) -> Result<(), Short> {
        let mut cursor = Cursor::new(body);
        let long = cursor.version_and_flags()?.0 == 1;
        cursor.skip(if long { 16 } else { 8 })?;
        self.timescale = cursor.u32()?;
        cursor.versioned(long)?;
        self.language = language(cursor.u16()?);
        Ok(())
    }
}

fn handler(body: &[u8]) -> Result<Handler, Short> {
    let mut cursor = Cursor::new(body);
    cursor.skip(8)?;
    Ok(match &cursor.array::<4>()? {
        b"vide" => Handler::Video,
        b"soun" => Handler::Audio,
        _ => Handler::Other,
    })
}

/// Three letters of five bits each; QuickTime's numeric codes, which many writers leave at 0, are ignored.
fn language(packed: u16) -> Option<String> {
    let letters = [packed >> 10, packed >> 5, packed].map(|bits| (bits & 0x1f).to_be_bytes());
    let letters = letters.map(|[_, low]| low.checked_add(0x60).filter(u8::is_ascii_lowercase));
    let code: Option<String> = letters.into_iter().map(|letter| letter.map(char::from)).collect();
    code.filter(|code| packed & 0x8000 == 0 && code != "und")
}

/// Rejects media in other files.
///
/// Source: ISO/IEC 14496-12 §8.7.2: flag 1 means that the media is in the same file
fn check_references(body: &[u8]) -> Result<(), ScanError> {
    let Some(references) = find(body, *b"dref")? else {
        return Ok(());
    };
    let mut cursor = Cursor::new(references);
    cursor.skip(8)?;
    for child in children(cursor.rest()) {
        let (_, body) = child?;
        let (_, flags) = Cursor::new(body).version_and_flags()?;
        if flags & 1 == 0 {
            return Err(ScanError::ExternalReference);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_are_three_letters_or_unknown() {
        assert_eq!(language(0x15c7).as_deref(), Some("eng"));
        assert_eq!(language(0x55c4), None);
        assert_eq!(language(0x7fff), None);
        assert_eq!(language(0), None);
        assert_eq!(language(0xffff), None);
    }
}
