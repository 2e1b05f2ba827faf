use crate::server::{Server, film, id};
use reqwest::{Method, RequestBuilder};
use std::time::Duration;
use testing::{Person, Reply};

fn cancel(server: &Server, location: &str) -> RequestBuilder {
    server
        .request(Method::DELETE, location)
        .header("tus-resumable", "1.0.0")
}

/// A finished upload.
async fn finished(server: &Server, person: &Person) -> String {
    let bytes = film(2_000);
    let location = server.begin(person, bytes.len()).await;
    server.patch(&location, 0, &bytes).await.is(204);
    location
}

/// The upload's address without its key.
fn bare(location: &str) -> &str {
    location.split('?').next().unwrap()
}

#[tokio::test]
async fn a_cancelled_upload_is_gone_with_its_bytes() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_000_000));
    let location = server.begin(&person, bytes.len()).await;
    server.patch(&location, 0, &bytes[..1_500_000]).await.is(204);
    server.send(cancel(&server, &location)).await.is(204);
    server.holds_no_file();
    server.head(&location).await.is(410);
    server
        .patch(&location, 1_500_000, &bytes[1_500_000..])
        .await
        .is_problem(410, "video_deleted");
    server
        .send(cancel(&server, &location))
        .await
        .is_problem(410, "video_deleted");
}

#[tokio::test]
async fn only_a_sign_in_deletes_a_finished_lecture_also_by_method_override() {
    let (server, owner) = (Server::start().await, Person::instructor());
    let by_override = |location: &str| {
        server
            .request(Method::POST, location)
            .header("x-http-method-override", "DELETE")
            .header("tus-resumable", "1.0.0")
    };
    let location = finished(&server, &owner).await;
    for request in [cancel(&server, &location), by_override(&location)] {
        server.send(request).await.is_problem(401, "unauthenticated");
    }
    for stranger in [Person::instructor(), Person::learner()] {
        let request = cancel(&server, &location).bearer_auth(server.token(&stranger));
        server.send(request).await.is_problem(404, "video_not_found");
    }
    server.details(&owner, id(&location)).await.is(200);
    assert_eq!(server.stored().len(), 1);
    let request = by_override(bare(&location)).bearer_auth(server.token(&owner));
    server.send(request).await.is(204);
    server.holds_no_file();
    server
        .details(&owner, id(&location))
        .await
        .is_problem(410, "video_deleted");

    let location = finished(&server, &owner).await;
    let admin = Person::admin();
    server
        .send(cancel(&server, &location).bearer_auth(server.token(&admin)))
        .await
        .is(204);
    let audit = server.ask(&admin, Method::GET, "/api/v1/content/audit").await;
    assert_eq!(audit.json["items"][0]["act"], "delete_video", "{audit:?}");
}

#[tokio::test]
async fn a_finished_upload_s_key_shows_it_for_an_hour() {
    let (server, owner) = (Server::start().await, Person::instructor());
    let location = finished(&server, &owner).await;
    let repeated = async || -> Reply { server.patch(&location, 2_000, b"").await };
    server.clock.advance(Duration::from_secs(3_599));
    assert_eq!(server.head(&location).await.is(200).header("upload-offset"), "2000");
    repeated().await.is(204);
    server.clock.advance(Duration::from_secs(2));
    server.head(&location).await.is(401);
    repeated().await.is_problem(401, "unauthenticated");
    server
        .send(cancel(&server, &location))
        .await
        .is_problem(401, "unauthenticated");
    let head = server.request_by(&owner, Method::HEAD, bare(&location));
    server.send(head.header("tus-resumable", "1.0.0")).await.is(200);
}
