//! What people call the program and the device that somebody watches with.

/// Software by a mark in `User-Agent`; the first mark that is found counts, since browsers also claim to be others.
const SOFTWARE: [(&str, &str); 20] = [
    ("Edg/", "Edge"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("HeadlessChrome/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("AppleCoreMedia/", "Apple's player"),
    ("Safari/", "Safari"),
    ("LibVLC/", "VLC"),
    ("VLC/", "VLC"),
    ("mpv", "mpv"),
    ("Kodi/", "Kodi"),
    ("Lavf/", "ffmpeg"),
    ("curl/", "curl"),
    ("Wget/", "Wget"),
];

/// Devices and systems by a mark, in the same way.
const SYSTEMS: [(&str, &str); 12] = [
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Apple TV", "Apple TV"),
    ("SMART-TV", "a television"),
    ("SmartTV", "a television"),
    ("Web0S", "a television"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("CrOS", "ChromeOS"),
    ("Macintosh", "macOS"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

/// A short name such as `Firefox on Windows`, made of the request's `User-Agent`; no text of the header is repeated.
#[must_use]
pub fn device(user_agent: &str) -> String {
    let known = |list: &[(&str, &'static str)]| {
        let found = list.iter().find(|(mark, _)| user_agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (known(&SOFTWARE), known(&SYSTEMS)) {
        (Some(software), Some(system)) => format!("{software} on {system}"),
        (Some(software), None) => software.to_owned(),
        (None, Some(system)) => format!("Player on {system}"),
        (None, None) => "Unknown device".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_browser_is_named_with_its_system() {
        for (user_agent, name) in [
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0",
                "Firefox on Windows",
            ),
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
                "Chrome on Linux",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                 Safari/537.36 Edg/131.0.0.0",
                "Edge on Windows",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.1 Mobile/15E148 Safari/604.1",
                "Safari on iPhone",
            ),
            (
                "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 \
                 Mobile Safari/537.36",
                "Chrome on Android",
            ),
            (
                "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 \
                 Safari/605.1.15",
                "Safari on macOS",
            ),
        ] {
            assert_eq!(device(user_agent), name, "{user_agent}");
        }
    }

    #[test]
    fn what_is_unknown_is_not_repeated() {
        assert_eq!(device("VLC/3.0.20 LibVLC/3.0.20"), "VLC");
        assert_eq!(device("curl/8.11.0"), "curl");
        assert_eq!(device("<script>alert(1)</script> (Windows)"), "Player on Windows");
        assert_eq!(device("<script>"), "Unknown device");
        assert_eq!(device(""), "Unknown device");
    }
}
