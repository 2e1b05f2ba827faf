//! What `Upload-Metadata` says of a lecture.
//!
//! Source: tus resumable upload protocol 1.0.0, creation extension

use crate::models::videos::text;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use entitlements::models::sharing::Visibility;

/// Longest `Upload-Metadata`, in bytes.
const MAX_METADATA: usize = 16 * 1024;
/// Longest single value, in bytes once decoded.
const MAX_VALUE: usize = 8 * 1024;

/// The part of the metadata that is used here.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Metadata {
    pub(super) filename: Option<String>,
    pub(super) title: Option<String>,
    pub(super) visibility: Visibility,
    /// The header itself, which HEAD gives back unchanged.
    pub(super) raw: String,
}

impl Metadata {
    /// Reads the header; unknown keys are kept in `raw` alone.
    pub(super) fn parse(header: &str) -> Result<Self, String> {
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
                "visibility" if !value.is_empty() => {
                    let visibility = value.parse().map_err(|what| format!("`visibility` {what}"));
                    metadata.visibility = visibility?;
                }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn metadata_gives_name_and_title_and_is_kept_as_it_came() {
        let header =
            "filename TGVjdHVyZSAzLm1wNA==,title R3JhcGhz,is_confidential,filetype dmlkZW8vbXA0,visibility bGluaw==";
        let metadata = Metadata::parse(header).unwrap();
        assert_eq!(metadata.filename.as_deref(), Some("Lecture 3.mp4"));
        assert_eq!(metadata.title.as_deref(), Some("Graphs"));
        assert_eq!(metadata.visibility, Visibility::Link);
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
            "visibility cHVibGlj",
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
}
