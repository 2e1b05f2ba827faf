//! What people tell about themselves, and its bounds.

/// A change of a profile: only what is there changes; `Some(None)` clears.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProfileChange {
    /// The new name.
    pub name: Option<String>,
    /// The new address.
    pub email: Option<super::email::EmailAddress>,
    /// The new text about the person.
    pub bio: Option<Option<String>>,
    /// The new language of the page.
    pub locale: Option<Option<String>>,
}

/// Checks a name and takes the spaces around it away.
///
/// # Errors
/// The message for the person who wrote it.
pub fn check_name(written: &str) -> Result<String, &'static str> {
    let name = written.trim();
    if name.is_empty() {
        return Err("is needed");
    }
    if name.chars().count() > 200 {
        return Err("must not be longer than 200 characters");
    }
    if name.chars().any(char::is_control) {
        return Err("must not hold control characters");
    }
    Ok(name.to_owned())
}

/// Checks a text about the person: up to 2,000 characters, of several lines if they like.
///
/// # Errors
/// The message for the person who wrote it.
pub fn check_bio(written: &str) -> Result<String, &'static str> {
    if written.chars().count() > 2_000 {
        return Err("must not be longer than 2,000 characters");
    }
    if written
        .chars()
        .any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
    {
        return Err("must not hold control characters");
    }
    Ok(written.to_owned())
}

/// Checks a language tag such as `en` or `pt-BR`.
///
/// Source: BCP 47, the plain shape of a tag
///
/// # Errors
/// The message for the person who wrote it.
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
    fn names_and_tags_have_bounds() {
        assert_eq!(check_name("  Ada ").unwrap(), "Ada");
        assert!(check_name("   ").is_err());
        assert!(check_name("Ada\nLovelace").is_err());
        assert!(check_name(&"x".repeat(201)).is_err());
        assert!(check_bio("two\nlines").is_ok());
        assert!(check_bio("a \u{7} bell").is_err());
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
