//! A request that makes an upload, told apart from its repetition.

use contracts::UserId;

/// Longest `Idempotency-Key`, in bytes.
const MAX_KEY: usize = 255;

/// What is known of a lecture when its upload begins.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Whose lecture it will be.
    pub owner: UserId,
    /// Where the client tells the length beforehand.
    pub length: Option<u64>,
    /// One line.
    pub title: String,
    /// May have lines, may be empty.
    pub description: String,
    /// The file's name, where the client told one.
    pub filename: Option<String>,
    /// `Upload-Metadata` as it came.
    pub metadata: String,
    /// Whether the client can go on with it in another request.
    pub resumable: bool,
    /// The client's own name of this creation.
    pub creation: Option<Creation>,
}

/// The client's own name of a creation, and what it asked for under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Creation {
    /// `Idempotency-Key` as it came.
    pub key: String,
    /// A digest of the request's own words, to tell a repetition from another request.
    pub print: Vec<u8>,
}

impl Creation {
    /// Takes a key that has the right shape, and the parts of the request that must be the same again.
    ///
    /// # Errors
    /// What is wrong with the key.
    pub fn new(key: &str, parts: &[&str]) -> Result<Self, &'static str> {
        if key.is_empty() || key.len() > MAX_KEY || !key.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            return Err("Idempotency-Key must have 1 to 255 printable ASCII characters");
        }
        let mut text = String::new();
        for part in parts {
            text.push_str(&part.len().to_string());
            text.push(':');
            text.push_str(part);
        }
        let print = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes());
        Ok(Self {
            key: key.to_owned(),
            print: print.as_ref().to_vec(),
        })
    }
}
