//! What people may enter about themselves.

use contracts::text::is_deceptive;

/// A change of a profile: `None` keeps a field, `Some(None)` clears it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name.
    pub name: Option<String>,
    /// The new address.
    pub email: Option<passwords::email::EmailAddress>,
    /// The new text about the person.
    pub bio: Option<Option<String>>,
    /// The new language of the page.
    pub locale: Option<Option<String>>,
}

/// Checks a text about the person: up to 2,000 characters, line breaks allowed.
///
/// Errors: what is wrong, to be shown after the field's name
pub fn check_bio(written: &str) -> Result<String, &'static str> {
    if written.chars().count() > 2_000 {
        return Err("must not be longer than 2,000 characters");
    }
    if written
        .chars()
        .any(|c| is_deceptive(c) && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("must not contain control characters");
    }
    Ok(written.to_owned())
}

/// Checks a language tag such as `en` or `pt-BR`.
///
/// Source: BCP 47, the common form of a tag
/// Errors: what is wrong, to be shown after the field's name
pub fn check_locale(written: &str) -> Result<String, &'static str> {
    let mut parts = written.split('-');
    let alphanumeric = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let language = parts
        .next()
        .is_some_and(|part| (2..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphabetic()));
    if language && written.len() <= 35 && parts.all(alphanumeric) {
        Ok(written.to_owned())
    } else {
        Err("must be a language tag such as en or pt-BR")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_language_tags_have_bounds() {
        assert!(check_bio("two\nlines").is_ok());
        assert!(check_bio("a \u{7} bell").is_err());
        assert!(check_bio("turned \u{202e} round").is_err());
        for (tag, good) in [
            ("en", true),
            ("pt-BR", true),
            ("zh-Hant-TW", true),
            ("e", false),
            ("en_US", false),
            ("en-", false),
            ("", false),
        ] {
            assert_eq!(check_locale(tag).is_ok(), good, "{tag}");
        }
    }
}
