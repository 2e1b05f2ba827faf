//! The texts that people give a lecture, and what they may contain.

use contracts::text::{self, MAX_TITLE, is_deceptive, is_direction_mark};

/// Longest file name, in characters.
const MAX_FILENAME: usize = 255;
/// The title of a lecture that came without a title and without a file name.
const UNTITLED: &str = "Untitled lecture";

/// A file name as it is kept: its last part, should somebody send a path.
pub(crate) fn filename(text: &str) -> Result<String, &'static str> {
    if text.chars().any(is_deceptive) {
        return Err("must not contain control characters");
    }
    let name = text.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    if name.chars().count() > MAX_FILENAME {
        return Err("must have at most 255 characters");
    }
    Ok(name.to_owned())
}

/// The title of a new lecture: the one that was sent, or one made of its file's name.
pub(crate) fn title(sent: Option<&str>, filename: Option<&str>) -> Result<String, &'static str> {
    match sent {
        Some(title) => text::title(title),
        None => Ok(filename.map_or_else(|| UNTITLED.to_owned(), title_from)),
    }
}

fn title_from(filename: &str) -> String {
    let stem = match filename.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() && ending.len() <= 5 => stem,
        _ => filename,
    };
    let plain = stem.trim().chars().filter(|c| !is_direction_mark(*c));
    let short: String = plain.take(MAX_TITLE).collect();
    text::title(&short).unwrap_or_else(|_| UNTITLED.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lecture_is_called_like_its_file() {
        assert_eq!(title_from("Lecture 3.mp4"), "Lecture 3");
        assert_eq!(title_from("3. Graphs and trees"), "3. Graphs and trees");
        assert_eq!(title_from(".mp4"), ".mp4");
        assert_eq!(title_from("\u{200e}Video 2026-11-30.mp4"), "Video 2026-11-30");
        assert_eq!(title_from(""), UNTITLED);
        assert_eq!(title_from(&"x".repeat(255)).len(), MAX_TITLE);
    }

    #[test]
    fn a_path_is_no_part_of_a_file_name() {
        assert_eq!(filename("C:\\talks\\a.mp4"), Ok("a.mp4".to_owned()));
        assert_eq!(filename("../../etc/passwd"), Ok("passwd".to_owned()));
        assert!(filename("a\u{202e}4pm.exe").is_err());
    }
}
