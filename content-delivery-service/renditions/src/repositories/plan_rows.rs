//! Rows of plans, read in the caller's transaction.

use crate::models::plan::Plan;
use backing::args;
use backing::db::{DbError, Tx};
use contracts::VideoId;

/// A plan of a video.
pub(crate) async fn find(tx: &mut Tx, video: VideoId, generation: u32) -> Result<Option<Plan>, DbError> {
    let sql = "SELECT plan FROM plans WHERE video_id = $1 AND generation = $2";
    let text: Option<(String,)> = tx.one(sql, args![video, generation]).await?;
    Ok(text.and_then(|(text,)| serde_json::from_str(&text).ok()))
}

/// The newest plan of a video, with its generation.
pub(crate) async fn latest(tx: &mut Tx, video: VideoId) -> Result<Option<(u32, Plan)>, DbError> {
    let sql = "SELECT generation, plan FROM plans WHERE video_id = $1 ORDER BY generation DESC LIMIT 1";
    let row: Option<(i64, String)> = tx.one(sql, args![video]).await?;
    Ok(row.and_then(|(generation, text)| Some((u32::try_from(generation).ok()?, serde_json::from_str(&text).ok()?))))
}
