//! Walks over the boxes of a file, from one header to the next.

use std::ops::Range;

use super::fragments::Fragments;
use crate::boxes::{Header, header};
use crate::bytes::{narrow, wide};
use crate::error::ScanError;
use crate::movie::Movie;
use crate::sniff::sniff;

/// The size of a read at an expected header; it often includes what follows.
const WINDOW: u64 = 64 << 10;
const MAX_MOOV: u64 = 64 << 20;
const MAX_MOOF: u64 = 16 << 20;
/// The limit of other boxes beside media and fragments; a file has some ten.
const MAX_OTHERS: u32 = 4096;
/// More than a day of fragments of a tenth of a second.
const MAX_FRAGMENTS: u32 = 1_000_000;

const CUT_OFF: ScanError = ScanError::Truncated("a box ends early");

/// Collects the movie and the samples of its fragments.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    at: u64,
    is_mov: bool,
    moov: Option<Vec<u8>>,
    fragments: Option<Fragments>,
    /// The last fragment's place and body, until it is certain that its media is complete.
    pending: Option<(u64, Vec<u8>)>,
    cut: bool,
    others: u32,
    moofs: u32,
    /// The sizes of the last fragment's header and of the last media box.
    last_moof: u64,
    last_mdat: u64,
}

/// The file's structure, complete.
#[derive(Debug)]
pub(crate) struct Layout {
    pub(crate) is_mov: bool,
    pub(crate) moov: Vec<u8>,
    pub(crate) fragments: Option<Fragments>,
    /// Whether the last fragments are missing or incomplete.
    pub(crate) cut: bool,
}

enum Next {
    /// The next header is at `at`.
    Go,
    /// This many bytes from `at` are needed at once.
    Need(u64),
    /// Nothing more can be read; with an error, something is missing.
    End(Option<ScanError>),
}

impl Walk {
    /// The first range to read from a file that is not empty.
    pub(crate) fn first(file: u64) -> Range<u64> {
        0..file.min(WINDOW)
    }

    /// Continues with the requested bytes; returns the next range to read, or `None` at the end of the file.
    pub(crate) fn answer(&mut self, bytes: &[u8], file: u64) -> Result<Option<Range<u64>>, ScanError> {
        if self.at == 0 {
            let kind = sniff(bytes);
            if !kind.is_scannable() {
                return Err(ScanError::NotMp4);
            }
            self.is_mov = kind == crate::Sniff::Mov;
        }
        let start = self.at;
        loop {
            let Some(window) = narrow(self.at.saturating_sub(start))
                .ok()
                .and_then(|from| bytes.get(from..))
            else {
                return Ok(Some(self.window(self.usual(), file)));
            };
            match self.read(window, file)? {
                Next::Go if self.at < file => {}
                Next::Need(length) => return Ok(Some(self.window(length, file))),
                Next::Go => return self.end(None, file).map(|()| None),
                Next::End(damage) => return self.end(damage, file).map(|()| None),
            }
        }
    }

    fn window(&self, length: u64, file: u64) -> Range<u64> {
        self.at..file.min(self.at.saturating_add(length))
    }

    /// How much to read at an expected header: if fragments are large, little more than the next one's header is useful.
    fn usual(&self) -> u64 {
        if self.moofs > 0 && self.last_mdat > WINDOW {
            (self.last_moof * 2).clamp(4096, WINDOW)
        } else {
            WINDOW
        }
    }

    fn read(&mut self, window: &[u8], file: u64) -> Result<Next, ScanError> {
        let left = file.saturating_sub(self.at);
        let header = match header(window) {
            Ok(header) => header,
            Err(_) if left < 16 && wide(window.len()) >= left => return self.stray(CUT_OFF),
            Err(_) => return Ok(Next::Need(WINDOW)),
        };
        let size = header.size.unwrap_or(left);
        if size < header.length {
            return self.stray(ScanError::Malformed("a box is smaller than its header"));
        }
        match &header.kind {
            b"moov" => self.movie(window, header, size, left),
            b"moof" => self.fragment(window, header, size, left, file),
            b"mdat" if size > left => self.damaged(ScanError::Truncated("the media ends early")),
            b"mdat" => {
                self.last_mdat = size;
                self.pass(size)
            }
            _ if size > left => self.stray(CUT_OFF),
            b"styp" | b"sidx" | b"emsg" | b"prft" => self.pass(size),
            kind if !kind
                .iter()
                .all(|byte| byte.is_ascii_graphic() || *byte == b' ' || *byte == 0xa9) =>
            {
                self.stray(ScanError::Malformed("there is something that is not a box"))
            }
            _ => {
                self.others += 1;
                if self.others > MAX_OTHERS {
                    return Err(ScanError::Limits("too many boxes"));
                }
                self.pass(size)
            }
        }
    }

