//! E-mail addresses: shown as written, looked up by their key.

use unicode_normalization::UnicodeNormalization;

/// A valid address.
///
/// Shape: `text` as the person wrote it, trimmed, in composed characters (NFC); `key` is `text` in ASCII lower case
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EmailAddress {
    text: String,
    key: String,
}

const MAX_LENGTH: usize = 254;

impl EmailAddress {
    /// Reads an address.
    ///
    /// Errors: what is wrong, to be shown after the field's name
    pub fn parse(written: &str) -> Result<Self, &'static str> {
        if written.chars().any(char::is_control) {
            return Err("must not contain control characters");
        }
        // A macOS keyboard and a Windows one write the same address in two ways.
        let text: String = written.trim().nfc().collect();
        if text.is_empty() {
            return Err("must not be empty");
        }
        if text.len() > MAX_LENGTH {
            return Err("must not be longer than 254 bytes");
        }
        if text
            .chars()
            .any(|c| c.is_whitespace() || matches!(c, ',' | ';' | '<' | '>' | '"' | '(' | ')'))
        {
            return Err("must be one plain address, without spaces, commas, quotes or brackets");
        }
        if text.chars().any(is_invisible) {
            return Err("must not contain invisible characters");
        }
        match text.split_once('@') {
            Some((local, domain)) if !local.is_empty() && is_domain(domain) => Ok(Self {
                key: text.to_ascii_lowercase(),
                text,
            }),
            _ => Err("must look like name@example.org"),
        }
    }

    /// The address as its owner wrote it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The key that an account is looked up by; each account has its own.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The beginning of keys that a person looks for.
    pub fn prefix_key(written: &str) -> String {
        written.trim().nfc().collect::<String>().to_ascii_lowercase()
    }

    /// The part before the `@`, of the key.
    #[must_use]
    pub fn local_key(&self) -> &str {
        self.key.split('@').next().unwrap_or_default()
    }
}

fn is_domain(domain: &str) -> bool {
    !domain.contains('@')
        && domain
            .split('.')
            .all(|label| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-'))
}

/// Zero-width characters and direction marks make two addresses look the same.
const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_its_spelling_and_has_a_lower_case_key() {
        let address = EmailAddress::parse("  Ada.Lovelace@Example.ORG ").unwrap();
        assert_eq!(address.text(), "Ada.Lovelace@Example.ORG");
        assert_eq!(address.key(), "ada.lovelace@example.org");
        assert!(EmailAddress::parse("a@b").is_ok());
        let (composed, apart) = ("jörg@bücher.example", "jo\u{308}rg@bu\u{308}cher.example");
        assert_eq!(EmailAddress::parse(composed), EmailAddress::parse(apart));
        assert!(EmailAddress::parse("jörg+mooc@bücher.example").is_ok());
    }

    #[test]
    fn anything_but_one_plain_address_is_refused() {
        let long = format!("{}@example.org", "a".repeat(250));
        for written in [
            "",
            "   ",
            "ada",
            "@example.org",
            "ada@",
            "a@b@c",
            "ada@example..org",
            "ada@.org",
            "ada@-x.org",
            "ada@example.org\r\nBcc: eve@example.org",
            "ada@example.org,eve@example.org",
            "ada lovelace@example.org",
            "\"ada\"@example.org",
            "ada(comment)@example.org",
            "ada\u{200d}@example.org",
            "ada@example.org\0",
            &long,
        ] {
            assert!(EmailAddress::parse(written).is_err(), "{written:?}");
        }
    }
}
