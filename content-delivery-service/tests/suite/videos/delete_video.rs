use crate::server::{Server, film, id};
use reqwest::Method;
use testing::{Person, until};

fn path(location: &str) -> String {
    format!("/api/v1/content/{}/delete", id(location))
}

#[tokio::test]
async fn a_deleted_video_is_gone_for_those_who_could_see_it_and_its_objects_go() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 900).await;
    server.patch(&location, 0, &film(900)).await.is(204);
    server
        .ask(&Person::instructor(), Method::DELETE, &path(&location))
        .await
        .is_problem(404, "video_not_found");
    for _ in 0..2 {
        let reply = server.ask(&person, Method::DELETE, &path(&location)).await;
        assert_eq!(
            (reply.is(202).id().as_str(), &reply.json["status"]),
            (id(&location), &"deleted".into())
        );
    }
    server
        .details(&person, id(&location))
        .await
        .is_problem(410, "video_deleted");
    server
        .details(&Person::admin(), id(&location))
        .await
        .is_problem(410, "video_deleted");
    server
        .details(&Person::instructor(), id(&location))
        .await
        .is_problem(404, "video_not_found");
    let list = server.ask(&person, Method::GET, "/api/v1/content").await;
    assert_eq!(list.json["items"].as_array().unwrap().len(), 0);
    server.emptied().await;
    assert_eq!(server.rows().await, 1, "the deletion record stays");
}

#[tokio::test]
async fn deleting_in_the_middle_of_an_upload_ends_it() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(9_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let mut wire = server.open_patch(&location, 0, bytes.len(), &bytes[..6_000_000]).await;
    until("bytes are stored", || async { !server.stored().is_empty() }).await;
    server.ask(&person, Method::DELETE, &path(&location)).await.is(202);
    assert_eq!(wire.status().await, 410);
    server
        .patch(&location, 0, &bytes)
        .await
        .is_problem(410, "video_deleted");
    server.emptied().await;
}
