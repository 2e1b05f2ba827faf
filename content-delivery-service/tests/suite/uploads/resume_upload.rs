use crate::server::{Server, UPLOAD, film, id, sha1, sha256};
use reqwest::Method;
use std::time::Duration;
use testing::{Person, until};

#[tokio::test]
async fn an_upload_continues_in_pieces_until_it_is_complete() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(5_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let mut offset = 0;
    for end in [1, 700_000, 1_500_000, 1_500_000, 5_000_000] {
        let reply = server.patch(&location, offset, &bytes[offset..end]).await;
        assert_eq!(reply.is(204).header("upload-offset"), end.to_string());
        assert_eq!(server.head(&location).await.header("upload-offset"), end.to_string());
        offset = end;
    }
    let id = id(&location);
    assert_eq!(server.source(id), bytes);
    let video = server.details(&person, id).await;
    assert_eq!(
        (video.json["status"].as_str(), &video.json["upload"]),
        (Some("processing"), &serde_json::Value::Null)
    );
    // The answer to the last piece may have been lost.
    server.patch(&location, offset, b"").await.is(204);
    server
        .patch(&location, offset, b"more")
        .await
        .is_problem(413, "too_large");
}

#[tokio::test]
async fn a_wrong_offset_is_reported_and_changes_nothing() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(1_000));
    let location = server.begin(&person, bytes.len()).await;
    server.patch(&location, 0, &bytes[..400]).await.is(204);
    for wrong in [0, 399, 401, 1_000, 5_000] {
        let reply = server.patch(&location, wrong, b"x").await;
        reply.is_problem(409, "offset_mismatch");
        assert_eq!(reply.header("upload-offset"), "400");
    }
    let bad = |offset: &str| {
        server
            .piece(&location, 0, b"x")
            .header("upload-offset", offset.to_owned())
    };
    server.send(bad("1")).await.is(400);
    for spelled in ["-1", "x", "9223372036854775808"] {
        let request = server
            .request(Method::PATCH, &location)
            .header("tus-resumable", "1.0.0");
        let request = request
            .header("content-type", "application/offset+octet-stream")
            .header("upload-offset", spelled);
        server.send(request.body("x")).await.is(400);
    }
    assert_eq!(server.head(&location).await.header("upload-offset"), "400");
}

#[tokio::test]
async fn more_bytes_than_were_declared_are_refused() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(1_000));
    let location = server.begin(&person, 900).await;
    server.patch(&location, 0, &bytes).await.is_problem(413, "too_large");
    assert_eq!(server.head(&location).await.header("upload-offset"), "0");
    let chunks = futures::stream::iter([Ok::<_, std::io::Error>(bytes[..900].to_vec()), Ok(b"more".to_vec())]);
    let request = server.piece(&location, 0, b"").body(reqwest::Body::wrap_stream(chunks));
    server.send(request).await.is_problem(413, "too_large");
    let head = server.head(&location).await;
    assert_eq!((head.is(200).header("upload-offset"), server.stored().len()), ("0", 0));
    server.patch(&location, 0, &bytes[..900]).await.is(204);
}

#[tokio::test]
async fn a_checked_piece_counts_when_all_of_it_is_right() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let checked = |offset: usize, end: usize, sum: String| {
        server
            .piece(&location, offset, &bytes[offset..end])
            .header("upload-checksum", sum)
    };
    server
        .send(checked(0, 1_500_000, sha256(&bytes[1..1_500_001])))
        .await
        .is_problem(460, "checksum_mismatch");
    assert_eq!(server.head(&location).await.header("upload-offset"), "0");
    server
        .send(checked(0, 1_500_000, sha1(&bytes[..1_500_000])))
        .await
        .is(204);
    server
        .send(checked(1_500_000, 3_000_000, sha1(b"other")))
        .await
        .is_problem(460, "checksum_mismatch");
    assert_eq!(server.head(&location).await.header("upload-offset"), "1500000");
    for bad in ["md5 AAAA", "sha1", "sha1 %%%", "sha256 AAAA"] {
        server.send(checked(1_500_000, 3_000_000, bad.to_owned())).await.is(400);
    }
    server
        .send(checked(1_500_000, 3_000_000, sha256(&bytes[1_500_000..])))
        .await
        .is(204);
    assert_eq!(server.source(id(&location)), bytes);
}

#[tokio::test]
async fn a_file_that_is_not_media_is_refused_at_the_piece_that_shows_it() {
    let (server, person) = (Server::start().await, Person::instructor());
    let letters = vec![b'x'; 3 << 20];
    // All at once, in pieces around the first MiB, checked, and short to its end.
    let location = server.begin(&person, letters.len()).await;
    server
        .patch(&location, 0, &letters)
        .await
        .is_problem(415, "unsupported_media");
    server.head(&location).await.is(401);
    let location = server.begin(&person, letters.len()).await;
    server.patch(&location, 0, &letters[..1_000_000]).await.is(204);
    server
        .patch(&location, 1_000_000, &letters[..100_000])
        .await
        .is_problem(415, "unsupported_media");
    let location = server.begin(&person, letters.len()).await;
    let checked = server
        .piece(&location, 0, &letters[..2 << 20])
        .header("upload-checksum", sha1(&letters[..2 << 20]));
    server.send(checked).await.is_problem(415, "unsupported_media");
    let location = server.begin(&person, 10).await;
    server.patch(&location, 0, b"0123").await.is(204);
    server
        .patch(&location, 4, b"456789")
        .await
        .is_problem(415, "unsupported_media");
    server
        .ask(&person, Method::GET, &format!("/api/v1/content/{}", id(&location)))
        .await
        .is_problem(404, "video_not_found");
    server.holds_no_file();
    assert_eq!(server.rows().await, 0);
}

