//! Published renditions of lectures, read for the media plane.

use crate::models::description::Description;
use crate::models::published::{Ladder, PublishedPiece, PublishedRendition, ServedVersion};
use crate::repositories::descriptions::{FROM_SOURCE, described};
use backing::db::{ColumnError, Db, DbError, Record, Row};
use backing::{args, record};
use bytes::Bytes;
use contracts::{RenditionName, Timestamp, VideoId};
use std::collections::HashMap;

const SERVED: &str = "SELECT changes, generation, \
    (SELECT MAX(generation) FROM renditions WHERE video_id = $1) AS latest FROM videos WHERE id = $1 AND status <> 'deleted'";
const RENDITIONS: &str = concat!(
    "SELECT generation, timescale, init, failure_code IS NOT NULL AS failed, ",
    described!(),
    " FROM renditions WHERE video_id = $1 AND generation IN ($2, $3) ORDER BY place"
);
const PIECES: &str = "SELECT rendition, piece, fence, first_segment, is_last, ticks, bytes, peak_bit_rate, segments, \
    published_at FROM pieces WHERE video_id = $1 AND generation = $2 ORDER BY rendition, piece";

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

impl From<ServedRow> for ServedVersion {
    fn from(row: ServedRow) -> Self {
        Self {
            changes: row.changes,
            generation: small(row.generation),
            latest: small(row.latest.unwrap_or(0)),
        }
    }
}

struct RenditionRow {
    generation: i64,
    description: Description,
    timescale: Option<i64>,
    init: Option<Vec<u8>>,
    failed: bool,
}

impl Record for RenditionRow {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        Ok(Self {
            generation: row.named("generation")?,
            description: Description::read(row)?,
            timescale: row.named("timescale")?,
            init: row.named("init")?,
            failed: row.named("failed")?,
        })
    }
}

record! {
    struct PieceRow {
        rendition: RenditionName,
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
    #[must_use]
    pub fn new(db: Db) -> Self {
        Self { db }
    }

    /// The version of a video that is served now; each publication counts as a change. None if the video is deleted.
    pub async fn version(&self, video: VideoId) -> Result<Option<ServedVersion>, DbError> {
        let row = self.db.read().one::<ServedRow>(SERVED, args![video]).await?;
        Ok(row.map(ServedVersion::from))
    }

    /// The published renditions of a generation; none if the video or the generation is deleted.
    pub async fn read(&self, video: VideoId, generation: u32) -> Result<Option<Ladder>, DbError> {
        let mut snapshot = self.db.snapshot().await?;
        let Some(served) = snapshot.one::<ServedRow>(SERVED, args![video]).await? else {
            return Ok(None);
        };
        let version = ServedVersion::from(served);
        let rows = snapshot
            .all::<RenditionRow>(RENDITIONS, args![video, FROM_SOURCE, generation])
            .await?;
        let (source, made): (Vec<_>, Vec<_>) = rows
            .into_iter()
            .partition(|row| row.generation == i64::from(FROM_SOURCE));
        let mut ladder = Ladder::nothing(version.changes, generation);
        ladder.source = source.into_iter().map(|row| row.description).collect();
        if generation == FROM_SOURCE {
            return Ok(Some(ladder));
        }
        if made.is_empty() {
            return Ok(None);
        }
        let pieces = snapshot.all::<PieceRow>(PIECES, args![video, generation]).await?;
        ladder.planned = made.iter().map(|row| row.description.clone()).collect();
        ladder.renditions = renditions(made, pieces);
        let whole = ladder.renditions.iter().filter(|one| one.complete).count();
        ladder.complete = whole == ladder.planned.len();
        Ok(Some(ladder))
    }
}

/// Renditions that have begun, with their pieces up to the first gap.
fn renditions(made: Vec<RenditionRow>, pieces: Vec<PieceRow>) -> Vec<PublishedRendition> {
    let mut by_name: HashMap<RenditionName, Vec<PieceRow>> = HashMap::new();
    for piece in pieces {
        by_name.entry(piece.rendition.clone()).or_default().push(piece);
    }
    let begun = made.into_iter().filter_map(|row| {
        let rows = by_name.remove(&row.description.name)?;
        let contiguous = (0..).zip(rows).take_while(|(place, row)| *place == row.piece);
        let rows: Vec<PieceRow> = contiguous.map(|(_, row)| row).collect();
        rows.first()?;
        rendition(row, &rows)
    });
    begun.collect()
}

fn rendition(row: RenditionRow, pieces: &[PieceRow]) -> Option<PublishedRendition> {
    let sum = |of: fn(&PieceRow) -> i64| pieces.iter().map(of).sum::<i64>();
    let (ticks, bytes) = (sum(|piece| piece.ticks), sum(|piece| piece.bytes));
    let average = i128::from(bytes) * 8 * i128::from(fmp4::TICKS) / i128::from(ticks.max(1));
    let peak = pieces.iter().map(|piece| piece.peak_bit_rate).max().unwrap_or(0);
    Some(PublishedRendition {
        complete: pieces.last().is_some_and(|piece| piece.is_last),
        failed: row.failed,
        description: row.description,
        init: Bytes::from(row.init?),
        timescale: small(row.timescale?),
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
    })
}

/// A number that was a `u32` when it was written.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::schema::MIGRATIONS;
    use testing::databases;

    #[tokio::test]
    async fn no_statement_of_a_ladder_reads_a_whole_table() {
        let video = VideoId::generate();
        for test in databases("content", MIGRATIONS).await.unwrap() {
            for (what, sql, values) in [
                ("the served version", SERVED, args![video]),
                ("renditions", RENDITIONS, args![video, 0, 1]),
                ("pieces", PIECES, args![video, 1]),
            ] {
                test.reads_by_index(what, sql, values).await;
            }
        }
    }
}
