//! Encodes a sound, publishes its pieces one by one, and resumes after the last published one.

use super::arguments::{self, SAMPLE_RATE};
use super::{Assignment, EncodeJob, Over, budget, hand_in, stretches};
use crate::containers::keeps_form;
use crate::encoder::FFMPEG;
use crate::failures;
use crate::sources::{FedRun, SourceFile};
use backing::tasks::JobError;
use bytes::Bytes;
use contracts::ObjectKey;
use fmp4::{AdtsReader, AudioConfig, PieceError, TICKS, audio_cuts, audio_piece};
use renditions::models::plan::{Plan, Sound, Track};
use sandbox::{Limits, Order, RunError};
use std::ffi::OsString;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use uuid::Uuid;

/// Samples in a frame.
const FRAME: u64 = 1_024;
/// Frames at the beginning of a run that sound different from those of a run that began earlier.
const WARMING_UP: u64 = 2;
/// Frames after the planned end that still belong to the last segment: a second of them.
const PADDING: u16 = 47;
/// The length of segments after the end of the plan, if the sound is longer than the survey found.
const SEGMENT: u64 = 5 * TICKS as u64;
/// The number of such segments in a piece.
const SEGMENTS: u32 = 12;

/// Cuts the frames of a sound into pieces.
struct Cutter {
    /// Bounds in frames; grows if the sound is longer than planned.
    cuts: Vec<u64>,
    bounds: Vec<u64>,
    /// Segments in each planned piece.
    planned: Vec<u32>,
    /// The next piece, and its first segment.
    piece: u32,
    segment: usize,
    /// Frames of the next piece, from its first one on.
    waiting: Vec<Bytes>,
}

/// The frames of a piece.
struct Cut {
    number: u32,
    first: u32,
    first_frame: u64,
    counts: Vec<u32>,
    frames: Vec<Bytes>,
}

impl EncodeJob {
    /// Encodes and publishes the rest of a sound.
    pub(super) async fn sound(&self, assignment: &Assignment<'_>, n: u32) -> Result<(), Over> {
        let plan = assignment.plan;
        let Some(sound) = plan.sound(n) else {
            return Err(JobError::Permanent("bad_plan".to_owned(), "there is no such sound".to_owned()).into());
        };
        let (video, generation) = (assignment.video, assignment.generation);
        let published = self.ledger.published(video, generation, &sound.name).await?;
        let done: u64 = published.iter().map(|(_, frames)| frames.unsigned_abs()).sum();
        let mut cutter = Cutter::new(&plan.audio, published.len());
        let key = ObjectKey::VideoSource(video);
        let folder = self
            .staging
            .task(assignment.task.id)
            .map_err(|error| failures::staging(&error))?;
        // What decodes has a folder of its own: each run may have its own user.
        let beside = self.staging.task(Uuid::new_v4());
        let beside = beside.map_err(|error| failures::staging(&error))?;
        let reached = AtomicU64::new(0);
        let work = async {
            for stretch in stretches::remaining(&sound.silences, plan.end(), done) {
                self.keep_silent(assignment, sound, &mut cutter, stretch.first).await?;
                let from = cutter.frames();
                let back = from.min(WARMING_UP);
                let source = self.sources.sound(&key, plan, ticks(from), beside.path()).await?;
                let span = ((from - back) * FRAME, stretch.end);
                let run = self.start_sound(plan, sound, &source, span, (folder.path(), beside.path()));
                let run = run.map_err(|error| Over::Ended(failures::encoder(&error, assignment.task, "encode")))?;
                // The first frame primes the decoder and comes before the sound begins.
                self.follow(assignment, sound, (&mut cutter, &reached), (run, 1 + back))
                    .await?;
            }
            self.finish(assignment, sound, &mut cutter).await
        };
        tokio::select! {
            ended = work => ended,
            () = self.watch(assignment, || reached.load(Ordering::Relaxed)) => Err(Over::Lost),
        }
    }

