//! Rules for names and titles that people read in a list.

/// The longest title, in characters.
pub const MAX_TITLE: usize = 200;

/// Returns a title or a name as it is kept: trimmed, on one line, with visible characters.
///
/// Errors: the problem, to be shown after the field's name
pub fn title(text: &str) -> Result<String, &'static str> {
    let trimmed = text.trim();
    if trimmed.chars().any(is_deceptive) {
        return Err("must not contain control characters");
    }
    if !trimmed.chars().any(is_visible) {
        return Err("must not be empty");
    }
    if trimmed.chars().count() > MAX_TITLE {
        return Err("must have at most 200 characters");
    }
    Ok(trimmed.to_owned())
}

/// Whether a character is a control character or changes the direction or the line of the text that follows it.
#[must_use]
pub fn is_deceptive(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

fn is_visible(c: char) -> bool {
    !c.is_whitespace() && !matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{2064}' | '\u{feff}')
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
            &"x".repeat(201),
        ] {
            assert!(title(bad).is_err(), "{bad:?}");
        }
        assert!(title(&"ü".repeat(200)).is_ok());
    }
}
