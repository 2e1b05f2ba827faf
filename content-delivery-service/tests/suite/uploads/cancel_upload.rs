use crate::server::{Server, film, id};
use reqwest::Method;
use testing::Person;

#[tokio::test]
async fn a_cancelled_upload_is_gone_with_its_bytes() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_000_000));
    let location = server.begin(&person, bytes.len()).await;
    server.patch(&location, 0, &bytes[..1_500_000]).await.is(204);
    let end = || {
        server
            .request(Method::DELETE, &location)
            .header("tus-resumable", "1.0.0")
    };
    server.send(end()).await.is(204);
    server.head(&location).await.is(410);
    server
        .patch(&location, 1_500_000, &bytes[1_500_000..])
        .await
        .is_problem(410, "video_deleted");
    server.send(end()).await.is_problem(410, "video_deleted");
    server.emptied().await;
}

#[tokio::test]
async fn cancelling_a_finished_upload_deletes_the_video_also_by_method_override() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(2_000));
    let location = server.begin(&person, bytes.len()).await;
    server.patch(&location, 0, &bytes).await.is(204);
    assert_eq!(server.stored().len(), 1);
    let meant = server
        .request(Method::POST, &location)
        .header("x-http-method-override", "DELETE");
    server.send(meant.header("tus-resumable", "1.0.0")).await.is(204);
    let id = id(&location);
    server.details(&person, id).await.is_problem(410, "video_deleted");
    server.emptied().await;
}