    /// Starts to encode a sound: in one run, or in one that decodes and one that encodes behind it.
    fn start_sound(
        &self,
        plan: &Plan,
        sound: &Sound,
        source: &SourceFile,
        span: (u64, u64),
        (folder, beside): (&Path, &Path),
    ) -> Result<FedRun, RunError> {
        let order = |args: Vec<OsString>, folder: &Path, read: &Path| Order {
            tool: FFMPEG.into(),
            args,
            folder: folder.to_owned(),
            reads: vec![read.to_owned()],
            writes: Vec::new(),
            limits: Limits {
                cpu: Some(budget::of_sound(plan.end())),
                ..self.limits()
            },
        };
        if keeps_form(&plan.input.container) {
            let args = arguments::sound(&plan.input, source, sound, span);
            return source.start(&self.sandbox, &order(args, beside, source.path()));
        }
        let args = arguments::decoded(&plan.input, source, sound, span);
        let decoder = source.start(&self.sandbox, &order(args, beside, source.path()))?;
        let pipe = folder.join("decoded");
        let args = arguments::encoded(&pipe, sound, span.0);
        decoder.into_pipe(&pipe, &self.sandbox, &order(args, folder, &pipe))
    }

    /// Adds silent frames up to a frame.
    async fn keep_silent(
        &self,
        assignment: &Assignment<'_>,
        sound: &Sound,
        cutter: &mut Cutter,
        first: u64,
    ) -> Result<(), Over> {
        let silence = config(sound)?.silence();
        while let Some(frame) = silence.clone().filter(|_| cutter.frames() < first) {
            cutter.waiting.push(frame);
            if let Some(cut) = cutter.cut() {
                self.hand_over(assignment, sound, cut, false).await?;
            }
        }
        Ok(())
    }

    /// Publishes the last piece.
    async fn finish(&self, assignment: &Assignment<'_>, sound: &Sound, cutter: &mut Cutter) -> Result<(), Over> {
        if cutter.frames() > 0 {
            // The lecture may last longer than its sound; silence fills the rest.
            let all = frames_until(assignment.plan.end());
            self.keep_silent(assignment, sound, cutter, all).await?;
        }
        let cut = cutter.rest().ok_or_else(|| {
            let message = "there is no sound in the file that can be decoded".to_owned();
            JobError::Permanent("media_undecodable".to_owned(), message)
        })?;
        self.hand_over(assignment, sound, cut, true).await
    }

    async fn follow(
        &self,
        assignment: &Assignment<'_>,
        sound: &Sound,
        (cutter, reached): (&mut Cutter, &AtomicU64),
        (mut running, mut skip): (FedRun, u64),
    ) -> Result<(), Over> {
        let failed = |error| Over::Ended(failures::encoder(&error, assignment.task, "encode"));
        let mut reader = AdtsReader::new();
        loop {
            let chunk = match running.next().await {
                Ok(Some(chunk)) => chunk,
                Ok(None) => break,
                Err(error) => return Err(failed(error)),
            };
            for frame in reader.push(&chunk).map_err(broken)? {
                if skip > 0 {
                    skip -= 1;
                } else {
                    cutter.waiting.push(frame);
                }
            }
            reached.store(cutter.waiting_ticks(), Ordering::Relaxed);
            if cutter.end_at(frames_until(assignment.plan.end()) + u64::from(PADDING)) {
                break;
            }
            if reader
                .config()
                .is_some_and(|read| config(sound).ok().as_ref() != Some(read))
            {
                return Err(broken(PieceError::Format("AAC of an unusual form")).into());
            }
            while let Some(cut) = cutter.cut() {
                self.hand_over(assignment, sound, cut, false).await?;
            }
        }
        Ok(())
    }

    async fn hand_over(&self, assignment: &Assignment<'_>, sound: &Sound, cut: Cut, last: bool) -> Result<(), Over> {
        let config = config(sound)?;
        let mut piece = audio_piece(&cut.frames, &config, cut.first_frame, &cut.counts, cut.first).map_err(broken)?;
        let bytes = std::mem::take(&mut piece.bytes);
        let key = self.store(assignment, &sound.name, cut.number, bytes).await?;
        let handed_in = hand_in(&sound.name, cut.number, (cut.first, last), SAMPLE_RATE, &piece);
        self.publish(assignment, (vec![handed_in], Vec::new()), &[key], last)
            .await
    }
}

