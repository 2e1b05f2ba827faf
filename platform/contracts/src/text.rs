//! Rules for names, titles and descriptions that other people read.

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;

/// Returns a title or a name as it is kept: trimmed, on one line, with visible characters.
///
/// Errors: the problem, to be shown after the field's name
pub fn title(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.chars().any(|c| is_deceptive(c) || is_direction_mark(c)) {
        return Err("must not contain control characters or marks of direction");
    }
    if !trimmed.chars().any(is_visible) {
        return Err("must not be empty");
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

/// Whether a character leaves ink.
///
/// Source: Unicode, property `Default_Ignorable_Code_Point`; U+2800 is a Braille cell without dots
fn is_visible(c: char) -> bool {
    let ignorable = matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fff8}' | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}'
    );
    !c.is_whitespace() && !c.is_control() && !ignorable && c != '\u{2800}'
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
    fn a_description_may_have_lines() {
        assert_eq!(description(" one\n\ttwo "), Ok("one\n\ttwo".to_owned()));
        assert!(description("bell \u{7}").is_err());
        assert!(description(&"x".repeat(5_001)).is_err());
    }
}
