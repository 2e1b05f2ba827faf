//! Which ffmpeg is installed, and whether it has a flaw that hostile files use.

/// The flaw, and the releases that mend it; releases of other series have it.
///
/// Source: CVE-2026-8461, a heap overflow in the decoder of MagicYUV
const FLAW: &str = "CVE-2026-8461";
const MENDED: [(u32, u32, u32); 3] = [(7, 1, 5), (8, 0, 3), (8, 1, 2)];
/// The last package of Debian 12 that is known to have it.
const DEBIAN: (&str, u32) = ("5.1.9-0+deb12u", 1);

/// What `ffmpeg -version` begins with, such as `5.1.9-0+deb12u1`.
#[must_use]
pub fn version(output: &str) -> Option<&str> {
    output.lines().next()?.split_whitespace().nth(2)
}

/// A warning about a version that is known to have the flaw; `None` for mended and for unknown ones.
#[must_use]
pub fn warning(version: &str) -> Option<String> {
    let package = version.strip_prefix(DEBIAN.0).and_then(|rest| rest.parse::<u32>().ok());
    if package.is_some_and(|number| number > DEBIAN.1) {
        return None;
    }
    let numbers = version.trim_start_matches('n').split(['-', '+', '~']).next()?;
    let mut numbers = numbers.split('.').map(|part| part.parse::<u32>().ok());
    let (major, minor, patch) = (
        numbers.next()??,
        numbers.next()??,
        numbers.next().flatten().unwrap_or(0),
    );
    let mended = match MENDED.iter().find(|it| (it.0, it.1) == (major, minor)) {
        Some(release) => patch >= release.2,
        None => MENDED.iter().all(|it| (major, minor) > (it.0, it.1)),
    };
    (!mended).then(|| {
        format!("ffmpeg {version} has {FLAW} (mended in 7.1.5, 8.0.3 and 8.1.2); MoocFlix never opens the decoder in question")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_with_the_flaw_are_warned_of_and_others_are_not() {
        for flawed in [
            "5.1.9-0+deb12u1",
            "4.4.2-0ubuntu0.22.04.1",
            "6.0",
            "7.1.4",
            "8.0.2",
            "8.1",
            "n8.1.1",
            "7.0.3",
        ] {
            assert!(warning(flawed).is_some_and(|text| text.contains(flawed)), "{flawed}");
        }
        for fine in [
            "5.1.9-0+deb12u2",
            "7.1.5",
            "7.1.5-0+deb13u1",
            "8.0.3",
            "n8.1.2",
            "8.2",
            "9.0",
            "N-118000-g1234567",
            "git",
        ] {
            assert_eq!(warning(fine), None, "{fine}");
        }
        assert_eq!(
            version("ffmpeg version 5.1.9-0+deb12u1 Copyright (c) 2000"),
            Some("5.1.9-0+deb12u1")
        );
        assert_eq!(version(""), None);
    }
}