impl Cutter {
    /// Continues after this many published pieces.
    fn new(track: &Track, published: usize) -> Self {
        let planned: Vec<u32> = track.pieces.iter().map(|piece| piece.segments).collect();
        let known = planned
            .iter()
            .take(published)
            .map(|&segments| usize::try_from(segments).unwrap_or(0));
        let beyond = published.saturating_sub(planned.len()) * usize::try_from(SEGMENTS).unwrap_or(1);
        let mut cutter = Self {
            cuts: audio_cuts(&track.bounds, SAMPLE_RATE),
            bounds: track.bounds.clone(),
            segment: known.sum::<usize>() + beyond,
            piece: u32::try_from(published).unwrap_or(u32::MAX),
            planned,
            waiting: Vec::new(),
        };
        cutter.reach(cutter.segment);
        cutter
    }

    /// How many frames there are, cut or not.
    fn frames(&self) -> u64 {
        self.at(self.segment) + u64::try_from(self.waiting.len()).unwrap_or(0)
    }

    /// Drops what lies behind a frame; true once there is something to drop. No file may make more sound than its lecture has.
    fn end_at(&mut self, frame: u64) -> bool {
        let room = usize::try_from(frame.saturating_sub(self.at(self.segment))).unwrap_or(usize::MAX);
        let is_over = self.waiting.len() > room;
        self.waiting.truncate(room);
        is_over
    }

    /// Adds bounds up to this number.
    fn reach(&mut self, segment: usize) {
        while self.cuts.len() <= segment {
            let end = self.bounds.last().copied().unwrap_or(0);
            self.bounds.push((end / SEGMENT + 1) * SEGMENT);
            self.cuts = audio_cuts(&self.bounds, SAMPLE_RATE);
        }
    }

    fn at(&self, segment: usize) -> u64 {
        self.cuts.get(segment).copied().unwrap_or(0)
    }

    fn segments(&self) -> usize {
        let planned = usize::try_from(self.piece).ok().and_then(|n| self.planned.get(n));
        usize::try_from(planned.copied().unwrap_or(SEGMENTS)).unwrap_or(1)
    }

    /// The next piece, once a frame follows it, so that the last piece can be marked as the last.
    fn cut(&mut self) -> Option<Cut> {
        let next = self.segment + self.segments();
        self.reach(next);
        let frames = usize::try_from(self.at(next).saturating_sub(self.at(self.segment))).ok()?;
        // Frames after the planned end may be just an encoder's padding.
        let is_end = next + 1 >= self.planned_segments();
        let padding = if is_end { usize::from(PADDING) } else { 0 };
        (self.waiting.len() > frames + padding).then(|| self.take(next, frames))
    }

    fn planned_segments(&self) -> usize {
        let all: u32 = self.planned.iter().sum();
        usize::try_from(all).unwrap_or(usize::MAX)
    }

    /// The rest of the frames at the end of the sound; the last segment is not a stub.
    fn rest(&mut self) -> Option<Cut> {
        if self.waiting.is_empty() {
            return None;
        }
        self.reach(self.segment + self.segments());
        let (begun, left) = (self.at(self.segment), self.waiting.len());
        let end = begun + u64::try_from(left).unwrap_or(0);
        let mut next = self.segment + 1;
        // Up to half a second at the end belongs to the segment before it.
        while next < self.segment + self.segments() && self.at(next) + u64::from(SAMPLE_RATE) / FRAME / 2 < end {
            next += 1;
        }
        Some(self.take(next, left))
    }

    /// Takes a piece up to a bound; its last segment gets the remaining frames.
    fn take(&mut self, next: usize, frames: usize) -> Cut {
        let first_frame = self.at(self.segment);
        let mut left = u32::try_from(frames).unwrap_or(u32::MAX);
        let mut counts = Vec::new();
        for segment in self.segment..next {
            let whole = self.at(segment + 1).saturating_sub(self.at(segment));
            let whole = u32::try_from(whole).unwrap_or(u32::MAX);
            let count = if segment + 1 == next { left } else { whole.min(left) };
            left -= count;
            counts.push(count);
        }
        let behind = self.waiting.split_off(frames.min(self.waiting.len()));
        let cut = Cut {
            number: self.piece,
            first: u32::try_from(self.segment).unwrap_or(u32::MAX),
            first_frame,
            counts,
            frames: std::mem::replace(&mut self.waiting, behind),
        };
        self.segment = next;
        self.piece += 1;
        cut
    }

