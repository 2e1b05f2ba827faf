//! Statements about one video or about a page of them.

use contracts::VideoId;

/// How many videos a page has at most.
pub const PAGE: usize = 100;

/// A statement with the ids of videos in it, written for one of them and for a whole page.
#[derive(Debug)]
pub struct PerVideos {
    one: String,
    page: String,
}

impl PerVideos {
    /// Writes the ids in place of `{videos}`; their parameters count from `first`.
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

    /// The statement for as many ids as are [`padded`].
    #[must_use]
    pub fn text(&self, videos: &[VideoId]) -> &str {
        if videos.len() == 1 { &self.one } else { &self.page }
    }
}

/// The ids for such a statement: one, or as many as a page has, the last one repeated.
#[must_use]
pub fn padded(videos: &[VideoId]) -> Vec<VideoId> {
    let mut ids = videos.to_vec();
    if let (Some(&last), true) = (videos.last(), videos.len() != 1) {
        ids.resize(PAGE.max(videos.len()), last);
    }
    ids
}
