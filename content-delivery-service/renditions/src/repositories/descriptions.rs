//! Rows that describe renditions. Those of generation 0 are cut from the source without encoding.

use crate::models::description::{Description, RenditionKind, of_plan, of_source};
use crate::models::lecture::{Media, Rendition};
use crate::models::plan::Plan;
use crate::repositories::plan_rows;
use backing::args;
use backing::db::{ColumnError, DbError, Record, Row, Tx, Value};
use contracts::{RenditionName, VideoId};
use std::pin::Pin;

/// The generation of the renditions that are cut from the source; plans count from 1.
pub const FROM_SOURCE: u32 = 0;

/// The columns that describe a rendition.
macro_rules! described {
    () => {
        "name, place, kind, codecs, width, height, frame_rate, channels, language, bit_rate, bandwidth, \
         longest_segment, planned_ticks, planned_segments, cost, stands_in"
    };
}
pub(crate) use described;

impl Record for Description {
    fn read(row: &Row<'_>) -> Result<Self, ColumnError> {
        let number = |name: &str| row.named::<Option<i64>>(name).map(|number| small(number.unwrap_or(0)));
        let kind = if row.named::<String>("kind")? == PICTURE {
            RenditionKind::Picture {
                width: number("width")?,
                height: number("height")?,
                frame_rate: row.named::<Option<f64>>("frame_rate")?.unwrap_or(0.0),
            }
        } else {
            RenditionKind::Sound {
                channels: number("channels")?,
                language: row.named("language")?,
            }
        };
        Ok(Self {
            name: row.named("name")?,
            position: number("place")?,
            kind,
            codecs: row.named("codecs")?,
            bit_rate: row.named("bit_rate")?,
            bandwidth: row.named("bandwidth")?,
            longest_segment: row.named("longest_segment")?,
            ticks: row.named("planned_ticks")?,
            segments: number("planned_segments")?,
            cost: row.named("cost")?,
            stands_in: row.named("stands_in")?,
        })
    }
}

const DESCRIBE: &str = concat!(
    "INSERT INTO renditions (video_id, generation, ",
    described!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18) \
     ON CONFLICT (video_id, generation, name) DO UPDATE SET place = excluded.place, kind = excluded.kind, \
     width = excluded.width, height = excluded.height, frame_rate = excluded.frame_rate, \
     channels = excluded.channels, language = excluded.language, bit_rate = excluded.bit_rate, \
     bandwidth = excluded.bandwidth, longest_segment = excluded.longest_segment, \
     planned_ticks = excluded.planned_ticks, planned_segments = excluded.planned_segments, cost = excluded.cost, \
     stands_in = excluded.stands_in"
);

const PICTURE: &str = "picture";
const SOUND: &str = "sound";

/// Writes the renditions of a plan, or completes their existing rows.
pub(crate) async fn describe_plan(
    tx: &mut Tx,
    video: VideoId,
    generation: u32,
    descriptions: &[Description],
) -> Result<(), DbError> {
    let rows = descriptions.iter().map(|one| described_row(video, generation, one));
    tx.run_all(DESCRIBE, rows.collect()).await?;
    Ok(())
}

/// Replaces the renditions that are cut from a video's source; there may be none.
pub async fn describe_source(tx: &mut Tx, video: VideoId, descriptions: &[Description]) -> Result<(), DbError> {
    let sql = "DELETE FROM renditions WHERE video_id = $1 AND generation = $2";
    tx.run(sql, args![video, FROM_SOURCE]).await?;
    describe_plan(tx, video, FROM_SOURCE, descriptions).await
}

/// The renditions that are cut from a video's source.
pub(crate) async fn of_video_source(tx: &mut Tx, video: VideoId) -> Result<Vec<Description>, DbError> {
    let sql = concat!(
        "SELECT ",
        described!(),
        " FROM renditions WHERE video_id = $1 AND generation = $2 ORDER BY place"
    );
    tx.all(sql, args![video, FROM_SOURCE]).await
}

fn described_row(video: VideoId, generation: u32, one: &Description) -> Vec<Value> {
    let (kind, size, frame_rate) = match one.kind {
        RenditionKind::Picture {
            width,
            height,
            frame_rate,
        } => (PICTURE, Some((width, height)), Some(frame_rate)),
        RenditionKind::Sound { .. } => (SOUND, None, None),
    };
    let (channels, language) = match &one.kind {
        RenditionKind::Sound { channels, language } => (Some(*channels), language.clone()),
        RenditionKind::Picture { .. } => (None, None),
    };
    args![
        video,
        generation,
        &one.name,
        one.position,
        kind,
        one.codecs.clone(),
        size.map(|(width, _)| width),
        size.map(|(_, height)| height),
        frame_rate,
        channels,
        language,
        one.bit_rate,
        one.bandwidth,
        one.longest_segment,
        one.ticks,
        one.segments,
        one.cost,
        one.stands_in
    ]
}

/// Describes renditions from before migration 5, from plans and from the media of lectures.
pub fn fill(tx: &mut Tx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + '_>> {
    Box::pin(async move {
        let sql = "SELECT video_id, generation FROM plans ORDER BY video_id, generation";
        // One at a time, because plans of long lectures are large.
        for (video, generation) in tx.all::<(VideoId, i64)>(sql, args![]).await? {
            let generation = small(generation);
            if let Some(plan) = plan_rows::find(tx, video, generation).await? {
                describe_plan(tx, video, generation, &of_plan(&plan)).await?;
            }
        }
        let sql = "SELECT v.id, (SELECT MAX(p.generation) FROM plans p WHERE p.video_id = v.id) AS latest FROM videos v \
                   WHERE v.media IS NOT NULL AND v.status <> 'deleted' ORDER BY v.id";
        for (video, latest) in tx.all::<(VideoId, Option<i64>)>(sql, args![]).await? {
            let plan = match latest {
                Some(generation) => plan_rows::find(tx, video, small(generation)).await?,
                None => None,
            };
            let sql = "SELECT media FROM videos WHERE id = $1";
            let text: Option<(String,)> = tx.one(sql, args![video]).await?;
            let media = text.and_then(|(text,)| serde_json::from_str::<Media>(&text).ok());
            let Some(media) = media else { continue };
            let own = cut_from_source(&media.renditions, plan.as_ref());
            let source = plan.and_then(|plan| plan.source);
            let stands_in = source.is_some_and(|source| !source.stays);
            describe_source(tx, video, &of_source(&media, &own, stands_in)).await?;
        }
        Ok(())
    })
}

/// The renditions of a lecture that were cut from its source: those with such names that its plan does not make.
fn cut_from_source(all: &[Rendition], plan: Option<&Plan>) -> Vec<Rendition> {
    let made = |name: &RenditionName| plan.is_some_and(|plan| plan.names().any(|made| made == name));
    let is_own = |name: &RenditionName| *name == RenditionName::source() || name.is_sound();
    let own = all.iter().filter(|one| is_own(&one.name) && !made(&one.name));
    own.cloned().collect()
}

/// A number that was a `u32` when it was written.
fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests;
