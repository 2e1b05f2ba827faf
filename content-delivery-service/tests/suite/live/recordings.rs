//! The stream while it is live, and the recording that it becomes.

use super::publisher::{Publisher, of, uris};
use crate::server::Server;
use contracts::VideoId;
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;
use testing::{Person, until};

impl Server {
    /// Opens a stream and returns the path of its multivariant playlist.
    pub(super) async fn index_of(&self, person: &Person, video: VideoId) -> String {
        let session = self.session(person, video).await;
        session.is(200).json["hls_url"].as_str().unwrap().to_owned()
    }

    /// Ends a lecture, and waits until its recording is a video.
    async fn end(&self, owner: &Person, id: VideoId) -> Value {
        self.live(owner, Method::POST, &format!("/{id}/end"), &Value::Null)
            .await
            .is(200);
        let video = self.ask(owner, Method::GET, &format!("/api/v1/content/{id}")).await;
        assert_eq!(video.is(200).json["status"], "playable", "at once");
        video.json.clone()
    }
}

/// The segments of a playlist, without its parts.
fn count(playlist: &str) -> usize {
    playlist.lines().filter(|line| line.starts_with("#EXTINF")).count()
}

#[tokio::test]
async fn a_lecture_is_watched_while_it_is_live_and_its_recording_at_the_same_address() {
    for server in Server::on_each_engine().await {
        let owner = Person::instructor();
        let (key, id) = of(&server.announce(&owner).await);
        let mut publisher = Publisher::come(&server, &key).await;
        publisher.send(9).await;
        let index = server.index_of(&owner, id).await;
        let media = uris(&index, &server.text(&index).await)[0].clone();
        let live = server.text(&media).await;
        assert!(
            live.contains("#EXT-X-PART:") && live.contains("#EXT-X-PRELOAD-HINT") && !live.contains("#EXT-X-ENDLIST"),
            "{live}"
        );
        let before = uris(&media, &live);
        let first = server.get(&before[0]).await;
        assert_eq!(first.status, 200);
        let video = server.end(&owner, id).await;
        assert_eq!(video["renditions"].as_array().unwrap().len(), 2, "{video}");
        assert_eq!(
            (&video["video"]["height"], &video["audio"][0]["codec"]),
            (&json!(180), &json!("aac"))
        );
        let recorded = server.text(&media).await;
        assert!(
            recorded.ends_with("#EXT-X-ENDLIST\n") && !recorded.contains("#EXT-X-PART:"),
            "{recorded}"
        );
        assert!(count(&recorded) >= count(&live));
        let duration = video["duration"].as_f64().unwrap();
        assert!((8.5..9.5).contains(&duration), "{duration}");
        assert_eq!(server.get(&before[0]).await.bytes, first.bytes);
        let server = server.restarted(|_| ()).await;
        assert_eq!(server.text(&media).await, recorded, "after a restart, from the store");
        assert_eq!(server.get(&before[0]).await.bytes, first.bytes);
        let map = recorded
            .split("#EXT-X-MAP:URI=\"")
            .nth(1)
            .unwrap()
            .split('"')
            .next()
            .unwrap();
        let init = server.get(&media.replace("media.m3u8", map)).await;
        assert_eq!(&init.bytes[4..8], b"ftyp");
        server.delete(&owner, id).await;
        server.clock.advance(Duration::from_secs(200));
        server.emptied().await;
    }
}

/// All segments that a lecture's playlists list.
async fn segments(server: &Server, playlists: &[String]) -> Vec<(String, bytes::Bytes)> {
    let mut segments = Vec::new();
    for media in playlists {
        for uri in uris(media, &server.text(media).await) {
            let reply = server.get(&uri).await;
            assert_eq!(reply.status, 200, "{uri}");
            segments.push((uri, reply.bytes));
        }
    }
    segments
}

