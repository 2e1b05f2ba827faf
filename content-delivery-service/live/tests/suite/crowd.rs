//! Many readers of playlists who wait for the same part.

use crate::media::rtmp_frames;
use bytes::Bytes;
use contracts::questions::live::{LiveFile, LiveMedia, LiveReply, PublishGrant, Publisher, Reload};
use contracts::{RenditionName, VideoId};
use futures::future::{join_all, poll_immediate};
use live::Frame;
use live_server::rooms::{Audience, Publication, Rooms};
use std::collections::HashSet;

const READERS: usize = 2_000;

/// A lecture whose frames come as the test wants.
struct Lecture {
    rooms: Rooms,
    video: VideoId,
    publication: Publication,
    frames: std::vec::IntoIter<Frame>,
}

impl Lecture {
    async fn begin() -> Self {
        let (rooms, video) = (Rooms::default(), VideoId::generate());
        let grant = PublishGrant {
            video,
            publisher: Publisher::Key("key".to_owned()),
            key_version: 1,
        };
        let publication = rooms.publish(&grant).await.unwrap();
        Self {
            rooms,
            video,
            publication,
            frames: rtmp_frames(10).into_iter(),
        }
    }

    /// The picture's playlist as it is now, and the part that it hints at.
    async fn playlist(&self) -> Option<(Bytes, (u32, u32))> {
        let reply = self.rooms.read(self.video, &playlist(), Reload::default()).await;
        let LiveReply::File { bytes, .. } = reply else {
            return None;
        };
        let text = String::from_utf8(bytes.to_vec()).unwrap();
        let hint = text.split("TYPE=PART,URI=\"").nth(1).unwrap();
        let (sequence, part) = hint.split_once(".m4s").unwrap().0.split_once('-').unwrap();
        Some((bytes, (sequence.parse().unwrap(), part.parse().unwrap())))
    }

    /// Publishes until the playlist is another one.
    async fn publish_a_part(&mut self) -> (u32, u32) {
        let before = self.playlist().await.map(|(bytes, _)| bytes);
        loop {
            self.publication.send(self.frames.next().unwrap(), Audience::Everyone);
            if let Some((bytes, hint)) = self.playlist().await
                && before.as_ref() != Some(&bytes)
            {
                return hint;
            }
        }
    }
}

fn video() -> RenditionName {
    RenditionName::parse("video-0").unwrap()
}

fn playlist() -> LiveFile {
    LiveFile::Playlist(video())
}

/// Where the bytes of replies are in memory, plain and compressed.
fn places(replies: &[LiveReply]) -> HashSet<(*const u8, Option<*const u8>)> {
    let place = |reply: &LiveReply| match reply {
        LiveReply::File { bytes, packed } => (bytes.as_ptr(), packed.as_ref().map(|it| it.as_ptr())),
        other => panic!("{other:?}"),
    };
    replies.iter().map(place).collect()
}

#[tokio::test]
async fn two_thousand_readers_who_wait_for_a_part_get_the_same_playlist_made_and_compressed_once() {
    let mut lecture = Lecture::begin().await;
    let mut next = lecture.publish_a_part().await;
    for _ in 0..3 {
        let rooms = lecture.rooms.clone();
        let (list, (sequence, number)) = (playlist(), next);
        let part = LiveFile::Part(video(), sequence, number);
        let reload = Reload {
            sequence: Some(sequence),
            part: Some(number),
            skip: true,
        };
        let mut lists: Vec<_> = (0..READERS).map(|_| rooms.read(lecture.video, &list, reload)).collect();
        let hinted = |_| rooms.read(lecture.video, &part, Reload::default());
        let mut parts: Vec<_> = (0..READERS).map(hinted).collect();
        for reader in lists.iter_mut().chain(&mut parts) {
            assert!(poll_immediate(reader.as_mut()).await.is_none(), "it has to wait");
        }
        next = lecture.publish_a_part().await;
        let (lists, parts) = (join_all(lists).await, join_all(parts).await);
        assert_eq!((places(&lists).len(), places(&parts).len()), (1, 1));
        let LiveReply::File { bytes, packed } = &lists[0] else {
            panic!("{:?}", lists[0]);
        };
        assert!(packed.as_ref().is_some_and(|packed| packed.len() < bytes.len()));
        let listed = format!("URI=\"{sequence}-{number}.m4s\"");
        assert!(String::from_utf8_lossy(bytes).contains(&listed), "{listed}");
    }
}

#[tokio::test]
async fn media_that_is_in_memory_is_read_without_waiting() {
    let mut lecture = Lecture::begin().await;
    let (sequence, number) = lecture.publish_a_part().await;
    let part = LiveFile::Part(video(), sequence, number);
    assert_eq!(
        lecture.rooms.in_memory(lecture.video, &part),
        None,
        "it is still to come"
    );
    lecture.publish_a_part().await;
    let bytes = lecture.rooms.in_memory(lecture.video, &part).unwrap();
    let reply = lecture.rooms.read(lecture.video, &part, Reload::default()).await;
    assert_eq!(reply, LiveReply::File { bytes, packed: None });
    let list = lecture.rooms.in_memory(lecture.video, &playlist());
    assert_eq!(list, None, "a player waits for the next one");
}
