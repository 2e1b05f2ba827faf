//! What the tus headers say.
//!
//! Source: tus resumable upload protocol 1.0.0

use crate::models::text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// The one version that is spoken.
pub(crate) const VERSION: &str = "1.0.0";
/// The extensions that are offered.
pub(crate) const EXTENSIONS: &str = "creation,creation-with-upload,termination,checksum,expiration";
/// The checksum algorithms that are known.
pub(crate) const CHECKSUM_ALGORITHMS: &str = "sha1,sha256";
/// The media type of a piece of an upload.
pub(crate) const OFFSET_STREAM: &str = "application/offset+octet-stream";
/// Longest `Upload-Metadata`, in bytes.
const MAX_METADATA: usize = 16 * 1024;
/// Longest single value, in bytes once decoded.
const MAX_VALUE: usize = 8 * 1024;

/// A number of bytes: digits and nothing else, and small enough for every database.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value: u64 = digits.then(|| text.parse().ok())??;
    i64::try_from(value).is_ok().then_some(value)
}

/// What `Upload-Metadata` tells of a lecture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Metadata {
    pub(crate) filename: Option<String>,
    pub(crate) title: Option<String>,
    /// The header itself, which HEAD gives back unchanged.
    pub(crate) raw: String,
}

impl Metadata {
    /// Reads the header; keys that are not known are kept in `raw` alone.
    pub(crate) fn parse(header: &str) -> Result<Self, String> {
        if header.len() > MAX_METADATA {
            return Err(format!("Upload-Metadata has more than {MAX_METADATA} bytes"));
        }
        let mut seen: Vec<&str> = Vec::new();
        let mut metadata = Self {
            raw: header.to_owned(),
            ..Self::default()
        };
        for pair in header.split(',').map(str::trim) {
            if pair.is_empty() && header.trim().is_empty() {
                break;
            }
            let (key, encoded) = pair.split_once(' ').unwrap_or((pair, ""));
            if key.is_empty() || !key.bytes().all(|b| b.is_ascii_graphic()) {
                return Err("Upload-Metadata has a pair without a key".to_owned());
            }
            if seen.contains(&key) {
                return Err(format!("Upload-Metadata has the key `{key}` twice"));
            }
            seen.push(key);
            let value = value(key, encoded.trim())?;
            match key {
                // Clients that know no name send the key alone.
                "filename" | "name" if !value.is_empty() => {
                    let name = text::filename(&value).map_err(|what| format!("`{key}` {what}"))?;
                    metadata.filename.get_or_insert(name);
                }
                "title" if !value.is_empty() => metadata.title = Some(value),
                _ => {}
            }
        }
        Ok(metadata)
    }
}

fn value(key: &str, encoded: &str) -> Result<String, String> {
    let bytes = STANDARD
        .decode(encoded)
        .map_err(|_| format!("the value of `{key}` in Upload-Metadata is not base64"))?;
    if bytes.len() > MAX_VALUE {
        return Err(format!("the value of `{key}` in Upload-Metadata is too long"));
    }
    let value = String::from_utf8(bytes).map_err(|_| format!("the value of `{key}` is not UTF-8"))?;
    if value.chars().any(contracts::text::is_deceptive) {
        return Err(format!("the value of `{key}` contains control characters"));
    }
    Ok(value)
}

/// How the bytes of one request are checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Checksum {
    Sha1(Vec<u8>),
    Sha256(Vec<u8>),
}

impl Checksum {
    /// Reads `Upload-Checksum`.
    pub(crate) fn parse(header: &str) -> Result<Self, &'static str> {
        let (algorithm, encoded) = header
            .trim()
            .split_once(' ')
            .ok_or("Upload-Checksum is an algorithm, a space and the checksum in base64")?;
        let sum = STANDARD
            .decode(encoded.trim())
            .map_err(|_| "the checksum in Upload-Checksum is not base64")?;
        match (algorithm, sum.len()) {
            ("sha1", 20) => Ok(Self::Sha1(sum)),
            ("sha256", 32) => Ok(Self::Sha256(sum)),
            ("sha1" | "sha256", _) => Err("the checksum in Upload-Checksum has the wrong length"),
            _ => Err("the algorithm in Upload-Checksum is not known; use sha1 or sha256"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_numbers_are_lengths() {
        assert_eq!(number("0"), Some(0));
        assert_eq!(number("9223372036854775807"), Some(i64::MAX.unsigned_abs()));
        for bad in [
            "",
            "-1",
            "+5",
            "1e9",
            " 1",
            "0x10",
            "1.0",
            "9223372036854775808",
            "18446744073709551616",
        ] {
            assert_eq!(number(bad), None, "{bad}");
        }
    }

    #[test]
    fn metadata_gives_name_and_title_and_is_kept_as_it_came() {
        let header = "filename TGVjdHVyZSAzLm1wNA==,title R3JhcGhz,is_confidential,filetype dmlkZW8vbXA0";
        let metadata = Metadata::parse(header).unwrap();
        assert_eq!(metadata.filename.as_deref(), Some("Lecture 3.mp4"));
        assert_eq!(metadata.title.as_deref(), Some("Graphs"));
        assert_eq!(metadata.raw, header);
        assert_eq!(Metadata::parse("").unwrap(), Metadata::default());
    }

    #[test]
    fn metadata_that_lies_or_hides_something_is_refused() {
        let nul = format!("title {}", STANDARD.encode("a\0b"));
        let line = format!("title {}", STANDARD.encode("a\r\nb"));
        let bidi = format!("filename {}", STANDARD.encode("a\u{202e}4pm.exe"));
        let broken = format!("title {}", STANDARD.encode([0xff, 0xfe]));
        let long = format!("x {}", "A".repeat(64 * 1024));
        for bad in [
            "title %%%",
            "title YQ==,title YQ==",
            ",",
            "title YQ==,,x",
            &nul,
            &line,
            &bidi,
            &broken,
            &long,
        ] {
            assert!(Metadata::parse(bad).is_err(), "{bad:.60}");
        }
    }

    #[test]
    fn a_checksum_names_a_known_algorithm_and_has_its_length() {
        assert!(Checksum::parse(&format!("sha1 {}", STANDARD.encode([1; 20]))).is_ok());
        assert!(Checksum::parse(&format!("sha256 {}", STANDARD.encode([1; 32]))).is_ok());
        let short = format!("sha1 {}", STANDARD.encode([1; 19]));
        for bad in ["", "sha1", "sha1 %%", "md5 AAAAAAAAAAAAAAAAAAAAAA==", &short] {
            assert!(Checksum::parse(bad).is_err(), "{bad}");
        }
    }
}
