//! Reads and writes the headers of uploads.

use super::errors::{malformed_header, unsupported_type, wrong_version};
use super::tus;
use crate::models::uploads::checksum::Checksum;
use crate::models::uploads::upload::{Upload, UploadState};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use contracts::Timestamp;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue};
use runtime::Problem;
use std::time::{Duration, UNIX_EPOCH};

/// A header that may come once.
pub(super) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(malformed_header(format!("{name} is given twice")));
    }
    let text = value
        .to_str()
        .map_err(|_| malformed_header(format!("{name} has invalid characters")))?;
    Ok(Some(text))
}

/// A header that holds a number of bytes: digits and nothing else, and small enough for every database.
pub(super) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, Problem> {
    single(headers, name)?
        .map(|text| bytes(text).ok_or_else(|| malformed_header(format!("{name} must be a number of bytes in digits"))))
        .transpose()
}

fn bytes(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let value: u64 = digits.then(|| text.parse().ok())??;
    i64::try_from(value).is_ok().then_some(value)
}

/// Fails unless the client speaks this version of tus.
pub(super) fn must_speak_tus(headers: &HeaderMap) -> Result<(), Problem> {
    match single(headers, &tus::TUS_RESUMABLE)? {
        Some(tus::VERSION) => Ok(()),
        Some(_) | None => Err(wrong_version()),
    }
}

/// Fails unless the body is declared as bytes that continue an upload.
pub(super) fn must_be_offset_stream(headers: &HeaderMap) -> Result<(), Problem> {
    match single(headers, &CONTENT_TYPE)? {
        Some(kind) if kind.trim().eq_ignore_ascii_case(tus::OFFSET_STREAM) => must_be_plain(headers),
        Some(_) | None => Err(unsupported_type()),
    }
}

/// Fails if the body is compressed: what is stored must be what was counted.
pub(super) fn must_be_plain(headers: &HeaderMap) -> Result<(), Problem> {
    match single(headers, &CONTENT_ENCODING)? {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(unsupported_type()),
        Some(_) | None => Ok(()),
    }
}

/// The checksum that the body must have, if one was sent.
pub(super) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    single(headers, &tus::UPLOAD_CHECKSUM)?
        .map(|text| parse_checksum(text).map_err(malformed_header))
        .transpose()
}

fn parse_checksum(header: &str) -> Result<Checksum, &'static str> {
    let (algorithm, encoded) = header
        .trim()
        .split_once(' ')
        .ok_or("Upload-Checksum is an algorithm, a space and the checksum in base64")?;
    let sum = STANDARD
        .decode(encoded.trim())
        .map_err(|_| "the checksum in Upload-Checksum is not base64")?;
    match (algorithm, sum.len()) {
        ("sha1", 20) => Ok(Checksum::Sha1(sum)),
        ("sha256", 32) => Ok(Checksum::Sha256(sum)),
        ("sha1" | "sha256", _) => Err("the checksum in Upload-Checksum has the wrong length"),
        _ => Err("the algorithm in Upload-Checksum is not known; use sha1 or sha256"),
    }
}

/// The headers of every reply about an upload: where it stands, and until when it is kept.
pub(super) fn progress(headers: &mut HeaderMap, offset: u64, expires_at: Option<Timestamp>) {
    headers.insert(tus::TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    headers.insert(tus::UPLOAD_OFFSET, HeaderValue::from(offset));
    if let Some(date) = expires_at.and_then(http_date) {
        headers.insert(tus::UPLOAD_EXPIRES, date);
    }
}

/// The same for an upload as it was read.
pub(super) fn progress_of(headers: &mut HeaderMap, upload: &Upload) {
    let open = upload.state == UploadState::Open;
    progress(headers, upload.offset, open.then_some(upload.expires_at));
}

fn http_date(moment: Timestamp) -> Option<HeaderValue> {
    let moment = UNIX_EPOCH + Duration::from_secs(u64::try_from(moment.seconds()).ok()?);
    HeaderValue::from_str(&httpdate::fmt_http_date(moment)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_date_is_written_as_http_writes_it() {
        let date = http_date(Timestamp::from_seconds(784_111_777)).unwrap();
        assert_eq!(date, "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_header_that_came_twice_is_refused() {
        let mut headers = HeaderMap::new();
        headers.append(tus::UPLOAD_LENGTH, HeaderValue::from_static("1"));
        assert_eq!(number(&headers, &tus::UPLOAD_LENGTH).unwrap(), Some(1));
        headers.append(tus::UPLOAD_LENGTH, HeaderValue::from_static("1"));
        assert!(number(&headers, &tus::UPLOAD_LENGTH).is_err());
    }

    #[test]
    fn only_plain_numbers_are_lengths() {
        assert_eq!(bytes("0"), Some(0));
        assert_eq!(bytes("9223372036854775807"), Some(i64::MAX.unsigned_abs()));
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
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_checksum_names_a_known_algorithm_and_has_its_length() {
        assert!(parse_checksum(&format!("sha1 {}", STANDARD.encode([1; 20]))).is_ok());
        assert!(parse_checksum(&format!("sha256 {}", STANDARD.encode([1; 32]))).is_ok());
        let short = format!("sha1 {}", STANDARD.encode([1; 19]));
        for bad in ["", "sha1", "sha1 %%", "md5 AAAAAAAAAAAAAAAAAAAAAA==", &short] {
            assert!(parse_checksum(bad).is_err(), "{bad}");
        }
    }
}
