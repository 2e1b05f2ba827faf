//! The media plane: what is played, who gets it, ranges, conditions, caches.

use super::films::Film;
use super::watching::Urls;
use crate::server::Server;
use bytes::Bytes;
use futures::future::join_all;
use reqwest::Method;
use std::time::Duration;
use testing::Person;

#[tokio::test]
async fn a_lecture_plays_from_its_first_to_its_last_segment() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Lecture).await;
    let index = server.index(&owner, video).await;
    let text = server.get(&index).await.text;
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
        let playlist = server.get(&format!("{folder}/media.m3u8")).await;
        assert_eq!(playlist.header("content-type"), "application/vnd.apple.mpegurl");
        assert_eq!(playlist.header("cache-control"), "private, max-age=60");
        assert_eq!(playlist.header("access-control-allow-origin"), "*");
        let text = playlist.text;
        let mut film = Vec::new();
        let files: Vec<_> = text.lines().filter(|line| line.ends_with(".m4s")).collect();
        assert!(files.len() >= 2 && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
        for file in ["init.mp4"].into_iter().chain(files) {
            let part = server.get(&format!("{folder}/{file}")).await;
            assert_eq!(part.status, 200, "{file}");
            assert_eq!(part.header("content-type"), kind);
            assert_eq!(part.header("cache-control"), "private, max-age=31536000, immutable");
            assert_eq!(part.header("cdn-cache-control"), "public, max-age=31536000, immutable");
            film.extend_from_slice(&part.bytes);
        }
        let stream = if rendition == "source" { "v:0" } else { "a:0" };
        assert_eq!(
            count_packets(&film, "0"),
            count_packets(Film::Lecture.bytes(), stream),
            "{rendition}"
        );
        assert_eq!(server.get(&format!("{folder}/9999.m4s")).await.status, 404);
    }
    assert_eq!(
        server
            .get(&index.replace("index.m3u8", "0/audio-2/media.m3u8"))
            .await
            .status,
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
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Lecture).await;
    let one = Urls::of(&server.index(&owner, video).await);
    let other = Urls::of(&server.index(&Person::admin(), video).await);
    for (one, other) in one.0.iter().zip(&other.0) {
        assert_ne!(one, other);
        let (one, other) = (server.get(one).await, server.get(&format!("{other}?v=1&token=x")).await);
        assert_eq!(one.header("etag"), other.header("etag"));
        assert_eq!(one.bytes, other.bytes);
    }
}

#[tokio::test]
async fn ranges_and_conditions_hold_over_the_wire() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    for url in Urls::of(&server.index(&owner, video).await).0 {
        let whole = server.get(&url).await;
        let tag = whole.header("etag").to_owned();
        assert_eq!(whole.header("accept-ranges"), "bytes");
        let whole = whole.bytes;
        let ask = async |name: &str, value: &str| {
            let request = server.request(Method::GET, &url).header(name, value);
            server.send(request).await
        };
        let part = ask("range", "bytes=5-9").await;
        assert_eq!(part.status, 206);
        assert_eq!(part.header("content-range"), format!("bytes 5-9/{}", whole.len()));
        assert_eq!(part.bytes, whole.slice(5..10));
        let beyond = ask("range", &format!("bytes={}-", whole.len())).await;
        assert_eq!(beyond.status, 416);
        assert_eq!(beyond.header("content-range"), format!("bytes */{}", whole.len()));
        assert_eq!(beyond.header("cache-control"), "no-store");
        assert_eq!(ask("range", "bytes=0-1,4-5").await.bytes, whole);
        let known = ask("if-none-match", &tag).await;
        assert_eq!((known.status, known.header("etag")), (304, &*tag));
        assert!(known.bytes.is_empty());
        let head = server.request(Method::HEAD, &url).header("range", "bytes=0-1");
        let head = server.send(head).await;
        assert_eq!(head.status, 200);
        assert_eq!(head.header("content-length"), whole.len().to_string());
        assert!(head.bytes.is_empty());
    }
}

#[tokio::test]
async fn pages_of_any_origin_may_play() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    let index = server.index(&owner, video).await;
    let preflight = server.send(server.request(Method::OPTIONS, &index)).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(preflight.header("access-control-allow-methods"), "GET, HEAD, OPTIONS");
    assert!(preflight.header("access-control-allow-headers").contains("Range"));
    let media = server.get(&index).await;
    assert!(media.header("access-control-expose-headers").contains("ETag"));
    let wrong = server.send(server.request(Method::POST, &index)).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, HEAD, OPTIONS"));
}

