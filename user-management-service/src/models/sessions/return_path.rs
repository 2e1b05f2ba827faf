//! Where somebody goes after a sign-in elsewhere.

const MAX_LENGTH: usize = 1_024;

/// Whether an address is a path of the page, and can't lead a browser to another site.
pub(crate) fn is_ours(path: &str) -> bool {
    let begins_well = path.starts_with('/') && !path.starts_with("//");
    begins_well && path.len() <= MAX_LENGTH && path.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_path_of_the_page_is_ours() {
        for (path, ours) in [
            ("/", true),
            ("/courses/1?page=2#top", true),
            ("", false),
            ("courses", false),
            ("//eve.example", false),
            ("/\\eve.example", false),
            ("/\t/eve.example", false),
            ("/ /eve.example", false),
            ("https://eve.example", false),
        ] {
            assert_eq!(is_ours(path), ours, "{path:?}");
        }
        assert!(!is_ours(&format!("/{}", "a".repeat(MAX_LENGTH))));
    }
}
