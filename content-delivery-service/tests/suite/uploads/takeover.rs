//! Two who write one upload at once.

use crate::server::{Server, film, id};
use testing::{Person, until};

#[tokio::test]
async fn a_second_writer_waits_for_the_first_and_takes_over_when_it_is_silent() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(4_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let mut first = server.open_patch(&location, 0, bytes.len(), &bytes[..100_000]).await;
    // The first one continues to send, a little now and then.
    let mut sent = 100_000;
    until("the first bytes are noted", || {
        let head = server.head(&location);
        async move { head.await.header("upload-offset") != "0" }
    })
    .await;
    first.send(&bytes[sent..sent + 1_000]).await;
    sent += 1_000;
    let offset: usize = server.head(&location).await.header("upload-offset").parse().unwrap();
    server
        .patch(&location, offset, &bytes[offset..])
        .await
        .is_problem(423, "upload_locked");
    // Now it is silent.
    until("the rest is noted", || {
        let head = server.head(&location);
        async move { head.await.header("upload-offset") == "101000" }
    })
    .await;
    until("the second one takes over", || {
        let patch = server.patch(&location, sent, &bytes[sent..]);
        async move {
            let reply = patch.await;
            assert!(matches!(reply.status, 204 | 423), "{reply:?}");
            reply.status == 204
        }
    })
    .await;
    assert_eq!(first.status().await, 423);
    let id = id(&location);
    assert_eq!(server.source(id), bytes);
}

#[tokio::test]
async fn of_many_simultaneous_writers_one_succeeds_and_none_does_harm() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let replies = futures::future::join_all((0..8).map(|_| server.patch(&location, 0, &bytes))).await;
    let done = replies.iter().filter(|reply| reply.status == 204).count();
    assert_eq!(done, 1, "{replies:?}");
    for reply in replies {
        assert!(matches!(reply.status, 204 | 409 | 413 | 423), "{reply:?}");
    }
    let id = id(&location);
    assert_eq!(server.source(id), bytes);
}
