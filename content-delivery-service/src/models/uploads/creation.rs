//! A new upload.

use contracts::UserId;
use entitlements::models::sharing::NewVisibility;

/// A lecture when its upload begins.
#[derive(Debug, Clone)]
pub struct NewUpload {
    /// Whose lecture it will be.
    pub owner: UserId,
    /// The length, if the client declares it.
    pub length: Option<u64>,
    /// One line.
    pub title: String,
    /// May have several lines, may be empty.
    pub description: String,
    /// Who may watch it without a course.
    pub sharing: NewVisibility,
    /// The file's name, if the client sent one.
    pub filename: Option<String>,
    /// `Upload-Metadata` as it came.
    pub metadata: String,
    /// Whether the client can continue it in another request.
    pub resumable: bool,
}
