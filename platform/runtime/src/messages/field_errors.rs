//! Turns a deserialiser's complaint into a problem that names the field.

use crate::Problem;
use std::borrow::Cow;

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
        return Problem::invalid().field(join(parent, name), "is given twice");
    }
    if let Some(name) = quoted_after(message, "unknown field ") {
        // The path already ends with the name when the key itself was read.
        let parent = parent
            .strip_suffix(name)
            .map_or(parent, |rest| rest.trim_end_matches('.'));
        return Problem::invalid().field(join(parent, name), "is not a known field");
    }
    Problem::invalid().field(if parent.is_empty() { "body" } else { parent }, in_plain_words(message))
}

/// What a value must be, where the deserialiser's own words name Rust's parsers and types.
fn in_plain_words(message: &str) -> Cow<'_, str> {
    if matches!(
        message,
        "invalid digit found in string" | "cannot parse integer from empty string"
    ) {
        return "must be a whole number".into();
    }
    if message.starts_with("number too ") {
        return "is a number out of range".into();
    }
    if message.starts_with("provided string was not `true` or `false`") {
        return "must be `true` or `false`".into();
    }
    let Some((_, expected)) = message
        .strip_prefix("unknown variant ")
        .and_then(|rest| rest.split_once(", expected "))
    else {
        return message.into();
    };
    match expected.strip_prefix("one of ") {
        Some(names) => format!("must be one of {names}").into(),
        // Serde joins two names with `or`, and a single name stands alone.
        None => format!("must be {expected}").into(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parser_of_rust_is_quoted() {
        let parse = |text: &str| text.parse::<u8>().unwrap_err().to_string();
        let flag = "yes".parse::<bool>().unwrap_err().to_string();
        for (message, plain) in [
            (parse("abc"), "must be a whole number"),
            (parse(""), "must be a whole number"),
            (parse("256"), "is a number out of range"),
            (flag, "must be `true` or `false`"),
            (
                "unknown variant `x`, expected `me` or `all`".to_owned(),
                "must be `me` or `all`",
            ),
            (
                "unknown variant `x`, expected one of `a`, `b`, `c`".to_owned(),
                "must be one of `a`, `b`, `c`",
            ),
            ("unknown variant `x`, expected `a`".to_owned(), "must be `a`"),
        ] {
            assert_eq!(in_plain_words(&message), plain, "{message}");
        }
    }
}
