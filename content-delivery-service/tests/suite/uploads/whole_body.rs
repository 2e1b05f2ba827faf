use crate::server::{Server, UPLOAD, film};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, RequestBuilder};
use testing::{Person, Reply, until};

fn post(server: &Server, person: &Person) -> RequestBuilder {
    server.request_by(person, Method::POST, UPLOAD)
}

fn file(bytes: &[u8]) -> Part {
    Part::bytes(bytes.to_vec()).file_name("trees \"1\".mov")
}

#[tokio::test]
async fn a_plain_body_becomes_a_video() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000_000));
    for (kind, query, title) in [
        ("video/mp4", "?title=Graphs%20%26%20trees", "Graphs & trees"),
        ("audio/mp4", "", "Untitled lecture"),
        ("application/octet-stream", "?title=+one+", "one"),
    ] {
        let path = format!("{UPLOAD}{query}");
        let request = server.request_by(&person, Method::POST, &path);
        let reply = server
            .send(request.header("content-type", kind).body(bytes.clone()))
            .await;
        assert_eq!(
            (reply.is(201).json["title"].as_str(), reply.json["status"].as_str()),
            (Some(title), Some("processing"))
        );
        assert_eq!(reply.header("location"), format!("/api/v1/content/{}", reply.id()));
        assert_eq!(server.source(&reply.id()), bytes);
    }
}

#[tokio::test]
async fn a_form_becomes_a_video_in_whatever_order_its_fields_come() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_500_000));
    let before = Form::new()
        .text("title", "Trees")
        .text("description", "All\nof them")
        .part("file", file(&bytes));
    let behind = Form::new()
        .part("file", file(&bytes))
        .text("description", "All\nof them")
        .text("title", "Trees");
    for form in [before, behind] {
        let reply = server.send(post(&server, &person).multipart(form)).await;
        reply.is(201);
        assert_eq!(reply.json["title"], "Trees");
        assert_eq!(reply.json["description"], "All\nof them");
        assert_eq!(reply.json["source"]["filename"], "trees \"1\".mov");
        assert_eq!(server.source(&reply.id()), bytes);
    }
    let unnamed = server
        .send(post(&server, &person).multipart(Form::new().part("file", file(&bytes))))
        .await;
    assert_eq!(unnamed.is(201).json["title"], "trees \"1\"");
}

#[tokio::test]
async fn a_file_that_is_not_a_lecture_leaves_nothing_behind() {
    let (server, person) = (
        Server::with(|config| config.upload.max_bytes = 4 << 20).await,
        Person::instructor(),
    );
    let raw = |body: Vec<u8>| post(&server, &person).header("content-type", "video/mp4").body(body);
    server.send(raw(Vec::new())).await.is_problem(422, "empty_file");
    server
        .send(raw(b"a letter".to_vec()))
        .await
        .is_problem(415, "unsupported_media");
    server
        .send(raw(vec![b'x'; 3 << 20]))
        .await
        .is_problem(415, "unsupported_media");
    server.send(raw(film(5 << 20))).await.is_problem(413, "too_large");
    let form = |form: Form| post(&server, &person).multipart(form);
    server
        .send(form(Form::new().part("file", file(b""))))
        .await
        .is_problem(422, "empty_file");
    server
        .send(form(Form::new().part("file", file(b"a letter"))))
        .await
        .is_problem(415, "unsupported_media");
    server
        .send(form(Form::new().part("file", file(&film(5 << 20)))))
        .await
        .is_problem(413, "too_large");
    server
        .send(form(Form::new().text("title", "no file")))
        .await
        .is_problem(422, "invalid_request");
    let bad_title = Form::new().part("file", file(&film(900))).text("title", "  ");
    server.send(form(bad_title)).await.is_problem(422, "invalid_request");
    let unknown = Form::new().part("file", file(&film(900))).text("colour", "red");
    let unknown = server.send(form(unknown)).await;
    unknown.is_problem(422, "invalid_request");
    assert_eq!(unknown.json["errors"][0]["field"], "colour");
    let twice = Form::new()
        .part("file", file(&film(900)))
        .part("file", file(&film(900)));
    server.send(form(twice)).await.is_problem(422, "invalid_request");
    server.holds_no_file();
    assert_eq!(server.rows().await, 0);
}

#[tokio::test]
async fn a_broken_form_is_refused_and_leaves_nothing_behind() {
    let (server, person) = (Server::start().await, Person::instructor());
    let part = "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n";
    let long = "b".repeat(71);
    let broken: [(&str, String); 6] = [
        ("multipart/form-data", String::new()),
        (&format!("multipart/form-data; boundary={long}"), String::new()),
        ("multipart/form-data; boundary=b", "x".repeat(100_000)),
        (
            "multipart/form-data; boundary=b",
            format!("--b\r\nX: {}", "y".repeat(16 * 1_024)),
        ),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=title\r\n\r\n\r\n".repeat(1_001),
        ),
        (
            "multipart/form-data; boundary=b",
            format!("{part}{}", String::from_utf8_lossy(&film(24))),
        ),
    ];
    for (kind, body) in broken {
        let reply = server
            .send(post(&server, &person).header("content-type", kind).body(body))
            .await;
        assert_eq!(reply.status, 400, "{reply:?}");
    }
    server.holds_no_file();
    assert_eq!(server.rows().await, 0);
}

#[tokio::test]
async fn a_client_that_vanishes_leaves_nothing_behind() {
    let (server, person) = (Server::start().await, Person::instructor());
    let mut wire = server.connect().await;
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\ncontent-type: video/mp4\r\ncontent-length: 9000000\r\n\r\n",
        server.token(&person)
    );
    wire.send(head).await;
    wire.send(film(3_000_000)).await;
    until("the upload has begun", || async { server.rows().await == 1 }).await;
    drop(wire);
    until("the upload is gone", || async { server.rows().await == 0 }).await;
    server.holds_no_file();
}

#[tokio::test]
async fn the_same_idempotency_key_makes_the_same_video() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(900));
    let form = || Form::new().part("file", file(&bytes));
    let keyed = |form: Form| post(&server, &person).header("idempotency-key", "a").multipart(form);
    let (first, again): (Reply, Reply) = (server.send(keyed(form())).await, server.send(keyed(form())).await);
    assert_eq!(first.is(201).id(), again.is(201).id());
    assert_eq!(server.rows().await, 1);
}

#[tokio::test]
async fn a_request_that_failed_can_be_repeated_under_its_idempotency_key() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(900));
    let keyed = |body: Vec<u8>| {
        let request = post(&server, &person).header("idempotency-key", "a");
        request.header("content-type", "video/mp4").body(body)
    };
    server.send(keyed(b"no film".repeat(100))).await.is(415);
    let repeated = server.send(keyed(film(700))).await;
    assert_eq!(server.send(keyed(film(700))).await.is(201).id(), repeated.is(201).id());

    let mut wire = server.connect().await;
    let head = format!(
        "POST {UPLOAD} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {}\r\nidempotency-key: b\r\ncontent-type: video/mp4\r\ncontent-length: 900\r\n\r\n",
        server.token(&person)
    );
    wire.send(head).await;
    wire.send(bytes[..400].to_vec()).await;
    until("the upload has begun", || async { server.rows().await == 2 }).await;
    drop(wire);
    until("the upload is gone", || async { server.rows().await == 1 }).await;
    let request = post(&server, &person).header("idempotency-key", "b");
    server
        .send(request.header("content-type", "video/mp4").body(bytes))
        .await
        .is(201);
}
