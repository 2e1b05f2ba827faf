//! The table of roles and routes, made of the rows of the URL tables.

use runtime::{Access, Row};
use serde_json::Value;

/// Who is looked at, beside those who have a part in what a path names.
const COLUMNS: [&str; 4] = ["nobody", "learner", "instructor", "admin"];

/// The table, with a line for each route.
///
/// Shape: Markdown
pub(super) fn markdown(document: &Value) -> String {
    let mut text = String::from("| route | nobody | learner | instructor | admin | with a right of their own |\n");
    text.push_str("| --- | --- | --- | --- | --- | --- |\n");
    for (path, item) in document["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let Some(access) = operation["x-access"].as_str() else {
                continue;
            };
            let (access, right) = access
                .split_once(':')
                .map_or((access, None), |(access, right)| (access, Some(right)));
            let cells = COLUMNS.map(|who| cell(who, access, right));
            let also = right.map_or_else(|| by_service(access), by_right);
            let route = format!("`{} {path}`", method.to_uppercase());
            text.push_str(&format!("| {route} | {} | {also} |\n", cells.join(" | ")));
        }
    }
    text
}

/// The lines of the questions between roles, which no API documents.
///
/// Shape: Markdown
pub(super) fn internal(questions: &[Row]) -> String {
    let nobody = COLUMNS.map(|_| "–").join(" | ");
    let line = |row: &Row| {
        let Access::Internal(askers) = row.access else {
            return String::new();
        };
        let askers = askers.iter().map(|role| format!("`{role}`")).collect::<Vec<_>>();
        let roles = format!("processes with the role {}, by a signature", askers.join(", "));
        format!("| `{} {}` | {nobody} | {roles} |\n", row.method, row.path)
    };
    let mut lines: Vec<_> = questions.iter().map(line).collect();
    lines.sort_unstable();
    lines.concat()
}

/// Whether somebody without a part in what the path names is let in.
fn cell(who: &str, access: &str, right: Option<&str>) -> &'static str {
    let passes = match access {
        "public" => true,
        "signed_in" => who != "nobody",
        "instructor" => matches!(who, "instructor" | "admin"),
        "admin" => who == "admin",
        "course_access" | "lecture_access" => who == "admin",
        _ => false,
    };
    let holds = right.is_none() || who == "admin";
    if passes && holds { "yes" } else { "–" }
}

/// Whom a row admits whose right is not the caller's role.
fn by_service(access: &str) -> &'static str {
    match access {
        "upload_key" => "the upload's owner; who has the upload's key",
        "playback_token" => "who has the playback token",
        "live_session" => "who knows the session's address",
        _ => "",
    }
}

/// Who has a right to what the path names.
fn by_right(right: &str) -> &'static str {
    match right {
        "client_access" => "clients with the scope `content:access`",
        "lecture_watch_or_client_read" => {
            "the lecture's owner; who may watch it: by a course, or because it is shared with them; clients with the scope `content:read`"
        }
        "lecture_watch_or_client_stream" => {
            "the lecture's owner; who may watch it: by a course, or because it is shared with them; for the user whom they name, clients with the scope `content:stream`"
        }
        "lecture_watch" => "the lecture's owner; who may watch it: by a course, or because it is shared with them",
        "lecture_administer" => "the lecture's owner",
        "lecture_administer_or_stream_key" => "the lecture's owner; who has the lecture's stream key",
        "course_seen_or_client_read" => {
            "members of the course; others while it is published, unless it is closed; clients with the scope `courses:read`"
        }
        "course_seen" => "members of the course; others while it is published, unless it is closed",
        "course_learner" => "members of the course",
        "course_assistant" => "assistants, editors and the owner of the course",
        "course_editor" => "editors and the owner of the course",
        "course_owner" => "the owner of the course",
        _ => "?",
    }
}