#[tokio::test]
async fn a_stranger_gets_not_one_byte() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, other) = (
        server.uploaded(&owner, Film::Lecture).await,
        server.uploaded(&owner, Film::Silent).await,
    );
    let urls = Urls::of(&server.index(&owner, video).await);
    let other = Urls::of(&server.index(&owner, other).await);
    for warm in [false, true] {
        if warm {
            server.plays(&urls).await;
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
            server.refuses(&urls.with_token(token)).await;
        }
    }
    server.plays(&urls).await;
}

#[tokio::test]
async fn no_character_of_a_token_can_be_changed() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    let urls = Urls::of(&server.index(&owner, video).await);
    server.plays(&urls).await;
    for at in 0..urls.token().len() {
        let mut token = urls.token().as_bytes().to_vec();
        token[at] = if token[at] == b'A' { b'B' } else { b'A' };
        let url = urls.with_token(std::str::from_utf8(&token).unwrap()).0[at % 4].clone();
        assert_eq!(server.get(&url).await.status, 403, "{url}");
    }
}

#[tokio::test]
async fn no_spelling_of_a_path_gets_past_the_check() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (mine, other) = (
        server.uploaded(&owner, Film::Silent).await,
        server.uploaded(&owner, Film::Lecture).await,
    );
    let urls = Urls::of(&server.index(&owner, mine).await);
    server.plays(&Urls::of(&server.index(&owner, other).await)).await;
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
        format!("/p/{token}/{mine}/0/sour_ce/0.m4s"),
        format!("/p/{token}/{mine}/source"),
        format!("/%70/{token}/{mine}/index.m3u8"),
        format!("/p/{token}%2f{mine}/index.m3u8"),
    ] {
        for method in ["GET", "HEAD", "OPTIONS", "POST", "DELETE"] {
            let (status, body) = server.raw(method, &path).await;
            assert!([403, 404, 400].contains(&status), "{method} {path}: {status}");
            assert!(
                !body.contains("#EXTM3U") && !body.contains("moof"),
                "{method} {path}: {body}"
            );
        }
    }
    // Well spelled, and not there.
    for path in [
        "1/source/0.m4s",
        "0/240p/0.m4s",
        "0/audio-1/0.m4s",
        "1/1080p-av1/init.mp4",
    ] {
        let (status, _) = server.raw("GET", &format!("/p/{token}/{mine}/{path}")).await;
        assert_eq!(status, 404, "{path}");
    }
}

#[tokio::test]
async fn a_thousand_cold_requests_get_the_same_bytes() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Lecture).await;
    let urls = Urls::of(&server.index(&owner, video).await);
    let asked = (0..1_000).map(|n| server.get(&urls.0[n % urls.0.len()]));
    let answers = join_all(asked).await;
    let mut bodies: Vec<Option<Bytes>> = vec![None; urls.0.len()];
    for (n, answer) in answers.into_iter().enumerate() {
        assert_eq!(answer.status, 200);
        let body = answer.bytes;
        let first = bodies[n % urls.0.len()].get_or_insert_with(|| body.clone());
        assert_eq!(*first, body);
    }
}

#[tokio::test]
async fn a_token_ends_with_its_time() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Lecture).await;
    let (cold, warm) = (server.index(&owner, video).await, server.index(&owner, video).await);
    let (cold, warm) = (Urls::of(&cold), Urls::of(&warm));
    server.plays(&warm).await;
    server.clock.advance(Duration::from_secs(15 * 60));
    server.plays(&warm).await;
    server.clock.advance(Duration::from_secs(30));
    server.refuses(&warm).await;
    server.refuses(&cold).await;
    let server = server.restarted(|_| ()).await;
    server.refuses(&warm).await;
}

/// A path with a slash at its end names the same, and is always answered by its route.
#[tokio::test]
async fn what_is_answered_at_once_is_what_its_route_answers() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    let urls = Urls::of(&server.index(&owner, video).await);
    server.plays(&urls).await;
    for url in &urls.0 {
        let tag = server.get(url).await.header("etag").to_owned();
        for (name, value) in [
            ("accept", "*/*"),
            ("range", "bytes=5-9"),
            ("range", "bytes=99999999-"),
            ("if-none-match", &*tag),
            ("if-match", "\"another\""),
        ] {
            for method in [Method::GET, Method::HEAD] {
                let ask = async |url: &str| {
                    let request = server.request(method.clone(), url).header(name, value);
                    let mut reply = server.send(request).await;
                    assert_ne!(reply.headers.remove("x-request-id"), None);
                    reply.headers.remove("date");
                    (reply.status, reply.headers, reply.bytes)
                };
                let (at_once, routed) = (ask(url).await, ask(&format!("{url}/")).await);
                assert_eq!(at_once, routed, "{method} {url} with {name}: {value}");
            }
        }
    }
}