    fn pass(&mut self, size: u64) -> Result<Next, ScanError> {
        self.at = self
            .at
            .checked_add(size)
            .ok_or(ScanError::Malformed("an offset is out of range"))?;
        Ok(Next::Go)
    }

    /// Handles an incomplete box: harmless behind a complete movie.
    fn stray(&self, error: ScanError) -> Result<Next, ScanError> {
        if self.moov.is_some() && self.fragments.is_none() {
            Ok(Next::End(None))
        } else {
            self.damaged(error)
        }
    }

    /// Handles damage: a recorder that dies leaves the last fragment incomplete; any other file is unusable.
    fn damaged(&self, error: ScanError) -> Result<Next, ScanError> {
        if self.fragments.is_some() {
            Ok(Next::End(Some(error)))
        } else {
            Err(error)
        }
    }

    /// Takes the samples of the pending fragment.
    fn take_pending(&mut self, file: u64) -> Result<(), ScanError> {
        match (&mut self.fragments, self.pending.take()) {
            (Some(fragments), Some((place, body))) => fragments.read(place, &body, file),
            _ => Ok(()),
        }
    }

    /// Ends the walk; a last fragment whose media is incomplete is left out.
    fn end(&mut self, damage: Option<ScanError>, file: u64) -> Result<(), ScanError> {
        let before = self.fragments.clone();
        let taken = self.take_pending(file);
        if let Err(limit @ ScanError::Limits(_)) = taken {
            return Err(limit);
        }
        let whole = taken.is_ok() && self.fragments.as_ref().is_none_or(|it| it.reach() <= file);
        if !whole {
            self.fragments = before;
        }
        if whole && damage.is_none() {
            return Ok(());
        }
        self.cut = true;
        if self.fragments.as_ref().is_some_and(Fragments::has_samples) {
            return Ok(());
        }
        let error = damage.or(taken.err());
        Err(error.unwrap_or(ScanError::Truncated("the media ends early")))
    }

    fn movie(&mut self, window: &[u8], header: Header, size: u64, left: u64) -> Result<Next, ScanError> {
        if size > left {
            return Err(ScanError::Truncated("the movie header ends early"));
        }
        if size > MAX_MOOV {
            return Err(ScanError::Limits("the movie header is larger than 64 MiB"));
        }
        if self.moov.is_some() {
            return Err(ScanError::Malformed("two movie headers"));
        }
        let Some(body) = window.get(narrow(header.length)?..narrow(size)?) else {
            return Ok(Next::Need(size));
        };
        let movie = Movie::parse(body)?;
        if movie.fragmented {
            self.fragments = Some(Fragments::new(&movie)?);
        }
        self.moov = Some(body.to_vec());
        self.pass(size)
    }

    fn fragment(&mut self, window: &[u8], header: Header, size: u64, left: u64, file: u64) -> Result<Next, ScanError> {
        if size > left {
            return self.damaged(ScanError::Truncated("a fragment ends early"));
        }
        self.moofs += 1;
        if size > MAX_MOOF || self.moofs > MAX_FRAGMENTS {
            return Err(ScanError::Limits("too many or too large fragments"));
        }
        if self.moov.is_none() {
            return Err(ScanError::Malformed("a fragment before the movie header"));
        }
        let Some(body) = window.get(narrow(header.length)?..narrow(size)?) else {
            self.moofs -= 1;
            return Ok(Next::Need(size.saturating_add(64)));
        };
        self.last_moof = size;
        let body = body.to_vec();
        self.take_pending(file)?;
        self.pending = Some((self.at, body));
        self.pass(size)
    }

    /// Ends the walk at the end of the file.
    pub(crate) fn finish(self) -> Result<Layout, ScanError> {
        let moov = self.moov.ok_or(ScanError::Truncated("it has no movie header"))?;
        Ok(Layout {
            is_mov: self.is_mov,
            moov,
            fragments: self.fragments,
            cut: self.cut,
        })
    }
}
