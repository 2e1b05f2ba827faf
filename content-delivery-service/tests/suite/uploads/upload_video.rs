use crate::server::{Server, UPLOAD, base64, film, sha256};
use reqwest::Method;
use testing::Person;

#[tokio::test]
async fn a_creation_returns_the_video_and_the_url_of_its_upload() {
    let (server, person) = (Server::start().await, Person::instructor());
    let metadata = format!("filename {},filetype dmlkZW8vbXA0", base64("Graphs 3.mp4"));
    let reply = server
        .send(server.creation(&person, 1_000).header("upload-metadata", &metadata))
        .await;
    reply.is(201);
    let id = reply.id();
    let location = reply.header("location");
    assert!(location.starts_with(&format!("{UPLOAD}/{id}?k=")), "{location}");
    assert_eq!(
        (reply.header("upload-offset"), reply.header("tus-resumable")),
        ("0", "1.0.0")
    );
    assert_eq!(reply.json["title"], "Graphs 3");
    assert_eq!(reply.json["status"], "uploading");
    assert_eq!(reply.json["source"]["filename"], "Graphs 3.mp4");
    assert_eq!(reply.json["upload"]["length"], 1_000);
    assert_eq!(reply.json["upload"]["url"], location);
    let head = server.head(location).await;
    assert_eq!(head.header("upload-metadata"), metadata);
    assert_eq!(head.header("upload-length"), "1000");
    assert!(head.header("upload-expires").ends_with("GMT"));
}

#[tokio::test]
async fn only_instructors_and_admins_upload() {
    let server = Server::start().await;
    server
        .send(server.creation(&Person::learner(), 9))
        .await
        .is_problem(403, "instructor_required");
    server.send(server.creation(&Person::admin(), 9)).await.is(201);
    let nobody = server
        .request(Method::POST, UPLOAD)
        .header("tus-resumable", "1.0.0")
        .header("upload-length", 9);
    server.send(nobody).await.is_problem(401, "unauthenticated");
    assert_eq!(server.rows().await, 1);
}

#[tokio::test]
async fn a_creation_may_bring_the_first_bytes_or_all_of_them() {
    let (server, person) = (Server::start().await, Person::instructor());
    let bytes = film(300_000);
    let with = |body: &[u8]| {
        let request = server.creation(&person, bytes.len());
        request
            .header("content-type", "application/offset+octet-stream")
            .body(body.to_vec())
    };
    let reply = server.send(with(&bytes[..100_000])).await;
    assert_eq!(
        (reply.is(201).header("upload-offset"), &reply.json["status"]),
        ("100000", &"uploading".into())
    );
    let rest = server.patch(reply.header("location"), 100_000, &bytes[100_000..]).await;
    assert_eq!(rest.is(204).header("upload-offset"), "300000");
    assert_eq!(server.source(&reply.id()), bytes);

    let whole = server
        .send(with(&bytes).header("upload-checksum", sha256(&bytes)))
        .await;
    assert_eq!(
        (whole.is(201).header("upload-offset"), &whole.json["status"]),
        ("300000", &"processing".into())
    );
    assert_eq!(server.source(&whole.id()), bytes);
    assert_eq!(whole.json["source"]["bytes"], 300_000);

    let files = server.stored();
    let wrong = server
        .send(with(&bytes).header("upload-checksum", sha256(b"other")))
        .await;
    wrong.is_problem(460, "checksum_mismatch");
    server
        .send(with(&[7; 300_000]))
        .await
        .is_problem(415, "unsupported_media");
    assert_eq!((server.stored(), server.rows().await), (files, 2));
}

