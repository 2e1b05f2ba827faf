//! One piece of the picture: decoded once, encoded to every rung of its set.

use super::arguments::{self, PieceOrder};
use super::{Assignment, EncodeJob, Over, budget, hand_in};
use crate::containers;
use crate::encoder::{self, FFMPEG};
use crate::failures;
use crate::sources::{SourceError, SourceFile};
use backing::tasks::JobError;
use contracts::{ObjectKey, RenditionName};
use fmp4::{Piece, PieceError, TICKS, video_piece};
use renditions::models::lecture::Reason;
use renditions::models::plan::{PlannedPiece, Rung, Work};
use sandbox::{Limits, Order, RunError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::task::spawn_blocking;

/// How much further back decoding begins when frames are missing because the container led to the wrong place.
const FURTHER_BACK: u64 = 30 * TICKS as u64;
/// The most bytes of any encoded file, however short it is planned.
const SMALLEST_LIMIT: u64 = 256 << 20;
/// ffmpeg's exit code if a signal asked it to end.
const OF_SIGNALS: i32 = 255;
/// The number of the signal that it is asked with.
const TERMINATED: i32 = 15;
/// How many frames may be decoded before they are shown: B-frames, and B-frames that others depend on.
const REORDERED: f64 = 2.0;

/// The pieces of a set's rungs, and which rungs could not be made.
type Results<'a> = (Vec<(&'a Rung, Piece)>, Vec<(RenditionName, Reason)>);

impl Assignment<'_> {
    /// The part of the assignment with this set of rungs, as which its progress is reported.
    fn of_set(&self, number: u32, set: &[RenditionName]) -> Self {
        Self {
            work: Work::Piece {
                number,
                rungs: set.to_vec(),
            },
            ..self.clone()
        }
    }
}

impl EncodeJob {
    /// Encodes, stores and publishes a piece: a set of rungs after the other.
    pub(super) async fn picture(
        &self,
        assignment: &Assignment<'_>,
        number: u32,
        names: &[RenditionName],
    ) -> Result<(), Over> {
        let plan = assignment.plan;
        let pieces = &plan.video.pieces;
        let planned = usize::try_from(number).ok().and_then(|n| pieces.get(n));
        // A rung that has failed, or whose piece an earlier attempt has published, is not encoded again.
        let lacking = self
            .ledger
            .lacking(assignment.video, assignment.generation, number)
            .await?;
        let mut sets = plan.sets();
        for set in &mut sets {
            set.retain(|name| names.contains(name) && lacking.contains(name));
        }
        sets.retain(|set| !set.is_empty());
        let Some(planned) = planned else {
            return Err(JobError::Permanent("bad_plan".to_owned(), "there is no such piece".to_owned()).into());
        };
        if sets.is_empty() {
            return self.publish(assignment, (Vec::new(), Vec::new()), &[], true).await;
        }
        let folder = self
            .staging
            .task(assignment.task.id)
            .map_err(|error| failures::staging(&error))?;
        let source = self.source(assignment, planned, folder.path()).await?;
        let (mut failed, mut is_begun) = (Vec::new(), false);
        for (n, set) in sets.iter().enumerate() {
            let is_last = n + 1 == sets.len();
            let of = assignment.of_set(number, set);
            let rungs = set.iter().filter_map(|name| plan.rung(name.as_str())).collect();
            let made = match self.each(&of, planned, rungs, (&source, folder.path())).await {
                Ok((made, more)) => {
                    failed.extend(more);
                    made
                }
                // The other set does not fail with this one.
                Err(Over::Ended(Err(JobError::Permanent(code, message)))) if is_begun || !is_last => {
                    let reason = Reason { code, message };
                    failed.extend(set.iter().map(|name| (name.clone(), reason.clone())));
                    Vec::new()
                }
                Err(other) => return Err(other),
            };
            if is_last || !made.is_empty() {
                let results = (made, std::mem::take(&mut failed));
                self.hand_over_pictures(&of, (number, planned), results, is_last)
                    .await?;
                is_begun = true;
            }
        }
        Ok(())
    }

    /// What the encoder reads of a piece.
    async fn source(
        &self,
        assignment: &Assignment<'_>,
        planned: &PlannedPiece,
        folder: &Path,
    ) -> Result<SourceFile, SourceError> {
        let video = assignment.video;
        match (&assignment.plan.input.recording, &planned.bytes) {
            (Some(layer), Some(bytes)) => self.recordings.slice((video, &layer.name), bytes, folder).await,
            (_, bytes) => {
                let key = ObjectKey::VideoSource(video);
                self.sources.picture(&key, bytes.as_ref(), folder).await
            }
        }
    }

