//! The media plane: what is played, who gets it, ranges, conditions, caches.

use crate::films::Film;
use crate::house::{House, Person, Urls};
use bytes::Bytes;
use contracts::Role;
use futures::future::join_all;
use reqwest::{Method, StatusCode};
use std::time::Duration;

#[tokio::test]
async fn a_lecture_plays_from_its_first_to_its_last_segment() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Lecture).await;
    let index = house.index(&owner, video).await;
    let text = house.text(&index).await;
    assert!(
        text.starts_with("#EXTM3U\n") && text.contains("RESOLUTION=320x180"),
        "{text}"
    );
    assert!(
        text.contains("0/source/media.m3u8") && text.contains("0/audio/media.m3u8"),
        "{text}"
    );
    for (rendition, kind) in [("source", "video/mp4"), ("audio", "audio/mp4")] {
        let folder = index.replace("index.m3u8", &format!("0/{rendition}"));
        let playlist = house.media(&format!("{folder}/media.m3u8")).await;
        assert_eq!(playlist.headers()["content-type"], "application/vnd.apple.mpegurl");
        assert_eq!(playlist.headers()["cache-control"], "private, max-age=60");
        assert_eq!(playlist.headers()["access-control-allow-origin"], "*");
        let text = playlist.text().await.unwrap();
        let mut film = Vec::new();
        let files: Vec<_> = text.lines().filter(|line| line.ends_with(".m4s")).collect();
        assert!(files.len() >= 2 && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        for file in ["init.mp4"].into_iter().chain(files) {
            let part = house.media(&format!("{folder}/{file}")).await;
            assert_eq!(part.status(), 200, "{file}");
            assert_eq!(part.headers()["content-type"], kind);
            assert_eq!(part.headers()["cache-control"], "private, max-age=31536000, immutable");
            assert_eq!(
                part.headers()["cdn-cache-control"],
                "public, max-age=31536000, immutable"
            );
            film.extend_from_slice(&part.bytes().await.unwrap());
        }
        let stream = if rendition == "source" { "v:0" } else { "a:0" };
        assert_eq!(
            count_packets(&film, "0"),
            count_packets(Film::Lecture.bytes(), stream),
            "{rendition}"
        );
        assert_eq!(house.media(&format!("{folder}/9999.m4s")).await.status(), 404);
    }
    assert_eq!(
        house
            .media(&index.replace("index.m3u8", "0/audio-2/media.m3u8"))
            .await
            .status(),
        404
    );
}

/// How many packets ffprobe finds in a stream of a file.
fn count_packets(film: &[u8], stream: &str) -> usize {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("film.mp4");
    std::fs::write(&path, film).unwrap();
    let found = std::process::Command::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            stream,
            "-show_entries",
            "packet=pts",
            "-of",
            "csv=p=0",
        ])
        .arg(&path)
        .output()
        .unwrap();
    assert!(found.stderr.is_empty(), "{}", String::from_utf8_lossy(&found.stderr));
    String::from_utf8_lossy(&found.stdout)
        .lines()
        .filter(|line| !line.is_empty())
        .count()
}

#[tokio::test]
async fn the_bytes_are_the_same_for_every_viewer() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Lecture).await;
    let one = Urls::of(&house.index(&owner, video).await);
    let other = Urls::of(&house.index(&Person::new(Role::Admin), video).await);
    for (one, other) in one.0.iter().zip(&other.0) {
        assert_ne!(one, other);
        let (one, other) = (
            house.media(one).await,
            house.media(&format!("{other}?v=1&token=x")).await,
        );
        assert_eq!(one.headers()["etag"], other.headers()["etag"]);
        assert_eq!(one.bytes().await.unwrap(), other.bytes().await.unwrap());
    }
}

#[tokio::test]
async fn ranges_and_conditions_hold_over_the_wire() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Silent).await;
    for url in Urls::of(&house.index(&owner, video).await).0 {
        let whole = house.media(&url).await;
        let tag = whole.headers()["etag"].to_str().unwrap().to_owned();
        assert_eq!(whole.headers()["accept-ranges"], "bytes");
        let whole = whole.bytes().await.unwrap();
        let ask = async |name: &'static str, value: &str| {
            house
                .client
                .get(house.at(&url))
                .header(name, value)
                .send()
                .await
                .unwrap()
        };
        let part = ask("range", "bytes=5-9").await;
        assert_eq!(part.status(), 206);
        assert_eq!(
            part.headers()["content-range"],
            format!("bytes 5-9/{}", whole.len()).as_str()
        );
        assert_eq!(part.bytes().await.unwrap(), whole.slice(5..10));
        let beyond = ask("range", &format!("bytes={}-", whole.len())).await;
        assert_eq!(beyond.status(), 416);
        assert_eq!(
            beyond.headers()["content-range"],
            format!("bytes */{}", whole.len()).as_str()
        );
        assert_eq!(beyond.headers()["cache-control"], "no-store");
        assert_eq!(ask("range", "bytes=0-1,4-5").await.bytes().await.unwrap(), whole);
        let known = ask("if-none-match", &tag).await;
        assert_eq!(
            (known.status(), known.headers()["etag"].to_str().unwrap()),
            (StatusCode::NOT_MODIFIED, &*tag)
        );
        assert!(known.bytes().await.unwrap().is_empty());
        let head = house
            .client
            .head(house.at(&url))
            .header("range", "bytes=0-1")
            .send()
            .await
            .unwrap();
        assert_eq!(head.status(), 200);
        assert_eq!(head.headers()["content-length"], whole.len().to_string().as_str());
        assert!(head.bytes().await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_play() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Silent).await;
    let index = house.index(&owner, video).await;
    let preflight = house
        .client
        .request(Method::OPTIONS, house.at(&index))
        .send()
        .await
        .unwrap();
    assert_eq!(preflight.status(), 204);
    assert_eq!(
        preflight.headers()["access-control-allow-methods"],
        "GET, HEAD, OPTIONS"
    );
    assert!(
        preflight.headers()["access-control-allow-headers"]
            .to_str()
            .unwrap()
            .contains("Range")
    );
    let media = house.media(&index).await;
    assert!(
        media.headers()["access-control-expose-headers"]
            .to_str()
            .unwrap()
            .contains("ETag")
    );
    let wrong = house.client.post(house.at(&index)).send().await.unwrap();
    assert_eq!(
        (wrong.status(), &wrong.headers()["allow"]),
        (StatusCode::METHOD_NOT_ALLOWED, &"GET, HEAD, OPTIONS".parse().unwrap())
    );
}

