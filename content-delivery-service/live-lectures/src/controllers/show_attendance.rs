//! `GET /live/{video_id}/attendance`

use super::documents::AttendeeDocument;
use crate::services::live_service::LiveService;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use contracts::VideoId;
use http::HeaderMap;
use http::header::{ACCEPT, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, VARY};
use runtime::{Caller, Json, PathId, Problem, ProblemDocument, accept};
use serde::Serialize;

const CSV: &str = "text/csv";

/// Who has watched a lecture while it was live, in the order in which they came.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = LiveAttendance)]
pub(crate) struct AttendanceDocument {
    items: Vec<AttendeeDocument>,
}

/// Who was there, from when to when; a person who left and came back has several entries. Viewers who are not signed in are
/// left out. `Accept: text/csv` gets a table.
#[utoipa::path(
    get,
    path = "/live/{video_id}/attendance",
    operation_id = "showAttendance",
    tag = "live",
    params(
        ("video_id" = VideoId, Path),
        ("Accept" = Option<String>, Header, description = "`text/csv` asks for a table"),
    ),
    responses(
        (status = 200, description = "The attendance.", content(
            (AttendanceDocument = "application/json"),
            (String = "text/csv"),
        )),
        (status = 404, description = "There is no such live lecture of the caller.", body = ProblemDocument),
        (status = 410, description = "`video_deleted`", body = ProblemDocument),
    )
)]
pub(crate) async fn show_attendance(
    State(live): State<LiveService>,
    caller: Caller,
    PathId(id): PathId<VideoId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let attendees = live.attendance(id, &caller).await?;
    let items: Vec<_> = attendees.into_iter().map(AttendeeDocument::from).collect();
    let personal = [(CACHE_CONTROL, "no-store"), (VARY, "Accept")];
    if !accept::names(&headers, &ACCEPT, CSV) {
        return Ok((personal, Json(AttendanceDocument { items })).into_response());
    }
    let kind = [
        (CONTENT_TYPE, "text/csv; charset=utf-8; header=present"),
        (CONTENT_DISPOSITION, "attachment; filename=\"attendance.csv\""),
    ];
    Ok((personal, kind, table(&items)).into_response())
}

/// The mark at its beginning is for Excel, which takes UTF-8 for the letters of one language without it.
///
/// Source: RFC 4180
fn table(items: &[AttendeeDocument]) -> String {
    let mut lines = vec!["\u{feff}user_id,name,from,until".to_owned()];
    lines.extend(items.iter().map(|it| {
        let name = cell(it.name.as_deref().unwrap_or_default());
        format!("{},{name},{},{}", it.user_id, it.from, it.until)
    }));
    lines.push(String::new());
    lines.join("\r\n")
}

/// A text in quotes. People choose their own names, and a spreadsheet must not take one for a formula.
fn cell(text: &str) -> String {
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let guard = if formula { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_never_a_formula_or_another_cell() {
        assert_eq!(
            cell("Ada \"the\" Countess, Lovelace"),
            "\"Ada \"\"the\"\" Countess, Lovelace\""
        );
        for formula in ["=HYPERLINK(1)", "+1", "-1", "@SUM(A1)", "\t=1", "＝1"] {
            assert_eq!(cell(formula), format!("\"'{formula}\""));
        }
    }
}
