use super::*;
use bytes::Bytes;
use contracts::questions::live::Publisher;
use live::{Format, Frame, H264, Track};

fn grant(video: VideoId) -> PublishGrant {
    PublishGrant {
        video,
        publisher: Publisher::Key("key".to_owned()),
        key_version: 1,
    }
}

fn picture(number: i64, key: bool) -> Frame {
    let sets = H264 {
        sps: Bytes::from_static(&[0x67]),
        pps: vec![Bytes::from_static(&[0x68])],
    };
    Frame {
        track: Track::Picture(0),
        format: Arc::new(Format::H264(sets)),
        decoded_at: number * 3_000,
        shown_after: 0,
        key,
        data: Bytes::from(vec![0; 100]),
    }
}

async fn number(listener: &mut Listener) -> Option<i64> {
    match listener.next().await {
        Some(Heard::Frame(frame)) => Some(frame.decoded_at / 3_000),
        Some(Heard::Lagged) => Some(-1),
        None => None,
    }
}

#[tokio::test]
async fn a_late_listener_begins_with_the_newest_key_frame() {
    let (rooms, video) = (Rooms::default(), VideoId::generate());
    let publication = rooms.publish(&grant(video)).await.unwrap();
    for at in 0..8 {
        publication.send(picture(at, at % 5 == 0), Audience::Everyone);
    }
    let mut listener = rooms.room(video).unwrap().listen();
    publication.send(picture(8, false), Audience::Everyone);
    for expected in 5..9 {
        assert_eq!(number(&mut listener).await, Some(expected));
    }
}

#[tokio::test]
async fn a_newer_publisher_takes_the_room_over_and_listeners_stay() {
    let (rooms, video) = (Rooms::default(), VideoId::generate());
    let first = rooms.publish(&grant(video)).await.unwrap();
    let mut listener = rooms.room(video).unwrap().listen();
    let second = rooms.publish(&grant(video)).await.unwrap();
    first.taken_over().cancelled().await;
    assert!(!second.taken_over().is_cancelled());
    first.send(picture(0, true), Audience::Everyone);
    drop(first);
    second.send(picture(7, true), Audience::Everyone);
    assert_eq!(number(&mut listener).await, Some(7));
    assert!(rooms.room(video).is_some());
    drop(second);
    assert!(rooms.room(video).is_none(), "nobody publishes");
}

#[tokio::test]
async fn a_slow_listener_learns_that_it_lags_and_goes_on_at_a_key_frame() {
    let (rooms, video) = (Rooms::default(), VideoId::generate());
    let publication = rooms.publish(&grant(video)).await.unwrap();
    let mut requests = publication.key_frames().unwrap();
    let mut listener = rooms.room(video).unwrap().listen();
    publication.send(picture(0, true), Audience::Everyone);
    assert_eq!(number(&mut listener).await, Some(0));
    for at in 1..2_000 {
        publication.send(picture(at, false), Audience::Everyone);
    }
    assert_eq!(number(&mut listener).await, Some(-1));
    assert_eq!(requests.recv().await, Some(0));
    publication.send(picture(2_000, true), Audience::Everyone);
    assert_eq!(number(&mut listener).await, Some(2_000));
}

#[tokio::test]
async fn the_end_of_a_lecture_sends_everybody_away() {
    let (rooms, video) = (Rooms::default(), VideoId::generate());
    let publication = rooms.publish(&grant(video)).await.unwrap();
    let mut listener = rooms.room(video).unwrap().listen();
    rooms.close(video);
    publication.taken_over().cancelled().await;
    assert_eq!(number(&mut listener).await, None);
}