#[tokio::test]
async fn a_stranger_gets_not_one_byte() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (video, other) = (
        house.uploaded(&owner, Film::Lecture).await,
        house.uploaded(&owner, Film::Silent).await,
    );
    let urls = Urls::of(&house.index(&owner, video).await);
    let other = Urls::of(&house.index(&owner, other).await);
    for warm in [false, true] {
        if warm {
            house.plays(&urls).await;
        }
        for token in [
            "",
            "x",
            "undefined",
            &"A".repeat(184),
            other.token(),
            &format!("{}%00", urls.token()),
            &urls.token()[1..],
        ] {
            house.refuses(&urls.with_token(token)).await;
        }
    }
    house.plays(&urls).await;
}

#[tokio::test]
async fn no_character_of_a_token_can_be_changed() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Silent).await;
    let urls = Urls::of(&house.index(&owner, video).await);
    house.plays(&urls).await;
    for at in 0..urls.token().len() {
        let mut token = urls.token().as_bytes().to_vec();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        let url = urls.with_token(std::str::from_utf8(&token).unwrap()).0[at % 4].clone();
        assert_eq!(house.media(&url).await.status(), 403, "{url}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_past_the_check() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let (mine, other) = (
        house.uploaded(&owner, Film::Silent).await,
        house.uploaded(&owner, Film::Lecture).await,
    );
    let urls = Urls::of(&house.index(&owner, mine).await);
    house.plays(&Urls::of(&house.index(&owner, other).await)).await;
    let token = urls.token();
    for path in [
        format!("/p/{token}/{other}/index.m3u8"),
        format!("/p/{token}/{mine}/../{other}/index.m3u8"),
        format!("/p/{token}/{mine}/..%2f{other}/index.m3u8"),
        format!("/p/{token}/{mine}%2f..%2f{other}/0/source/0.m4s"),
        format!("/p/{token}/{mine}/%2e%2e/{other}/0/source/0.m4s"),
        format!("/p/{token}/{mine}/0/source/..%2f..%2f..%2f{other}%2f0%2fsource%2f0.m4s"),
        format!("/p/{token}//{mine}/index.m3u8"),
        format!("//p/{token}/{mine}/index.m3u8"),
        format!("/p//{token}/{mine}/index.m3u8"),
        format!("/p/{token}/{mine}//index.m3u8"),
        format!("/p/{token}/{mine}/index.m3u8%00"),
        format!("/p/{token}/{mine}%00/index.m3u8"),
        format!("/p/{token}/{mine};{other}/index.m3u8"),
        format!("/p/{token}/{}/index.m3u8", mine.to_string().to_uppercase()),
        format!("/p/{token}/{mine}/0/source/0%2em4s"),
        format!("/p/{token}/{mine}/0/source/00.m4s"),
        format!("/p/{token}/{mine}/1/source/0.m4s"),
        format!("/p/{token}/{mine}/source"),
        format!("/%70/{token}/{mine}/index.m3u8"),
        format!("/p/{token}%2f{mine}/index.m3u8"),
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE"] {
            let (status, body) = house.raw(method, &path).await;
            assert!([403, 404, 400].contains(&status), "{method} {path}: {status}");
            assert!(
                !body.contains("#EXTM3U") && !body.contains("moof"),
                "{method} {path}: {body}"
            );
        }
    }
}

#[tokio::test]
async fn a_thousand_cold_requests_get_the_same_bytes() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Lecture).await;
    let urls = Urls::of(&house.index(&owner, video).await);
    let asked = (0..1_000).map(|n| house.media(&urls.0[n % urls.0.len()]));
    let answers = join_all(asked).await;
    let mut bodies: Vec<Option<Bytes>> = vec![None; urls.0.len()];
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.status(), 200);
        let body = answer.bytes().await.unwrap();
        let first = bodies[n % urls.0.len()].get_or_insert_with(|| body.clone());
        assert_eq!(*first, body);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let house = House::open().await;
    let owner = Person::new(Role::Instructor);
    let video = house.uploaded(&owner, Film::Lecture).await;
    let (cold, warm) = (house.index(&owner, video).await, house.index(&owner, video).await);
    let (cold, warm) = (Urls::of(&cold), Urls::of(&warm));
    house.plays(&warm).await;
    house.clock.advance(Duration::from_secs(15 * 60));
    house.plays(&warm).await;
    house.clock.advance(Duration::from_secs(30));
    house.refuses(&warm).await;
    house.refuses(&cold).await;
    let house = house.restart().await;
    house.refuses(&warm).await;
}
