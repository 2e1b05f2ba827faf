//! Movie fragments: samples described beside their data instead of in the movie's tables.
//!
//! Source: ISO/IEC 14496-12 §8.8

use crate::boxes::{check_structure, children, find};
use crate::bytes::Cursor;
use crate::error::{Obstacle, ScanError};
use crate::movie::Movie;
use crate::samples::{Defaults, MAX_SAMPLES, Packed, Sample};

/// Reads the fragments of a file, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fragments {
    tracks: Vec<FragmentedTrack>,
    count: u64,
    /// The end of the sample furthest back in the file.
    reach: u64,
    obstacle: Option<Obstacle>,
}

#[derive(Clone, Debug)]
struct FragmentedTrack {
    id: u32,
    defaults: Defaults,
    packed: Packed,
    /// The default decode time of the next sample; `None` before the first.
    next: Option<i64>,
    /// The last sample, whose duration is known only when the next fragment states its time.
    held: Option<(i64, Sample)>,
}

impl Fragments {
    pub(crate) fn new(movie: &Movie<'_>) -> Result<Self, ScanError> {
        let tracks = movie.tracks.iter().map(|track| {
            let next = if track.tables.count() == 0 {
                None
            } else {
                Some(track.tables.end()?)
            };
            let (id, defaults) = (track.id, track.defaults);
            Ok(FragmentedTrack {
                id,
                defaults,
                packed: Packed::default(),
                next,
                held: None,
            })
        });
        Ok(Self {
            tracks: tracks.collect::<Result<_, ScanError>>()?,
            count: 0,
            reach: 0,
            obstacle: None,
        })
    }

    /// Reads the body of the `moof` box at offset `place` in a file of `file` bytes.
    pub(crate) fn read(&mut self, place: u64, body: &[u8], file: u64) -> Result<(), ScanError> {
        check_structure(body)?;
        let mut position = place;
        for child in children(body) {
            match child? {
                (kind, body) if kind == *b"traf" => position = self.read_track(place, position, body, file)?,
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads one track's part; returns the offset after its data.
    fn read_track(&mut self, moof: u64, position: u64, body: &[u8], file: u64) -> Result<u64, ScanError> {
        let header = find(body, *b"tfhd")?.ok_or(ScanError::Malformed("a fragment without a header"))?;
        let mut cursor = Cursor::new(header);
        let (_, flags) = cursor.version_and_flags()?;
        let id = cursor.u32()?;
        let base = match flags {
            _ if flags & 0x1 != 0 => cursor.u64()?,
            _ if flags & 0x2_0000 != 0 => moof,
            _ => position,
        };
        let Some(track) = self.tracks.iter_mut().find(|track| track.id == id) else {
            return Ok(position);
        };
        let mut defaults = track.defaults;
        let stated = [
            (0x2, &mut defaults.description),
            (0x8, &mut defaults.duration),
            (0x10, &mut defaults.size),
            (0x20, &mut defaults.flags),
        ];
        for (flag, value) in stated {
            if flags & flag != 0 {
                *value = cursor.u32()?;
            }
        }
        if defaults.description > 1 {
            self.obstacle.get_or_insert(Obstacle::SampleEntries);
        }
        if let Some(time) = find(body, *b"tfdt")? {
            let mut cursor = Cursor::new(time);
            let long = cursor.version_and_flags()?.0 == 1;
            let time = i64::try_from(cursor.versioned(long)?);
            let time = time.map_err(|_| ScanError::Malformed("times are out of range"))?;
            if let Err(obstacle) = track.begin_at(time) {
                self.obstacle.get_or_insert(obstacle);
            }
        }
        let mut place = base;
        for child in children(body) {
            let (kind, body) = child?;
            if kind == *b"trun" {
                place = track.read_run(base, place, defaults, body, file, &mut self.count)?;
                self.reach = self.reach.max(place);
            }
        }
        Ok(place)
    }

    /// The end of the sample furthest back in the file.
    pub(crate) fn reach(&self) -> u64 {
        self.reach
    }

    /// Whether there is a sample, in fragments or in the movie.
    pub(crate) fn has_samples(&self) -> bool {
        self.tracks.iter().any(|track| track.next.is_some())
    }

    /// Returns the samples of each track after the last fragment, in the order of the movie's tracks.
    pub(crate) fn finish(self) -> Result<(Vec<Packed>, Option<Obstacle>), ScanError> {
        let tracks = self.tracks.into_iter().map(|mut track| {
            track.release(None)?;
            Ok(track.packed)
        });
        Ok((tracks.collect::<Result<_, ScanError>>()?, self.obstacle))
    }
}

impl FragmentedTrack {
    /// Takes a fragment's first decode time, which ends the previous sample.
    fn begin_at(&mut self, time: i64) -> Result<(), Obstacle> {
        match (&mut self.held, self.next) {
            (Some((start, held)), _) => {
                let duration = time
                    .checked_sub(*start)
                    .and_then(|duration| u32::try_from(duration).ok());
                held.duration = duration.ok_or(Obstacle::Timeline("a fragment starts before the previous one"))?;
                self.next = Some(time);
            }
            (None, None) => self.next = Some(time),
            (None, Some(next)) if next != time => {
                return Err(Obstacle::Timeline("fragments do not follow the movie's own samples"));
            }
            _ => {}
        }
        Ok(())
    }

    fn release(&mut self, next: Option<(i64, Sample)>) -> Result<(), ScanError> {
        if let Some((time, sample)) = std::mem::replace(&mut self.held, next) {
            self.packed.begin_at(time);
            self.packed.push(sample)?;
        }
        Ok(())
    }

    /// Reads a `trun`; returns the offset after its data.
    fn read_run(
        &mut self,
        base: u64,
        follows: u64,
        defaults: Defaults,
        body: &[u8],
        file: u64,
        total: &mut u64,
    ) -> Result<u64, ScanError> {
        let out_of_range = ScanError::Malformed("an offset is out of range");
        let mut cursor = Cursor::new(body);
        let (_, flags) = cursor.version_and_flags()?;
        let count = cursor.u32()?;
        let mut place = follows;
        if flags & 0x1 != 0 {
            place = base.checked_add_signed(cursor.i32()?.into()).ok_or(out_of_range)?;
        }
        let mut first_flags = if flags & 0x4 == 0 { None } else { Some(cursor.u32()?) };
        // A run may state only the number of its samples, so its size does not limit the number.
        *total = total.saturating_add(count.into());
        if *total > file.min(MAX_SAMPLES) {
            return Err(ScanError::Limits("more samples than fit in the file"));
        }
        let mut time = self.next.unwrap_or(0);
        for _ in 0..count {
            let mut field = |flag: u32, otherwise: u32| if flags & flag == 0 { Ok(otherwise) } else { cursor.u32() };
            let duration = field(0x100, defaults.duration)?;
            let size = field(0x200, defaults.size)?;
            let own_flags = field(0x400, first_flags.take().unwrap_or(defaults.flags))?;
            let composition = field(0x800, 0)?.cast_signed();
            let sample = Sample {
                offset: place,
                size,
                duration,
                composition,
                sync: own_flags & 0x1_0000 == 0,
            };
            place = sample.end().ok_or(out_of_range)?;
            self.release(Some((time, sample)))?;
            time = time
                .checked_add(duration.into())
                .ok_or(ScanError::Malformed("times are out of range"))?;
        }
        self.next = Some(time);
        Ok(place)
    }
}
