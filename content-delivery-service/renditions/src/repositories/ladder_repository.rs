//! What is published of lectures, read for the media plane.

use crate::models::plan::Plan;
use crate::models::published::{Ladder, PublishedPiece, PublishedRendition, ServedVersion};
use backing::db::{Db, DbError};
use backing::{args, record};
use bytes::Bytes;
use contracts::{Timestamp, VideoId};
use std::collections::HashMap;

/// Published renditions in the content database.
#[derive(Clone)]
pub struct LadderRepository {
    db: Db,
}

record! {
    struct ServedRow {
        changes: i64,
        generation: i64,
        latest: Option<i64>,
    }
}

record! {
    struct PlanRow {
        plan: String,
        completed: bool,
    }
}

record! {
    struct RenditionRow {
        name: String,
        codecs: String,
        timescale: i64,
        init: Vec<u8>,
        failed: bool,
    }
}

record! {
    struct PieceRow {
        rendition: String,
        piece: i64,
        fence: i64,
        first_segment: i64,
        is_last: bool,
        ticks: i64,
        bytes: i64,
        peak_bit_rate: i64,
        segments: String,
        published_at: Timestamp,
    }
}

impl LadderRepository {
    /// Works on the content database.
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// What is served of a video now; each publication counts as a change. None where it is gone.
    pub async fn standing(&self, video: VideoId) -> Result<Option<ServedVersion>, DbError> {
        let sql = "SELECT changes, generation, (SELECT MAX(generation) FROM plans WHERE video_id = $1) AS latest \
                   FROM videos WHERE id = $1 AND status <> 'deleted'";
        let row = self.db.read().one::<ServedRow>(sql, args![video]).await?;
        Ok(row.map(|row| ServedVersion {
            changes: row.changes,
            generation: small(row.generation),
            latest: small(row.latest.unwrap_or(0)),
        }))
    }

    /// What is published of a plan; none where the video or the plan is gone.
    ///
    /// The counter is read first: the answer may hold later publications, never fewer.
    pub async fn read(&self, video: VideoId, generation: u32) -> Result<Option<Ladder>, DbError> {
        let Some(standing) = self.standing(video).await? else {
            return Ok(None);
        };
        let reader = self.db.read();
        let mut ladder = Ladder::nothing(standing.changes, generation);
        if generation == 0 {
            return Ok(Some(ladder));
        }
        let sql = "SELECT plan, completed_at IS NOT NULL AS completed FROM plans \
                   WHERE video_id = $1 AND generation = $2";
        let plan = reader.one::<PlanRow>(sql, args![video, generation]).await?;
        let Some(plan) = plan else {
            return Ok(None);
        };
        ladder.complete = plan.completed;
        let Ok(plan) = serde_json::from_str::<Plan>(&plan.plan) else {
            return Ok(None);
        };
        let sql = "SELECT name, codecs, timescale, init, failure_code IS NOT NULL AS failed FROM renditions \
                   WHERE video_id = $1 AND generation = $2 AND init IS NOT NULL";
        let made = reader.all::<RenditionRow>(sql, args![video, generation]).await?;
        let sql = "SELECT rendition, piece, fence, first_segment, is_last, ticks, bytes, peak_bit_rate, segments, \
                   published_at FROM pieces WHERE video_id = $1 AND generation = $2 ORDER BY rendition, piece";
        let pieces = reader.all::<PieceRow>(sql, args![video, generation]).await?;
        ladder.renditions = renditions(&plan, made, pieces);
        ladder.plan = Some(plan);
        Ok(Some(ladder))
    }
}

/// Puts renditions in the plan's order, with the pieces that they have without a gap.
fn renditions(plan: &Plan, made: Vec<RenditionRow>, pieces: Vec<PieceRow>) -> Vec<PublishedRendition> {
    let mut made: HashMap<String, RenditionRow> = made.into_iter().map(|row| (row.name.clone(), row)).collect();
    let mut by_name: HashMap<String, Vec<PieceRow>> = HashMap::new();
    for piece in pieces {
        by_name.entry(piece.rendition.clone()).or_default().push(piece);
    }
    let begun = plan.names().filter_map(|name| {
        let row = made.remove(name)?;
        let rows = by_name.remove(name)?;
        let contiguous = (0..).zip(rows).take_while(|(place, row)| *place == row.piece);
        let rows: Vec<PieceRow> = contiguous.map(|(_, row)| row).collect();
        rows.first()?;
        Some(rendition(row, &rows))
    });
    begun.collect()
}

fn rendition(row: RenditionRow, pieces: &[PieceRow]) -> PublishedRendition {
    let sum = |of: fn(&PieceRow) -> i64| pieces.iter().map(of).sum::<i64>();
    let (ticks, bytes) = (sum(|piece| piece.ticks), sum(|piece| piece.bytes));
    let average = i128::from(bytes) * 8 * i128::from(fmp4::TICKS) / i128::from(ticks.max(1));
    let peak = pieces.iter().map(|piece| piece.peak_bit_rate).max().unwrap_or(0);
    PublishedRendition {
        complete: pieces.last().is_some_and(|piece| piece.is_last),
        failed: row.failed,
        name: row.name,
        init: Bytes::from(row.init),
        codecs: row.codecs,
        timescale: small(row.timescale),
        peak_bit_rate: peak.unsigned_abs(),
        average_bit_rate: u64::try_from(average).unwrap_or(0),
        pieces: pieces
            .iter()
            .map(|piece| PublishedPiece {
                piece: small(piece.piece),
                fence: piece.fence,
                first: small(piece.first_segment),
                segments: serde_json::from_str(&piece.segments).unwrap_or_default(),
                published_at: piece.published_at,
            })
            .collect(),
    }
}

/// A number that was written from 32 bits.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}
