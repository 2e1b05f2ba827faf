//! What this service signs: upload keys and cursors. Nothing secret is stored for them.

use aws_lc_rs::hmac;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{UserId, VideoId};
use secrecy::{ExposeSecret, SecretSlice};

/// Bytes of a cursor's signature; a guess tells nothing that the guesser may not see anyway.
const CURSOR_TAG: usize = 12;

/// The keys derived from the process's secret.
#[derive(Clone)]
pub(crate) struct Signatures {
    uploads: hmac::Key,
    cursors: hmac::Key,
}

impl Signatures {
    pub(crate) fn new(secret: &SecretSlice<u8>) -> Self {
        let secret = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret());
        let derive = |purpose: &[u8]| hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&secret, purpose).as_ref());
        Self {
            uploads: derive(b"moocflix content upload key"),
            cursors: derive(b"moocflix content cursor"),
        }
    }

    /// The key that an upload's URL carries.
    pub(crate) fn upload_key(&self, video: VideoId, version: i64) -> String {
        URL_SAFE_NO_PAD.encode(hmac::sign(&self.uploads, &upload_message(video, version)))
    }

    /// Whether a key is of this upload and in force.
    pub(crate) fn is_upload_key(&self, key: &str, video: VideoId, version: i64) -> bool {
        URL_SAFE_NO_PAD
            .decode(key)
            .is_ok_and(|tag| hmac::verify(&self.uploads, &upload_message(video, version), &tag).is_ok())
    }

    /// Where an owner's next page begins.
    pub(crate) fn cursor(&self, owner: UserId, last: VideoId) -> String {
        let mut bytes = last.0.as_bytes().to_vec();
        bytes.extend(self.cursor_tag(owner, last));
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The last id that a cursor's page showed; `None` where the cursor is forged or somebody else's.
    pub(crate) fn read_cursor(&self, owner: UserId, cursor: &str) -> Option<VideoId> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let id = uuid::Uuid::from_slice(bytes.get(..16)?).ok()?;
        let last = VideoId::from(id);
        let tag = self.cursor_tag(owner, last);
        aws_lc_rs::constant_time::verify_slices_are_equal(bytes.get(16..)?, &tag).ok()?;
        Some(last)
    }

    fn cursor_tag(&self, owner: UserId, last: VideoId) -> Vec<u8> {
        let mut message = owner.0.as_bytes().to_vec();
        message.extend(last.0.as_bytes());
        hmac::sign(&self.cursors, &message)
            .as_ref()
            .iter()
            .take(CURSOR_TAG)
            .copied()
            .collect()
    }
}

fn upload_message(video: VideoId, version: i64) -> Vec<u8> {
    let mut message = video.0.as_bytes().to_vec();
    message.extend(version.to_be_bytes());
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upload_key_opens_one_upload_until_it_is_revoked() {
        let signatures = Signatures::new(&SecretSlice::from(b"one secret".to_vec()));
        let video = VideoId::generate();
        let key = signatures.upload_key(video, 1);
        assert!(signatures.is_upload_key(&key, video, 1));
        assert!(!signatures.is_upload_key(&key, video, 2));
        assert!(!signatures.is_upload_key(&key, VideoId::generate(), 1));
        assert!(!signatures.is_upload_key("", video, 1));
        assert!(!Signatures::new(&SecretSlice::from(b"another".to_vec())).is_upload_key(&key, video, 1));
    }

    #[test]
    fn a_cursor_is_good_for_its_owner_alone() {
        let signatures = Signatures::new(&SecretSlice::from(b"one secret".to_vec()));
        let (owner, last) = (UserId::generate(), VideoId::generate());
        let cursor = signatures.cursor(owner, last);
        assert_eq!(signatures.read_cursor(owner, &cursor), Some(last));
        assert_eq!(signatures.read_cursor(UserId::generate(), &cursor), None);
        for forged in ["", "AAAA", &"A".repeat(200)] {
            assert_eq!(signatures.read_cursor(owner, forged), None);
        }
    }
}
