//! Turns a deserialiser's complaint into a problem that names the field.

use crate::Problem;

/// 422 with the field that `message` is about.
///
/// Shape: `path` as `serde_path_to_error` writes it, `.` or `?` for the whole
pub(crate) fn blame(path: &str, message: &str) -> Problem {
    let message = message.rsplit_once(" at line ").map_or(message, |(before, _)| before);
    let parent = if path == "." || path == "?" { "" } else { path };
    if let Some(name) = quoted_after(message, "missing field ") {
        return Problem::invalid().field(join(parent, name), "is required");
    }
    if let Some(name) = quoted_after(message, "duplicate field ") {
        return Problem::invalid().field(join(parent, name), "is there twice");
    }
    if let Some(name) = quoted_after(message, "unknown field ") {
        // The path already ends with the name when the key itself was read.
        let parent = parent
            .strip_suffix(name)
            .map_or(parent, |rest| rest.trim_end_matches('.'));
        return Problem::invalid().field(join(parent, name), "is not known here");
    }
    Problem::invalid().field(if parent.is_empty() { "body" } else { parent }, message)
}

fn quoted_after<'a>(message: &'a str, words: &str) -> Option<&'a str> {
    message.strip_prefix(words)?.strip_prefix('`')?.split('`').next()
}

fn join(parent: &str, name: &str) -> String {
    if parent.is_empty() {
        name.to_owned()
    } else {
        format!("{parent}.{name}")
    }
}