#[tokio::test]
async fn the_segments_of_a_recording_are_joined_while_it_is_watched() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let (key, id) = of(&server.announce(&owner).await);
        let mut publisher = Publisher::come(&server, &key).await;
        publisher.send(9).await;
        let index = server.index_of(&owner, id).await;
        let listed = server.text(&index).await;
        let playlists: Vec<String> = ["video-0", "audio"]
            .map(|name| format!("{}/1000000/{name}/media.m3u8", index.rsplit_once('/').unwrap().0))
            .into();
        assert!(listed.contains("1000000/video-0/media.m3u8"), "{listed}");
        let other = server.beside().await;
        server
            .live(&owner, Method::POST, &format!("/{id}/end"), &Value::Null)
            .await
            .is(200);
        // before or after they are joined
        let begun = other.text(&playlists[0]).await;
        let ready = || async { server.details(&owner, id).await.json["status"] == "ready" };
        until("nothing is missing", ready).await;
        until("a picture and a sound are stored", || async {
            server.stored().len() == 2
        })
        .await;
        let joined = segments(&other, &playlists).await;
        assert!(joined.len() > 6 && begun.ends_with("#EXT-X-ENDLIST\n"), "{begun}");
        let server = server.restarted(|_| ()).await;
        assert_eq!(segments(&server, &playlists).await, joined);
        let asked = server
            .ask(&owner, Method::POST, &format!("/api/v1/content/{id}/transcode"))
            .await;
        asked.is(202);
        server.delete(&owner, id).await;
        server.clock.advance(Duration::from_secs(200));
        server.emptied().await;
    }
}

#[tokio::test]
async fn a_player_waits_for_the_next_part_and_gets_it_when_it_comes() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    let index = server.index_of(&owner, id).await;
    let media = uris(&index, &server.text(&index).await)[0].clone();
    let hint = |playlist: &str| {
        let uri = playlist.split("PRELOAD-HINT:TYPE=PART,URI=\"").nth(1).unwrap();
        uri.split('"').next().unwrap().to_owned()
    };
    let next = hint(&server.text(&media).await);
    let (sequence, part) = next.trim_end_matches(".m4s").split_once('-').unwrap();
    let reload = format!("{media}?_HLS_msn={sequence}&_HLS_part={part}");
    let held = media.replace("media.m3u8", &next);
    let mut waiting = Box::pin(async { tokio::join!(server.text(&reload), server.get(&held)) });
    let early = tokio::time::timeout(Duration::from_millis(300), &mut waiting).await;
    assert!(early.is_err(), "it was not there yet");
    let (_, (playlist, bytes)) = tokio::join!(publisher.send(1), waiting);
    assert!(playlist.contains(&next), "{playlist}");
    assert_eq!((bytes.status, &bytes.bytes[4..8]), (200, b"moof".as_slice()));
    let far = server.get(&format!("{media}?_HLS_msn=1000")).await;
    assert_eq!(far.status, 400);
    let packed = server
        .send(server.request(Method::GET, &media).header("accept-encoding", "gzip"))
        .await;
    assert_eq!(
        (packed.header("content-encoding"), &packed.bytes[..2]),
        ("gzip", &[0x1f, 0x8b][..])
    );
}

#[tokio::test]
async fn a_publisher_that_comes_back_goes_on_in_the_same_lecture() {
    let server = Server::start().await;
    let owner = Person::instructor();
    let (key, id) = of(&server.announce(&owner).await);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(7).await;
    drop(publisher);
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    let index = server.index_of(&owner, id).await;
    let media = uris(&index, &server.text(&index).await)[0].clone();
    let playlist = server.text(&media).await;
    assert_eq!(playlist.matches("#EXT-X-DISCONTINUITY\n").count(), 1, "{playlist}");
    let stored = || async { server.stored().len() >= 8 };
    until("finished segments are stored", stored).await;
    drop(publisher);
    let server = server.restarted(|_| ()).await;
    let mut publisher = Publisher::come(&server, &key).await;
    publisher.send(5).await;
    let playlist = server.text(&media).await;
    assert!(playlist.matches("#EXT-X-DISCONTINUITY\n").count() >= 2, "{playlist}");
    let video = server.end(&owner, id).await;
    let duration = video["duration"].as_f64().unwrap();
    assert!((12.0..18.0).contains(&duration), "{duration}");
    for uri in uris(&media, &server.text(&media).await) {
        assert!(matches!(server.get(&uri).await.status, 200), "{uri}");
    }
}
