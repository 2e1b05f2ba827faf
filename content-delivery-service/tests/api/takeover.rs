//! Two who write one upload at once.

use crate::server::{Person, Server, UPLOAD, film, open_patch, status, until};
use tokio::io::AsyncWriteExt;

#[tokio::test]
async fn a_second_writer_waits_for_the_first_and_takes_over_when_it_is_silent() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(4_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let mut first = open_patch(&server, &location, 0, bytes.len(), &bytes[..100_000]).await;
    // The first one goes on sending, a little now and then.
    let mut sent = 100_000;
    until("the first bytes are noted", || {
        let head = server.head(&location);
        async move { head.await.offset() != "0" }
    })
    .await;
    first.write_all(&bytes[sent..sent + 1_000]).await.unwrap();
    sent += 1_000;
    let offset: usize = server.head(&location).await.offset().parse().unwrap();
    server
        .patch(&location, offset, &bytes[offset..])
        .await
        .is_problem(423, "upload_locked");
    // Now it is silent.
    until("the rest is noted", || {
        let head = server.head(&location);
        async move { head.await.offset() == "101000" }
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
    assert_eq!(status(&mut first).await, 423);
    let id = location[UPLOAD.len() + 1..].split('?').next().unwrap();
    assert_eq!(server.source(id), bytes);
}

#[tokio::test]
async fn of_many_who_write_at_once_one_succeeds_and_none_does_harm() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000_000));
    let location = server.begin(&person, bytes.len()).await;
    let replies = futures::future::join_all((0..8).map(|_| server.patch(&location, 0, &bytes))).await;
    let done = replies.iter().filter(|reply| reply.status == 204).count();
    assert_eq!(done, 1, "{replies:?}");
    for reply in replies {
        assert!(matches!(reply.status, 204 | 409 | 413 | 423), "{reply:?}");
    }
    let id = location[UPLOAD.len() + 1..].split('?').next().unwrap();
    assert_eq!(server.source(id), bytes);
}
