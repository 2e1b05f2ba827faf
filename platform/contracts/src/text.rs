//! Rules for names, titles and descriptions that other people read.

use unicode_normalization::char::{is_combining_mark, is_public_assigned};

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;

/// The stored form of a title or a name: trimmed, on one line, with a character that is visible by itself.
///
/// Errors: the problem, to be shown after the field's name
pub fn title(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.chars().any(|c| is_deceptive(c) || is_direction_mark(c)) {
        return Err("must not contain control characters or marks of direction");
    }
    if trimmed.is_empty() {
        return Err("must not be empty");
    }
    if !trimmed.chars().any(is_visible) {
        return Err("must have a letter, a number, a punctuation mark or a symbol");
    }
    if trimmed.chars().count() > MAX_TITLE {
        return Err("must have at most 200 characters");
    }
    Ok(trimmed.to_owned())
}

/// The longest description, in characters.
pub const MAX_DESCRIPTION: usize = 5_000;

/// Returns a description as it is kept: trimmed; it may be empty and may have lines.
///
/// Errors: the problem, to be shown after the field's name
pub fn description(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed
        .chars()
        .any(|c| is_deceptive(c) && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("must not contain control characters");
    }
    if trimmed.chars().count() > MAX_DESCRIPTION {
        return Err("must have at most 5000 characters");
    }
    Ok(trimmed.to_owned())
}

/// Whether a character is a control character or changes the direction or the line of the text that follows it.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Whether a character is an invisible mark with a direction. Texts in Arabic or Hebrew and names of files have them for
/// good reasons; in a list of short names they only make equal what is not.
#[must_use]
pub fn is_direction_mark(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}')
}

/// Whether a character is a letter, a number, a punctuation mark or a symbol that leaves ink. Combining marks need another
/// character to stand on: alone, they are drawn on what is beside the title, or not at all.
///
/// Source: Unicode 18, `General_Category`: all of `L`, `N`, `P` and `S` without the four fillers of Hangul and U+2800, a
/// Braille cell without dots; the list is that of `Cf`
fn is_visible(c: char) -> bool {
    let is_format = matches!(
        c,
        '\u{ad}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}' | '\u{890}' | '\u{891}' | '\u{8e2}'
            | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2064}'
            | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}'
            | '\u{13430}'..='\u{1343f}' | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}'
            | '\u{e0020}'..='\u{e007f}'
    );
    let is_blank = matches!(c, '\u{115f}' | '\u{1160}' | '\u{2800}' | '\u{3164}' | '\u{ffa0}');
    let is_ink = is_public_assigned(c) && !is_combining_mark(c) && !c.is_whitespace() && !c.is_control();
    is_ink && !is_format && !is_blank
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_trimmed_and_has_something_visible() {
        assert_eq!(title("  Graphs <b> & trees "), Ok("Graphs <b> & trees".to_owned()));
        for bad in [
            "",
            "   ",
            "\u{200b}\u{feff}",
            "a\nb",
            "a\u{0}",
            "a\u{202e}b",
            "a\u{200f}b",
            "a\u{61c}b",
            "\u{3164}",
            "\u{2800} \u{e0041}",
            &"x".repeat(201),
        ] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        assert!(title(&"ü".repeat(200)).is_ok());
    }

    #[test]
    fn a_title_has_a_letter_a_number_a_punctuation_mark_or_a_symbol() {
        let blank = [
            "\u{301}",
            "\u{301}\u{308} \u{34f}",
            "\u{20dd}",
            "\u{93e}",
            "\u{fe0f}\u{200d}",
            "\u{e0101}",
            "\u{ad}",
            "\u{600}\u{13430}",
            "\u{115f}\u{1160}",
            "\u{ffa0}\u{301}",
            "\u{2800}\u{301}",
            "\u{e000}",
            "\u{378}",
        ];
        for bad in blank {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        for good in [
            "a",
            "7",
            "?",
            "+",
            "№",
            "ⅷ",
            "Å",
            "e\u{301}",
            "\u{915}\u{93e}",
            "தமிழ்",
            "한국어",
            "漢",
            "\u{627}\u{644}",
            "🎓",
            "👩\u{200d}🏫",
            "❤\u{fe0f}",
            "1\u{fe0f}\u{20e3}",
        ] {
            assert_eq!(title(good), Ok(good.to_owned()));
        }
    }

    #[test]
    fn a_description_may_have_lines() {
        assert_eq!(description(" one\n\ttwo "), Ok("one\n\ttwo".to_owned()));
        assert!(description("bell \u{7}").is_err());
        assert!(description(&"x".repeat(5_001)).is_err());
    }
}
