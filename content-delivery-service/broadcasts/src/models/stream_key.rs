//! Stream keys: whoever has one may publish one lecture, until it is replaced.
//!
//! Nothing secret is stored: a key is derived from the server's secret, the lecture and the number of its key, so that it can
//! be shown again. It names its lecture, since RTMP sends nothing else.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::VideoId;
use uuid::Uuid;

/// Bytes of a video's id.
const ID: usize = 16;
/// Bytes of the tag behind it: 160 bits.
const TAG: usize = 20;

/// Makes and checks stream keys.
#[derive(Clone)]
pub struct StreamKeys(hmac::Key);

impl StreamKeys {
    /// Stream keys under a secret of their own.
    #[must_use]
    pub fn new(secret: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, secret))
    }

    /// The key of a lecture.
    #[must_use]
    pub fn make(&self, video: VideoId, version: i64) -> String {
        let tag = hmac::sign(&self.0, &message(video, version));
        let tag = tag.as_ref().iter().take(TAG);
        let key: Vec<u8> = video.0.as_bytes().iter().chain(tag).copied().collect();
        URL_SAFE_NO_PAD.encode(key)
    }

    /// The lecture that a key names, whether or not the key is good.
    #[must_use]
    pub fn video(&self, key: &str) -> Option<VideoId> {
        let bytes = URL_SAFE_NO_PAD
            .decode(key)
            .ok()
            .filter(|bytes| bytes.len() == ID + TAG)?;
        let id: [u8; ID] = bytes.get(..ID)?.try_into().ok()?;
        Some(VideoId::from(Uuid::from_bytes(id)))
    }

    /// Whether a key is the lecture's of this version.
    #[must_use]
    pub fn is_good(&self, key: &str, video: VideoId, version: i64) -> bool {
        let expected = self.make(video, version);
        aws_lc_rs::constant_time::verify_slices_are_equal(key.as_bytes(), expected.as_bytes()).is_ok()
    }
}

fn message(video: VideoId, version: i64) -> Vec<u8> {
    let mut bytes = video.0.as_bytes().to_vec();
    bytes.extend(version.to_be_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_key_names_its_lecture_and_opens_it_until_it_is_replaced() {
        let keys = StreamKeys::new(b"one secret");
        let video = VideoId::generate();
        let key = keys.make(video, 1);
        assert_eq!(keys.video(&key), Some(video));
        assert!(keys.is_good(&key, video, 1));
        assert!(!keys.is_good(&key, video, 2));
        assert!(!keys.is_good(&key, VideoId::generate(), 1));
        assert!(!keys.is_good(&format!("{key}="), video, 1));
        assert!(!StreamKeys::new(b"another").is_good(&key, video, 1));
        for bad in ["", "x", "%%%", &key[1..], &format!("{key}AAAA")] {
            assert_eq!(keys.video(bad), None, "{bad}");
        }
    }
}
