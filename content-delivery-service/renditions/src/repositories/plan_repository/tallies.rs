//! Sums of the published pieces of each rendition of a plan.

use crate::models::lecture::Reason;
use crate::models::publication::Tally;
use backing::db::{DbError, Tx};
use backing::{args, record};
use contracts::{RenditionName, VideoId};
use std::collections::HashMap;

record! {
    struct TallyRow {
        rendition: RenditionName,
        pieces: i64,
        first: Option<i64>,
        last: Option<i64>,
        ticks: i64,
        bytes: i64,
    }
}

record! {
    struct RenditionRow {
        name: RenditionName,
        codecs: Option<String>,
        failure_code: Option<String>,
        failure_message: Option<String>,
    }
}

const TALLIES: &str = "SELECT rendition, COUNT(*) AS pieces, MIN(piece) AS first, MAX(CASE WHEN is_last THEN piece END) AS last, \
    CAST(SUM(ticks) AS BIGINT) AS ticks, CAST(SUM(bytes) AS BIGINT) AS bytes FROM pieces \
    WHERE video_id = $1 AND generation = $2 GROUP BY rendition";
const RENDITIONS: &str = "SELECT name, codecs, failure_code, failure_message FROM renditions \
    WHERE video_id = $1 AND generation = $2 ORDER BY name";

/// What is published of each rendition of a plan, and the reasons of those that failed.
pub(super) async fn tallies(
    tx: &mut Tx,
    video: VideoId,
    generation: u32,
) -> Result<HashMap<RenditionName, Tally>, DbError> {
    let made = tx.all::<RenditionRow>(RENDITIONS, args![video, generation]).await?;
    let made = made.into_iter().map(|row| {
        let tally = Tally {
            codecs: row.codecs,
            failure: row.failure_code.map(|code| Reason {
                code,
                message: row.failure_message.unwrap_or_default(),
            }),
            ..Tally::default()
        };
        (row.name, tally)
    });
    let mut tallies: HashMap<RenditionName, Tally> = made.collect();
    for row in tx.all::<TallyRow>(TALLIES, args![video, generation]).await? {
        let tally = tallies.entry(row.rendition).or_default();
        (tally.pieces, tally.first, tally.last) = (row.pieces, row.first, row.last);
        (tally.ticks, tally.bytes) = (row.ticks, row.bytes);
    }
    Ok(tallies)
}
