//! Statements about one video or about a page of them.

use contracts::VideoId;

/// The most videos on a page.
pub const PAGE: usize = 100;

/// A statement that lists ids of videos, once with a single id and once with a whole page of ids.
#[derive(Debug)]
pub struct PerVideos {
    one: String,
    page: String,
}

impl PerVideos {
    /// Replaces `{videos}` with parameters for the ids, which count from `first`.
    #[must_use]
    pub fn new(template: &str, first: usize) -> Self {
        let listed = |count: usize| {
            let places: Vec<String> = (first..first + count).map(|place| format!("${place}")).collect();
            template.replace("{videos}", &places.join(", "))
        };
        Self {
            one: listed(1),
            page: listed(PAGE),
        }
    }

    /// The statement for ids that are [`padded`].
    #[must_use]
    pub fn text(&self, videos: &[VideoId]) -> &str {
        if videos.len() == 1 { &self.one } else { &self.page }
    }
}

/// The ids for such a statement: one, or a page of ids, filled up with the last one.
#[must_use]
pub fn padded(videos: &[VideoId]) -> Vec<VideoId> {
    let mut ids = videos.to_vec();
    if let (Some(&last), true) = (videos.last(), videos.len() != 1) {
        ids.resize(PAGE.max(videos.len()), last);
    }
    ids
}