#[tokio::test]
async fn an_impossible_creation_is_refused_and_leaves_nothing() {
    let (server, person) = (
        Server::with(|config| config.upload.max_bytes = 1 << 20).await,
        Person::instructor(),
    );
    let creation = || server.request_by(&person, Method::POST, UPLOAD);
    let tus = || creation().header("tus-resumable", "1.0.0");
    for bad in [
        "-1",
        "1e9",
        "+5",
        "18446744073709551616",
        "9223372036854775808",
        "",
        "0x10",
        "7 ",
    ] {
        let reply = server.send(tus().header("upload-length", bad)).await;
        assert!(reply.status == 400 || bad == "7 ", "{bad:?}: {reply:?}");
    }
    server.send(tus()).await.is(400);
    server
        .send(tus().header("upload-length", "5").header("upload-length", "5"))
        .await
        .is(400);
    server
        .send(tus().header("upload-length", "5").header("upload-defer-length", "1"))
        .await
        .is(400);
    server
        .send(tus().header("upload-length", "0"))
        .await
        .is_problem(422, "empty_file");
    server
        .send(tus().header("upload-length", "1048577"))
        .await
        .is_problem(413, "too_large");
    assert_eq!(
        server.rows().await,
        1,
        "only the length with a blank, which HTTP takes away, was one"
    );
    server.holds_no_file();
}

#[tokio::test]
async fn a_creation_of_another_protocol_or_kind_is_refused_and_leaves_nothing() {
    let (server, person) = (Server::start().await, Person::instructor());
    let creation = || server.request_by(&person, Method::POST, UPLOAD);
    let version = server
        .send(creation().header("tus-resumable", "9.9.9").header("upload-length", "5"))
        .await;
    version.is_problem(412, "tus_version");
    assert_eq!(version.header("tus-version"), "1.0.0");
    server
        .send(creation().body("hello"))
        .await
        .is_problem(415, "unsupported_media_type");
    server
        .send(creation().header("content-type", "text/plain").body("x"))
        .await
        .is_problem(415, "unsupported_media_type");
    server
        .send(
            creation()
                .header("content-type", "video/mp4")
                .header("content-encoding", "gzip")
                .body("x"),
        )
        .await
        .is(415);
    assert_eq!(server.rows().await, 0);
    server.holds_no_file();
}

#[tokio::test]
async fn false_or_malformed_metadata_is_refused() {
    let (server, person) = (Server::start().await, Person::instructor());
    let bad = [
        "title %%%".to_owned(),
        "title YQ==,title YQ==".to_owned(),
        format!("title {}", base64("a\0b")),
        format!("filename {}", base64("a\r\nb")),
        format!("filename {}", base64("a\u{202e}4pm.exe")),
        format!("title {}", base64([0xff, 0xfe])),
        format!("x {}", "A".repeat(20_000)),
    ];
    for metadata in bad {
        server
            .send(server.creation(&person, 9).header("upload-metadata", &metadata))
            .await
            .is(400);
    }
    let long = format!("title {}", base64("x".repeat(201)));
    server
        .send(server.creation(&person, 9).header("upload-metadata", long))
        .await
        .is_problem(422, "invalid_request");
    assert_eq!(server.rows().await, 0);
}

#[tokio::test]
async fn the_same_idempotency_key_makes_the_same_video() {
    let (server, person) = (Server::start().await, Person::instructor());
    let keyed = |person: &Person, length| server.creation(person, length).header("idempotency-key", "one");
    let first = server.send(keyed(&person, 900)).await;
    let location = first.is(201).header("location").to_owned();
    server.patch(&location, 0, &film(400)).await.is(204);
    let again = server.send(keyed(&person, 900)).await;
    assert_eq!((again.is(201).id(), again.header("upload-offset")), (first.id(), "400"));
    assert_eq!(again.header("location"), location);
    server
        .send(keyed(&person, 901))
        .await
        .is_problem(422, "idempotency_mismatch");
    let another = server.send(keyed(&Person::instructor(), 900)).await;
    assert_ne!(another.is(201).id(), first.id());
    server
        .send(keyed(&person, 900).header("idempotency-key", "two"))
        .await
        .is(400);
}
