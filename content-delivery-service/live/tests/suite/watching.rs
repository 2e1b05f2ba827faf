use crate::classroom::{Classroom, KEY};
use crate::peer::{Offered, Peer};
use reqwest::Method;
use std::time::Duration;
use testing::{Person, until};

async fn sees(peer: &Peer, pictures: usize) {
    let before = peer.pictures();
    until("the viewer sees more", async || peer.pictures() >= before + pictures).await;
}

fn closed(peer: &Peer) -> bool {
    peer.seen.lock().unwrap().closed
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_publisher_sends_is_seen_and_heard_and_a_late_viewer_begins_with_a_key_frame() {
    let room = Classroom::open().await;
    let (_publisher, _) = room.publish().await;
    let (early, _) = room.watch(Offered::viewer().await).await;
    sees(&early, 30).await;
    let (viewer, _) = room.watch(Offered::viewer().await).await;
    sees(&viewer, 60).await;
    sees(&early, 61).await;
    {
        let seen = viewer.seen.lock().unwrap();
        assert!(seen.pictures[0].1, "begins with a key frame");
        let numbers: Vec<u32> = seen.pictures.iter().map(|it| it.0).collect();
        assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
        let first = seen.pictures[0].2.duration_since(seen.connected.unwrap());
        assert!(first < Duration::from_millis(900), "{first:?}");
        assert!(seen.sounds > 20, "{}", seen.sounds);
    }
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_udp_is_blocked_media_goes_over_tcp() {
    let room = Classroom::open().await;
    let (_publisher, _) = room.publish().await;
    let (viewer, _) = room.watch(Offered::viewer_by_tcp()).await;
    sees(&viewer, 50).await;
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_publisher_takes_over_and_the_viewers_stay() {
    let room = Classroom::open().await;
    let (first, _) = room.publish().await;
    let (viewer, _) = room.watch(Offered::viewer().await).await;
    sees(&viewer, 20).await;
    let (_second, _) = room.publish().await;
    until("the first one is out", async || closed(&first)).await;
    sees(&viewer, 50).await;
    assert!(!closed(&viewer));
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewer_whose_playback_ends_sees_nothing_more() {
    let room = Classroom::open().await;
    let (_publisher, _) = room.publish().await;
    let (viewer, _) = room.watch(Offered::viewer().await).await;
    let (other, _) = room.watch(Offered::viewer().await).await;
    sees(&viewer, 20).await;
    room.door.revoke_all();
    until("both are out", async || closed(&viewer) && closed(&other)).await;
    let last = viewer.pictures();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(viewer.pictures(), last);
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_by_delete_alone_and_by_nobody_else() {
    let room = Classroom::open().await;
    let (publisher, whip) = room.publish().await;
    let (viewer, whep) = room.watch(Offered::viewer().await).await;
    let (other, others) = room.watch(Offered::viewer().await).await;
    sees(&viewer, 10).await;
    let delete = async |path: &str| room.site.send(room.site.request(Method::DELETE, path)).await.status;
    let session = whep.rsplit('/').next().unwrap();
    let (foreign, _) = others.rsplit_once('/').unwrap();
    assert_eq!(delete(&format!("{foreign}/{session}")).await, 403, "another token");
    assert_eq!(delete(&room.path(&format!("whip/{session}"))).await, 404, "a viewer's");
    let guessed = "00000000000040008000000000000000";
    assert_eq!(delete(&room.path(&format!("whip/{guessed}"))).await, 404);
    assert_eq!(delete(&whep).await, 200);
    assert_eq!(delete(&whep).await, 404, "again");
    until("the viewer is out", async || closed(&viewer)).await;
    until("its place is free", async || room.door.sessions() == 1).await;
    sees(&other, 10).await;
    assert_eq!(delete(&whip).await, 200);
    until("the publisher is out", async || closed(&publisher)).await;
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_viewers_connection_is_measured_where_there_are_layers_to_choose_from() {
    let room = Classroom::open().await;
    let token = room.site.token(&Person::learner());
    let whep = async || {
        let reply = room.offer("whep", &token, &Offered::viewer().await.offer).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        reply.text.contains("transport-wide-cc")
    };
    let publisher = Offered::publisher_of_layers(&["l", "h"]).await;
    assert_eq!(room.offer("whip", KEY, &publisher.offer).await.status, 201);
    assert!(whep().await);
    let (_successor, _) = room.publish().await;
    assert!(!whep().await, "whoever publishes now sends one layer");
    room.site.stop().await;
}
