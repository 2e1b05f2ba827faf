//! The token in a stream's path: which video's bytes it opens, for whom and until when.
//!
//! It is signed, so that any node and any edge can check it without asking, and small, because every
//! URL contains it. The reader accepts a single spelling: a fixed length that fills its last character,
//! so that no two texts are the same token.
//!
//! Shape: base64url of version 1, key id 4, video 16, policy version 4, viewer 8, playback 16,
//! sign-in 16, uses 1, maximum height 2, expiry 6 bytes (seconds), Ed25519 signature 64; all numbers big-endian

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair, ParsedPublicKey};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::{PlaybackId, SessionId, Timestamp, VideoId};
use uuid::Uuid;

const VERSION: u8 = 1;
const CLAIMS_LENGTH: usize = 74;
const SIGNATURE_LENGTH: usize = 64;

/// The length of every token's text.
pub const TOKEN_LENGTH: usize = (CLAIMS_LENGTH + SIGNATURE_LENGTH) / 3 * 4;

/// The use that lets a token fetch playlists and segments.
pub const USE_MEDIA: u8 = 1;

/// Names a signing key inside a token: the start of its public half's SHA-256.
pub type KeyId = [u8; 4];

/// The claims of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claims {
    /// The only video that it opens.
    pub video: VideoId,
    /// The video's policy when it was made; a later policy refuses it.
    pub policy_version: u32,
    /// The viewer, hashed: an address in a log or a cache reveals no id.
    pub viewer: [u8; 8],
    /// The playback session that it belongs to.
    pub playback: PlaybackId,
    /// The sign-in that opened the session.
    pub session: SessionId,
    /// What it may be used for, a bit each.
    pub uses: u8,
    /// The greatest picture height that it opens; 0 = no limit.
    pub max_height: u16,
    /// When it runs out; whole seconds.
    pub expires_at: Timestamp,
}

/// A key pair that signs tokens.
pub struct SigningKey {
    id: KeyId,
    pair: Ed25519KeyPair,
}

/// The public half of a key that signed tokens which are still about.
pub struct VerifyingKey {
    id: KeyId,
    key: ParsedPublicKey,
}

/// Bytes that are no key of ours.
#[derive(Debug, thiserror::Error)]
#[error("not an Ed25519 key pair")]
pub struct BadKey;

impl SigningKey {
    /// Makes a new pair.
    pub fn generate() -> Result<Self, BadKey> {
        Ed25519KeyPair::generate().map(Self::of).map_err(|_| BadKey)
    }

    /// Reads a pair that `to_pkcs8` wrote.
    pub fn from_pkcs8(bytes: &[u8]) -> Result<Self, BadKey> {
        Ed25519KeyPair::from_pkcs8(bytes).map(Self::of).map_err(|_| BadKey)
    }

    fn of(pair: Ed25519KeyPair) -> Self {
        let hash = digest(&SHA256, pair.public_key().as_ref());
        let mut id = KeyId::default();
        id.copy_from_slice(&hash.as_ref()[..4]);
        Self { id, pair }
    }

    /// The whole pair; only ever stored sealed.
    pub fn to_pkcs8(&self) -> Result<Vec<u8>, BadKey> {
        let document = self.pair.to_pkcs8().map_err(|_| BadKey)?;
        Ok(document.as_ref().to_vec())
    }

    /// The key's name inside a token.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// The half that checks.
    pub fn verifying(&self) -> Result<VerifyingKey, BadKey> {
        let key = ParsedPublicKey::new(&ED25519, self.pair.public_key().as_ref()).map_err(|_| BadKey)?;
        Ok(VerifyingKey { id: self.id, key })
    }