    /// Stores and publishes the pieces of a set, and which rungs failed.
    async fn hand_over_pictures(
        &self,
        assignment: &Assignment<'_>,
        (number, planned): (u32, &PlannedPiece),
        (made, failed): Results<'_>,
        finish: bool,
    ) -> Result<(), Over> {
        let pieces = assignment.plan.video.pieces.len();
        let last = usize::try_from(number).is_ok_and(|n| n + 1 == pieces);
        let (mut handed_in, mut keys) = (Vec::new(), Vec::new());
        for (rung, mut piece) in made {
            handed_in.push(hand_in(&rung.name, number, (planned.first, last), TICKS, &piece));
            let bytes = std::mem::take(&mut piece.bytes);
            match self.store(assignment, &rung.name, number, bytes).await {
                Ok(key) => keys.push(key),
                Err(error) => {
                    self.discard(&keys).await;
                    return Err(error);
                }
            }
        }
        self.publish(assignment, (handed_in, failed), &keys, finish).await
    }

    /// Encodes a piece to all rungs at once. If that fails permanently, encodes each alone, so that a rung that can't be
    /// made takes no other with it.
    ///
    /// Errors: no rung could be made
    async fn each<'a>(
        &self,
        assignment: &Assignment<'_>,
        planned: &PlannedPiece,
        rungs: Vec<&'a Rung>,
        paths: (&SourceFile, &Path),
    ) -> Result<Results<'a>, Over> {
        let whole = match self.set(assignment, planned, &rungs, paths).await {
            Ok(pieces) => return Ok((rungs.into_iter().zip(pieces).collect(), Vec::new())),
            Err(Over::Ended(Err(error @ JobError::Permanent(..)))) if rungs.len() > 1 => error,
            Err(other) => return Err(other),
        };
        tracing::warn!(task = %assignment.task.key, error = %whole, "each rung of a set is encoded alone");
        let (mut made, mut failed) = (Vec::new(), Vec::new());
        for rung in rungs {
            match self.set(assignment, planned, &[rung], paths).await {
                Ok(pieces) => made.extend(pieces.into_iter().map(|piece| (rung, piece))),
                Err(Over::Ended(Err(JobError::Permanent(code, message)))) => {
                    tracing::error!(task = %assignment.task.key, rung = %rung.name, code, message, "a rung can't be encoded");
                    failed.push((rung.name.clone(), Reason { code, message }));
                }
                Err(other) => return Err(other),
            }
        }
        if made.is_empty() {
            Err(whole.into())
        } else {
            Ok((made, failed))
        }
    }

    /// Encodes a piece to a set of rungs; begins further back if frames are missing.
    async fn set(
        &self,
        assignment: &Assignment<'_>,
        planned: &PlannedPiece,
        rungs: &[&Rung],
        paths: (&SourceFile, &Path),
    ) -> Result<Vec<Piece>, Over> {
        if rungs.is_empty() {
            return Ok(Vec::new());
        }
        let plan = assignment.plan;
        let seek = planned.key_frame.map(|to| containers::jump(&plan.input.container, to));
        let mut made = self.encode(assignment, planned, rungs, paths, seek).await?;
        // The plan counts the frames of the lowest rung; large pictures may have fewer.
        let is_counted = rungs
            .first()
            .zip(plan.rungs.first())
            .is_some_and(|(first, lowest)| first.frame_rate >= lowest.frame_rate);
        if let (Some(expected), Some(seek)) = (planned.frames, seek.filter(|&seek| seek > 0 && is_counted))
            && made.first().is_none_or(|piece| piece.frames < expected)
        {
            let seek = seek.checked_sub(FURTHER_BACK);
            let whole = if paths.0.is_slice() {
                Some(self.sources.whole(&ObjectKey::VideoSource(assignment.video)).await?)
            } else {
                None
            };
            let paths = (whole.as_ref().unwrap_or(paths.0), paths.1);
            let again = self.encode(assignment, planned, rungs, paths, seek).await?;
            let frames = |pieces: &[Piece]| pieces.first().map_or(0, |piece| piece.frames);
            if frames(&again) > frames(&made) {
                made = again;
            }
        }
        if made.len() == rungs.len() {
            Ok(made)
        } else {
            Err(failures::undecodable(assignment.task).into())
        }
    }

    /// Runs the encoder once and reads what it wrote; returns fewer pieces than rungs where nothing can be decoded.
    async fn encode(
        &self,
        assignment: &Assignment<'_>,
        planned: &PlannedPiece,
        rungs: &[&Rung],
        (source, folder): (&SourceFile, &Path),
        seek: Option<u64>,
    ) -> Result<Vec<Piece>, Over> {
        let plan = assignment.plan;
        let bounds = plan.video.bounds_of(planned).unwrap_or_default();
        let start = bounds.first().copied().unwrap_or(0);
        let length = bounds.last().map_or(0, |end| end.saturating_sub(start));
        let order = Order {
            tool: FFMPEG.into(),
            args: arguments::piece(&PieceOrder {
                input: &plan.input,
                source,
                seek,
                bounds,
                rungs,
                preset: &self.preset,
                threads: self.threads,
            }),
            folder: folder.to_owned(),
            reads: vec![source.path().to_owned()],
            writes: rungs
                .iter()
                .map(|rung| folder.join(arguments::file_name(rung)))
                .collect(),
            limits: Limits {
                file_size: most_bytes(rungs, length),
                cpu: Some(budget::of_piece(plan.input.pixels, &plan.video, planned, rungs)),
                ..self.limits()
            },
        };
        let reached = AtomicU64::new(0);
        let run = encoder::run(&self.sandbox, &order, |progress| {
            // ffmpeg reports times from the first frame on, wherever in the source that is, although they are copied.
            let ticks = u128::from(progress.out_time) * u128::from(TICKS) / 1_000_000;
            let within = u64::try_from(ticks).unwrap_or(u64::MAX).min(length);
            reached.fetch_max(within, Ordering::Relaxed);
        });
        let ended = tokio::select! {
            ended = run => ended,
            () = self.watch(assignment, || reached.load(Ordering::Relaxed)) => return Err(Over::Lost),
        };
        match ended.map_err(of_signals) {
            Ok(()) => {}
            // An encoder that gets no frame fails as well; the caller recognises that by the missing pieces.
            Err(RunError::Failed { .. }) if reached.load(Ordering::Relaxed) == 0 && seek.is_some() => {
                return Ok(Vec::new());
            }
            Err(error) => return Err(Over::Ended(failures::encoder(&error, assignment.task, "encode"))),
        }
        let mut pieces = Vec::new();
        for rung in rungs {
            let file = folder.join(arguments::file_name(rung));
            match read(file, bounds.to_vec(), planned.first, delay(rung)).await {
                Ok(piece) => pieces.push(piece),
                Err(Unread::Piece(PieceError::NoFrames { .. })) => return Ok(Vec::new()),
                Err(Unread::Piece(error)) => {
                    return Err(JobError::Permanent(error.code().to_owned(), error.to_string()).into());
                }
                Err(Unread::File(error)) => return Err(failures::staging(&error).into()),
            }
        }
        Ok(pieces)
    }
}

