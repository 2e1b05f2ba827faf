//! What a new upload begins with.

use contracts::UserId;

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
}