    /// Writes claims as a token.
    pub fn sign(&self, claims: &Claims) -> String {
        let mut bytes = claims.encode(self.id).to_vec();
        bytes.extend_from_slice(self.pair.sign(&bytes).as_ref());
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// What a text is that was taken for a token.
pub enum Reading {
    /// A good token; whether its session still lives is another question.
    Good(Claims),
    /// Signed by a key that is not known here, perhaps because another node made it a moment ago.
    UnknownKey,
    /// Not a token of ours.
    Bad,
}

/// Checks a token's shape and signature; neither its time nor its session.
pub fn read(token: &str, keys: &[VerifyingKey]) -> Reading {
    let mut bytes = [0; CLAIMS_LENGTH + SIGNATURE_LENGTH];
    if token.len() != TOKEN_LENGTH
        || !matches!(URL_SAFE_NO_PAD.decode_slice(token, &mut bytes), Ok(n) if n == bytes.len())
    {
        return Reading::Bad;
    }
    let (signed, signature) = bytes.split_at(CLAIMS_LENGTH);
    let Some((id, claims)) = Claims::decode(signed) else {
        return Reading::Bad;
    };
    let Some(key) = keys.iter().find(|key| key.id == id) else {
        return Reading::UnknownKey;
    };
    match key.key.verify_sig(signed, signature) {
        Ok(()) => Reading::Good(claims),
        Err(_) => Reading::Bad,
    }
}

impl Claims {
    fn encode(&self, key: KeyId) -> [u8; CLAIMS_LENGTH] {
        let mut bytes = [0; CLAIMS_LENGTH];
        let expiry = self.expires_at.seconds().max(0).to_be_bytes();
        let mut at = 0;
        for part in [
            &[VERSION][..],
            &key,
            self.video.0.as_bytes(),
            &self.policy_version.to_be_bytes(),
            &self.viewer,
            self.playback.0.as_bytes(),
            self.session.0.as_bytes(),
            &[self.uses],
            &self.max_height.to_be_bytes(),
            &expiry[2..],
        ] {
            bytes[at..at + part.len()].copy_from_slice(part);
            at += part.len();
        }
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<(KeyId, Self)> {
        let mut rest = Fields(bytes);
        let [version] = rest.take()?;
        if version != VERSION {
            return None;
        }
        let key = rest.take()?;
        let claims = Self {
            video: VideoId::from(Uuid::from_bytes(rest.take()?)),
            policy_version: u32::from_be_bytes(rest.take()?),
            viewer: rest.take()?,
            playback: PlaybackId::from(Uuid::from_bytes(rest.take()?)),
            session: SessionId::from(Uuid::from_bytes(rest.take()?)),
            uses: u8::from_be_bytes(rest.take()?),
            max_height: u16::from_be_bytes(rest.take()?),
            expires_at: {
                let [a, b, c, d, e, f] = rest.take()?;
                Timestamp::from_seconds(i64::from_be_bytes([0, 0, a, b, c, d, e, f]))
            },
        };
        rest.0.is_empty().then_some((key, claims))
    }
}

struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims() -> Claims {
        Claims {
            video: VideoId::generate(),
            policy_version: 7,
            viewer: [1, 2, 3, 4, 5, 6, 7, 8],
            playback: PlaybackId::generate(),
            session: SessionId::generate(),
            uses: USE_MEDIA,
            max_height: 720,
            expires_at: Timestamp::from_seconds(1_800_000_000),
        }
    }

    #[test]
    fn a_token_is_read_back_after_its_key_was_stored() {
        let key = SigningKey::generate().unwrap();
        let again = SigningKey::from_pkcs8(&key.to_pkcs8().unwrap()).unwrap();
        let token = key.sign(&claims());
        assert_eq!(token.len(), TOKEN_LENGTH);
        assert!(
            token
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        );
        let claims = claims();
        match read(&key.sign(&claims), &[again.verifying().unwrap()]) {
            Reading::Good(read) => assert_eq!(read, claims),
            _ => panic!("not read"),
        }
    }

    #[test]
    fn no_bit_of_a_token_can_be_changed() {
        let key = SigningKey::generate().unwrap();
        let keys = [key.verifying().unwrap()];
        let token = key.sign(&claims());
        for at in 0..token.len() {
            for bit in 0..8 {
                let mut bytes = token.clone().into_bytes();
                bytes[at] ^= 1 << bit;
                let Ok(changed) = String::from_utf8(bytes) else {
                    continue;
                };
                assert!(!matches!(read(&changed, &keys), Reading::Good(_)), "{changed}");
            }
        }
        for changed in [
            &token[1..],
            &token[..token.len() - 1],
            &format!("{token}="),
            &format!("{token}A"),
            "",
        ] {
            assert!(matches!(read(changed, &keys), Reading::Bad), "{changed}");
        }
    }

    #[test]
    fn another_servers_token_is_told_from_a_bad_one() {
        let (ours, theirs) = (SigningKey::generate().unwrap(), SigningKey::generate().unwrap());
        let token = theirs.sign(&claims());
        assert!(matches!(
            read(&token, &[ours.verifying().unwrap()]),
            Reading::UnknownKey
        ));
    }
}
