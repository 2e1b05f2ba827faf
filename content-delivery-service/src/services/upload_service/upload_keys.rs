//! The keys that uploads' URLs carry. Nothing secret is stored for them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::VideoId;
use runtime::secrets;

/// Makes and checks upload keys.
#[derive(Clone)]
pub(crate) struct UploadKeys(hmac::Key);

impl UploadKeys {
    pub(crate) fn new(secret: &[u8]) -> Self {
        let key = secrets::derive_by_hmac(secret, "moocflix content upload key");
        Self(hmac::Key::new(hmac::HMAC_SHA256, &key))
    }

    /// The key that an upload's URL carries.
    pub(crate) fn make(&self, video: VideoId, version: i64) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.0, &message(video, version)))
    }

    /// Whether a key is of this upload and in force.
    pub(crate) fn is_good(&self, key: &str, video: VideoId, version: i64) -> bool {
        URL_SAFE_NO_PAD
            .decode(key)
            .is_ok_and(|tag| hmac::verify(&self.0, &message(video, version), &tag).is_ok())
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
    fn an_upload_key_opens_one_upload_until_it_is_revoked() {
        let keys = UploadKeys::new(b"one secret");
        let video = VideoId::generate();
        let key = keys.make(video, 1);
        assert!(keys.is_good(&key, video, 1));
        assert!(!keys.is_good(&key, video, 2));
        assert!(!keys.is_good(&key, VideoId::generate(), 1));
        assert!(!keys.is_good("", video, 1));
        assert!(!UploadKeys::new(b"another").is_good(&key, video, 1));
    }

    #[test]
    fn a_key_that_an_earlier_version_gave_out_is_good() {
        let video = "01890a5d-ac96-774b-bcce-b302099a8057".parse().unwrap();
        let key = "mFAkj5GLBiUE5xOdvAmZbgoOux5aaLRnZL7tRX7Syhg";
        assert!(UploadKeys::new(b"one secret").is_good(key, video, 1));
    }
}
