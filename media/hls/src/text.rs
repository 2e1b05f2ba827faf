//! Attribute values whose content can't break out of them.

use std::fmt;

/// A quoted string: without line breaks, quotes and other control characters, of bounded length.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let safe = self.0.chars().map(|letter| match letter {
            '"' => '\'',
            // The line and paragraph separators are line breaks to some parsers.
            '\u{2028}' | '\u{2029}' | '\u{feff}' => ' ',
            letter if letter.is_control() => ' ',
            letter => letter,
        });
        f.write_str("\"")?;
        for letter in safe.take(256) {
            write!(f, "{letter}")?;
        }
        f.write_str("\"")
    }
}

/// A URI on its own line or in quotes: invalid characters are percent-encoded.
pub(crate) struct Uri<'a>(pub(crate) &'a str);

impl fmt::Display for Uri<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, byte) in self.0.bytes().enumerate() {
            // A line that starts with `#` would be read as a comment.
            match byte {
                b'"' => f.write_str("%22")?,
                b'#' if place == 0 => f.write_str("%23")?,
                byte if byte.is_ascii_graphic() => write!(f, "{}", char::from(byte))?,
                byte => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}
