//! The tus headers of requests and answers.

use crate::models::uploads::tus::{self, Checksum};
use crate::models::uploads::upload::Upload;
use crate::services::error::ContentError;
use contracts::Timestamp;
use http::{HeaderMap, HeaderName, HeaderValue};
use time::OffsetDateTime;
use time::macros::format_description;

pub(crate) const TUS_RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
pub(crate) const TUS_VERSION: HeaderName = HeaderName::from_static("tus-version");
pub(crate) const TUS_EXTENSION: HeaderName = HeaderName::from_static("tus-extension");
pub(crate) const TUS_MAX_SIZE: HeaderName = HeaderName::from_static("tus-max-size");
pub(crate) const TUS_CHECKSUM_ALGORITHM: HeaderName = HeaderName::from_static("tus-checksum-algorithm");
pub(crate) const UPLOAD_OFFSET: HeaderName = HeaderName::from_static("upload-offset");
pub(crate) const UPLOAD_LENGTH: HeaderName = HeaderName::from_static("upload-length");
pub(crate) const UPLOAD_DEFER_LENGTH: HeaderName = HeaderName::from_static("upload-defer-length");
pub(crate) const UPLOAD_METADATA: HeaderName = HeaderName::from_static("upload-metadata");
pub(crate) const UPLOAD_EXPIRES: HeaderName = HeaderName::from_static("upload-expires");
pub(crate) const UPLOAD_CHECKSUM: HeaderName = HeaderName::from_static("upload-checksum");

/// A header that may come once.
pub(crate) fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, ContentError> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    if values.next().is_some() {
        return Err(ContentError::BadHeader(format!("{name} came twice")));
    }
    let text = value
        .to_str()
        .map_err(|_| ContentError::BadHeader(format!("{name} has characters that it must not have")))?;
    Ok(Some(text))
}

/// A header that holds a number of bytes.
pub(crate) fn number(headers: &HeaderMap, name: &HeaderName) -> Result<Option<u64>, ContentError> {
    single(headers, name)?
        .map(|text| {
            tus::number(text)
                .ok_or_else(|| ContentError::BadHeader(format!("{name} must be a number of bytes in digits")))
        })
        .transpose()
}

/// Fails unless the client speaks this version of tus.
pub(crate) fn must_speak_tus(headers: &HeaderMap) -> Result<(), ContentError> {
    match single(headers, &TUS_RESUMABLE)? {
        Some(tus::VERSION) => Ok(()),
        Some(_) | None => Err(ContentError::WrongVersion),
    }
}

/// Fails unless the body is declared as a piece of an upload.
pub(crate) fn must_be_offset_stream(headers: &HeaderMap) -> Result<(), ContentError> {
    match single(headers, &http::header::CONTENT_TYPE)? {
        Some(kind) if kind.trim().eq_ignore_ascii_case(tus::OFFSET_STREAM) => must_be_plain(headers),
        Some(_) | None => Err(ContentError::UnsupportedType),
    }
}

/// Fails where the body comes packed: what is stored must be what was counted.
pub(crate) fn must_be_plain(headers: &HeaderMap) -> Result<(), ContentError> {
    match single(headers, &http::header::CONTENT_ENCODING)? {
        Some(coding) if !coding.eq_ignore_ascii_case("identity") => Err(ContentError::UnsupportedType),
        Some(_) | None => Ok(()),
    }
}

/// The checksum that the body must have, where one was sent.
pub(crate) fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, ContentError> {
    single(headers, &UPLOAD_CHECKSUM)?
        .map(|text| Checksum::parse(text).map_err(|what| ContentError::BadHeader(what.to_owned())))
        .transpose()
}

/// What every answer about an upload tells: where it stands, and until when it is kept.
pub(crate) fn progress(headers: &mut HeaderMap, offset: u64, expires_at: Option<Timestamp>) {
    headers.insert(TUS_RESUMABLE, HeaderValue::from_static(tus::VERSION));
    headers.insert(UPLOAD_OFFSET, HeaderValue::from(offset));
    if let Some(date) = expires_at.and_then(http_date) {
        headers.insert(UPLOAD_EXPIRES, date);
    }
}

/// The same for an upload as it was read.
pub(crate) fn progress_of(headers: &mut HeaderMap, upload: &Upload) {
    let open = upload.state == crate::models::uploads::upload::UploadState::Open;
    progress(headers, upload.offset, open.then_some(upload.expires_at));
}

/// Source: RFC 9110 §5.6.7
fn http_date(moment: Timestamp) -> Option<HeaderValue> {
    let format =
        format_description!("[weekday repr:short], [day] [month repr:short] [year] [hour]:[minute]:[second] GMT");
    let moment = OffsetDateTime::from_unix_timestamp(moment.seconds()).ok()?;
    HeaderValue::from_str(&moment.format(format).ok()?).ok()
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
        headers.append(UPLOAD_LENGTH, HeaderValue::from_static("1"));
        assert_eq!(number(&headers, &UPLOAD_LENGTH).unwrap(), Some(1));
        headers.append(UPLOAD_LENGTH, HeaderValue::from_static("1"));
        assert!(number(&headers, &UPLOAD_LENGTH).is_err());
    }
}
