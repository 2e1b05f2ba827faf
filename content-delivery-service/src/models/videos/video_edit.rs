//! Edits of what people say of a lecture, and of whom they share it with.

use entitlements::models::sharing::NewVisibility;

/// A change of what people say of a lecture; an absent field stays.
#[derive(Debug, Clone, Default)]
pub struct VideoEdit {
    /// One line.
    pub title: Option<String>,
    /// May have several lines, may be empty.
    pub description: Option<String>,
    /// Who may watch it.
    pub visibility: Option<NewVisibility>,
}

impl VideoEdit {
    /// The names of the fields that it changes.
    #[must_use]
    pub fn fields(&self) -> Vec<&'static str> {
        [
            ("title", self.title.is_some()),
            ("description", self.description.is_some()),
            ("visibility", self.visibility.is_some()),
        ]
        .into_iter()
        .filter_map(|(name, changes)| changes.then_some(name))
        .collect()
    }
}