/// An encoder that a signal asked to end was killed; it did not fail at its input.
fn of_signals(error: RunError) -> RunError {
    match error {
        RunError::Failed { code: OF_SIGNALS, .. } => RunError::Killed(TERMINATED),
        other => other,
    }
}

enum Unread {
    Piece(PieceError),
    File(std::io::Error),
}

/// Reads a rung's file and makes its segments, outside the async threads; removes the file.
async fn read(file: PathBuf, bounds: Vec<u64>, first: u32, delay: u32) -> Result<Piece, Unread> {
    let read = spawn_blocking(move || {
        let encoded = std::fs::read(&file).map_err(Unread::File)?;
        std::fs::remove_file(&file).map_err(Unread::File)?;
        video_piece(&encoded, &bounds, first, delay).map_err(Unread::Piece)
    });
    read.await
        .unwrap_or_else(|error| Err(Unread::File(std::io::Error::other(error))))
}

/// The most bytes of an encoded file: several times what its rate permits, for a single picture can't be held to a rate.
fn most_bytes(rungs: &[&Rung], length: u64) -> u64 {
    let rate = rungs.iter().map(|rung| rung.bit_rate).max().unwrap_or(0);
    let seconds = length / u64::from(TICKS) + 1;
    u64::from(rate) / 8 * seconds * 4 + SMALLEST_LIMIT
}

/// How long a segment's first frame is decoded before it is shown: as long as reordered frames wait.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "clamped to a fraction of a second"
)]
fn delay(rung: &Rung) -> u32 {
    let frame = f64::from(TICKS) / rung.frame_rate.max(1.0);
    (REORDERED * frame).clamp(1_500.0, 45_000.0) as u32
}