    /// The length of the frames that are not published yet.
    ///
    /// Units: 90 kHz
    fn waiting_ticks(&self) -> u64 {
        ticks(u64::try_from(self.waiting.len()).unwrap_or(0))
    }
}

/// The time of a frame.
///
/// Units: 90 kHz
fn ticks(frames: u64) -> u64 {
    frames * FRAME * u64::from(TICKS) / u64::from(SAMPLE_RATE)
}

/// How many frames a sound needs to last until a time, in ticks.
fn frames_until(end: u64) -> u64 {
    let samples = u128::from(end) * u128::from(SAMPLE_RATE);
    let all = samples.div_ceil(u128::from(FRAME) * u128::from(TICKS));
    u64::try_from(all).unwrap_or(u64::MAX)
}

/// The parameters of the encoded sound.
fn config(sound: &Sound) -> Result<AudioConfig, JobError> {
    AudioConfig::at_48_khz(sound.channels).map_err(broken)
}

fn broken(error: PieceError) -> JobError {
    JobError::Permanent(error.code().to_owned(), error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use renditions::models::plan::PlannedPiece;

    /// Four segments of five seconds in two pieces.
    fn track() -> Track {
        let piece = |first| PlannedPiece {
            first,
            segments: 2,
            key_frame: None,
            frames: None,
            bytes: None,
        };
        Track {
            bounds: (0..5).map(|n| n * 450_000).collect(),
            pieces: vec![piece(0), piece(2)],
        }
    }

    /// The cuts that so many frames make, as number, first segment, first frame and counts.
    fn cut(frames: usize, published: usize) -> Vec<(u32, u32, u64, Vec<u32>)> {
        let mut cutter = Cutter::new(&track(), published);
        let parts = |cut: Cut| {
            assert_eq!(
                cut.frames.len(),
                cut.counts.iter().map(|&n| usize::try_from(n).unwrap()).sum::<usize>()
            );
            (cut.number, cut.first, cut.first_frame, cut.counts)
        };
        let mut cuts = Vec::new();
        for _ in 0..frames {
            cutter.waiting.push(Bytes::from_static(b"x"));
            cuts.extend(cutter.cut().map(parts));
        }
        cuts.extend(cutter.rest().map(parts));
        cuts
    }

    #[test]
    fn sound_of_the_planned_length_makes_the_planned_pieces() {
        assert_eq!(cut(938, 0), [(0, 0, 0, vec![234, 235]), (1, 2, 469, vec![234, 235])]);
    }

    #[test]
    fn shorter_sound_ends_early_and_without_a_stub() {
        assert_eq!(cut(100, 0), [(0, 0, 0, vec![100])]);
        assert_eq!(cut(240, 0), [(0, 0, 0, vec![240])]);
        assert_eq!(cut(469, 0), [(0, 0, 0, vec![234, 235])]);
        assert_eq!(cut(500, 0), [(0, 0, 0, vec![234, 235]), (1, 2, 469, vec![31])]);
    }

    #[test]
    fn longer_sound_goes_on_in_segments_of_its_own() {
        let cuts = cut(938 + 400, 0);
        assert_eq!(cuts.len(), 3);
        assert_eq!((cuts[2].0, cuts[2].1, cuts[2].2), (2, 4, 937));
        assert_eq!(cuts[2].3.iter().sum::<u32>(), 401);
    }

    #[test]
    fn sound_that_never_ends_is_cut_behind_the_lecture() {
        let mut cutter = Cutter::new(&track(), 0);
        for _ in 0..5_000 {
            cutter.waiting.push(Bytes::from_static(b"x"));
            if cutter.end_at(938 + u64::from(PADDING)) {
                break;
            }
            cutter.cut();
        }
        assert_eq!(cutter.frames(), 938 + u64::from(PADDING));
        assert!(!cutter.end_at(938 + u64::from(PADDING)));
    }

    #[test]
    fn it_is_taken_up_behind_what_is_published() {
        assert_eq!(cut(469, 1), [(1, 2, 469, vec![234, 235])]);
    }
}