#[tokio::test]
async fn every_request_must_speak_tus_and_bring_bytes_as_they_are() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    for method in [Method::HEAD, Method::PATCH, Method::DELETE] {
        let silent = server.send(server.request(method.clone(), &location)).await;
        assert_eq!(silent.is(412).header("tus-version"), "1.0.0", "{method}");
        server
            .send(server.request(method, &location).header("tus-resumable", "0.2.2"))
            .await
            .is(412);
    }
    let patch = || {
        server
            .request(Method::PATCH, &location)
            .header("tus-resumable", "1.0.0")
            .header("upload-offset", 0)
    };
    server
        .send(patch().body("x"))
        .await
        .is_problem(415, "unsupported_media_type");
    server
        .send(patch().header("content-type", "video/mp4").body("x"))
        .await
        .is_problem(415, "unsupported_media_type");
    let packed = patch()
        .header("content-type", "application/offset+octet-stream")
        .header("content-encoding", "gzip");
    server.send(packed.body("x")).await.is(415);
    let nowhere = server
        .request(Method::PATCH, &location)
        .header("tus-resumable", "1.0.0");
    server
        .send(
            nowhere
                .header("content-type", "application/offset+octet-stream")
                .body("x"),
        )
        .await
        .is(400);
    let wordless = server.request(Method::POST, &location).header("tus-resumable", "1.0.0");
    server.send(wordless).await.is_problem(405, "method_not_allowed");
    let meant = server
        .request(Method::POST, &location)
        .header("x-http-method-override", "PATCH");
    let meant = meant.header("tus-resumable", "1.0.0").header("upload-offset", 0);
    let reply = server
        .send(
            meant
                .header("content-type", "application/offset+octet-stream")
                .body(film(60)),
        )
        .await;
    assert_eq!(reply.is(204).header("upload-offset"), "60");
}

#[tokio::test]
async fn an_upload_is_open_to_its_owner_and_to_whoever_holds_its_key() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let keyless = location.split('?').next().unwrap();
    let ask = |path: &str| server.request(Method::HEAD, path).header("tus-resumable", "1.0.0");
    server.send(ask(&location)).await.is(200);
    server.send(ask(&location).bearer_auth("nonsense")).await.is(200);
    server
        .send(ask(&location).bearer_auth(server.token(&Person::instructor())))
        .await
        .is(200);
    server
        .send(ask(keyless).bearer_auth(server.token(&person)))
        .await
        .is(200);
    server.send(ask(keyless)).await.is(401);
    server.send(ask(&format!("{keyless}?k=AAAA"))).await.is(401);
    server
        .send(ask(keyless).bearer_auth(server.token(&Person::instructor())))
        .await
        .is(404);
    server
        .send(ask(keyless).bearer_auth(server.token(&Person::learner())))
        .await
        .is(404);
    let other = server.begin(&person, 100).await;
    let stolen = format!("{keyless}?{}", other.split('?').nth(1).unwrap());
    server.send(ask(&stolen)).await.is(401);
    for id in [
        "../../etc",
        "%2e%2e%2f",
        "a",
        "00000000-0000-0000-0000-000000000000",
        "%00",
    ] {
        let reply = server
            .send(ask(&format!("{UPLOAD}/{id}")).bearer_auth(server.token(&person)))
            .await;
        assert!(reply.status == 404 || reply.status == 405, "{id} {reply:?}");
    }
}

#[tokio::test]
async fn an_upload_outlives_the_token_that_began_it_but_not_its_seven_days() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_000));
    let location = server.begin(&person, bytes.len()).await;
    server.clock.advance(Duration::from_secs(6 * 86_400));
    server.patch(&location, 0, &bytes[..900]).await.is(204);
    server.clock.advance(Duration::from_secs(6 * 86_400));
    assert_eq!(server.head(&location).await.is(200).header("upload-offset"), "900");
    server.clock.advance(Duration::from_secs(2 * 86_400));
    server
        .patch(&location, 900, &bytes[900..])
        .await
        .is_problem(410, "upload_expired");
    // What expired is deleted when the next look finds it, with its bytes.
    let server = server.restarted(|_| ()).await;
    server.emptied().await;
    server.head(&location).await.is(410);
    server
        .details(&person, id(&location))
        .await
        .is_problem(410, "video_deleted");
}

#[tokio::test]
async fn bytes_of_a_client_that_vanished_are_kept() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(4_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let wire = server.open_patch(&location, 0, bytes.len(), &bytes[..2_345_678]).await;
    drop(wire);
    let mut acknowledged = 0;
    until("the bytes are noted", || {
        let head = server.head(&location);
        async move { head.await.header("upload-offset") == "2345678" }
    })
    .await;
    for _ in 0..3 {
        let offset: usize = server.head(&location).await.header("upload-offset").parse().unwrap();
        assert!(offset >= acknowledged);
        acknowledged = offset;
    }
    server
        .patch(&location, acknowledged, &bytes[acknowledged..])
        .await
        .is(204);
    assert_eq!(server.source(id(&location)), bytes);
}

#[tokio::test]
async fn an_upload_continues_after_a_restart() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000_000));
    let location = server.begin(&person, bytes.len()).await;
    server.patch(&location, 0, &bytes[..1_200_000]).await.is(204);
    let server = server.restarted(|_| ()).await;
    assert_eq!(server.head(&location).await.is(200).header("upload-offset"), "1200000");
    server.patch(&location, 1_200_000, &bytes[1_200_000..]).await.is(204);
    assert_eq!(server.source(id(&location)), bytes);
}
