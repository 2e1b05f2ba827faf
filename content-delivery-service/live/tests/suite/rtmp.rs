//! Publishing by RTMP.

use crate::media::{BEEPS, FLASHES, beeps, ffmpeg, flashes};
use crate::server::{ENDED, KEY, Server};
use backing::{Clock, Db};
use live::{Format, Frame, Track};
use live_server::rooms::{Heard, Rooms};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

/// How long anything may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);
/// Three times what the issue promises for a publisher who has to go.
const OUT: Duration = Duration::from_secs(3);

/// ffmpeg as a publisher with B-frames and AAC; killed when it is dropped.
struct Encoder(Child);

impl Encoder {
    fn start(url: &str) -> Self {
        let mut command = ffmpeg();
        command.args(["-re", "-f", "lavfi", "-i", FLASHES, "-re", "-f", "lavfi", "-i", BEEPS]);
        command.args("-c:v libx264 -preset veryfast -pix_fmt yuv420p -bf 2 -g 60 -c:a aac -b:a 96k -f flv".split(' '));
        Self::of(command.arg(url))
    }

    fn of(command: &mut Command) -> Self {
        let command = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        Self(command.spawn().expect("ffmpeg is installed"))
    }

    /// Waits for its end; returns its complaints.
    async fn ended(mut self, within: Duration) -> String {
        let begun = Instant::now();
        while self.0.try_wait().unwrap().is_none() {
            assert!(begun.elapsed() < within, "it has not ended within {within:?}");
            sleep(Duration::from_millis(10)).await;
        }
        let mut words = String::new();
        let mut complaints = self.0.stderr.take().unwrap();
        std::io::Read::read_to_string(&mut complaints, &mut words).unwrap();
        words
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Waits until somebody publishes.
async fn published(server: &Server) {
    let begun = Instant::now();
    while server.rooms.room(server.video).is_none() {
        assert!(begun.elapsed() < LONG, "nobody publishes");
        sleep(Duration::from_millis(10)).await;
    }
}

/// What a viewer by WebRTC hears first.
async fn heard(server: &Server, count: usize) -> Vec<Arc<Frame>> {
    let mut listener = server.rooms.room(server.video).unwrap().listen();
    let mut frames = Vec::new();
    while frames.len() < count {
        let heard = timeout(LONG, listener.next()).await.expect("there are frames");
        if let Some(Heard::Frame(frame)) = heard {
            frames.push(frame);
        }
    }
    frames
}

#[tokio::test]
async fn viewers_by_webrtc_get_pictures_in_order_and_opus_of_a_publisher_with_b_frames_and_aac() {
    let server = Server::start().await;
    let _encoder = Encoder::start(&server.url(KEY));
    published(&server).await;
    let frames = heard(&server, 400).await;
    let of = |picture: bool| {
        frames
            .iter()
            .filter(move |frame| (frame.track != Track::Sound) == picture)
    };
    assert!(of(true).count() > 60 && of(false).count() > 100);
    assert!(of(true).next().unwrap().key);
    assert!(of(true).all(|frame| frame.shown_after == 0 && matches!(*frame.format, Format::H264(_))));
    assert!(of(false).all(|frame| *frame.format == Format::Opus { channels: 1 }));
    let folder = tempfile::tempdir().unwrap();
    let [pictures, sound] =
        [true, false].map(|picture| -> Vec<Frame> { of(picture).map(|frame| Frame::clone(frame)).collect() });
    for frames in [&pictures, &sound] {
        assert!(frames.windows(2).all(|pair| pair[0].decoded_at < pair[1].decoded_at));
    }
    let (flashes, beeps) = (flashes(&pictures, folder.path()), beeps(&sound, folder.path()));
    let inner = flashes
        .iter()
        .filter(|flash| beeps.first() < Some(flash) && Some(*flash) < beeps.last());
    for flash in inner.clone() {
        let apart = beeps.iter().map(|beep| (beep - flash).abs()).fold(f64::MAX, f64::min);
        println!("flash and beep are {:.1} ms apart", apart * 1_000.0);
        assert!(apart <= 0.04, "{flashes:?} {beeps:?}");
    }
    assert!(inner.count() >= 1, "{flashes:?} {beeps:?}");
}

#[tokio::test]
async fn a_wrong_key_is_refused_with_a_reason_and_counted_until_it_has_to_wait() {
    let server = Server::start().await;
    for _ in 0..2 {
        let words = Encoder::start(&server.url("wrong-key")).ended(LONG).await;
        assert!(words.contains("There is no lecture with this stream key"), "{words}");
    }
    assert_eq!(server.door.asked.load(Ordering::Relaxed), 2);
    assert!(server.rooms.room(server.video).is_none());
}

#[tokio::test]
async fn an_encoder_that_tries_again_after_the_end_is_told_so_and_never_has_to_wait() {
    let server = Server::start().await;
    let mut shortest = LONG;
    for n in 0..13 {
        let begun = Instant::now();
        let words = Encoder::start(&server.url(ENDED)).ended(LONG).await;
        assert!(words.contains("The lecture has ended"), "{words}");
        // After ten wrong keys, each further one would wait for two seconds.
        if n >= 10 {
            shortest = shortest.min(begun.elapsed());
        }
    }
    assert!(shortest < Duration::from_secs(2), "{shortest:?}");
}

#[tokio::test]
async fn a_publisher_is_told_that_the_server_can_t_take_it_where_the_database_fails() {
    let (folder, clock) = (tempfile::tempdir().unwrap(), Clock::system());
    let url = format!("sqlite://{}", folder.path().display());
    // A schema without migrations has no lectures.
    let db = Db::open(&url, "content", &[]).await.unwrap();
    let objects = testing::back_ends(folder.path(), &clock).await.objects;
    let server = Server::with(Rooms::new(&db, objects, clock, "http://this".to_owned())).await;
    let words = Encoder::start(&server.url(KEY)).ended(LONG).await;
    assert!(words.contains("The server can't take this stream now"), "{words}");
}

#[tokio::test]
async fn a_second_publisher_takes_over_and_the_first_is_out() {
    let server = Server::start().await;
    let first = Encoder::start(&server.url(KEY));
    published(&server).await;
    let room = server.rooms.room(server.video).unwrap();
    let _second = Encoder::start(&server.url(KEY));
    first.ended(LONG).await;
    assert!(room.is_published(), "the second one publishes");
}

#[tokio::test]
async fn a_publisher_is_out_when_the_lecture_ends() {
    let server = Server::start().await;
    let encoder = Encoder::start(&server.url(KEY));
    published(&server).await;
    server.rooms.close(server.video);
    encoder.ended(OUT).await;
}

#[tokio::test]
async fn the_room_is_empty_when_the_publisher_has_gone() {
    let server = Server::start().await;
    let encoder = Encoder::start(&server.url(KEY));
    published(&server).await;
    drop(encoder);
    let begun = Instant::now();
    while server.rooms.room(server.video).is_some() {
        assert!(begun.elapsed() < OUT, "the publisher is still there");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn the_listener_ends_with_its_publishers_when_the_process_stops() {
    let mut server = Server::start().await;
    let encoder = Encoder::start(&server.url(KEY));
    published(&server).await;
    server.shutdown.request();
    timeout(OUT, server.work.join_next())
        .await
        .expect("it ends")
        .unwrap()
        .unwrap()
        .unwrap();
    encoder.ended(OUT).await;
}

/// A connection that sends some bytes and waits for its end.
async fn nuisance(server: &Server, bytes: &[u8]) {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let _ = stream.write_all(bytes).await;
    let _ = stream.shutdown().await;
    let ended = timeout(LONG, async {
        let mut buffer = [0; 4_096];
        while stream.read(&mut buffer).await.is_ok_and(|count| count > 0) {}
    });
    ended.await.expect("the connection ends");
}

#[tokio::test]
async fn connections_of_garbage_end_and_leave_a_publisher_alone() {
    let server = Server::start().await;
    let _encoder = Encoder::start(&server.url(KEY));
    published(&server).await;
    let mut listener = server.rooms.room(server.video).unwrap().listen();
    let hello = [&[3][..], &[0; 1_536 * 2]].concat();
    for n in 0..60_u8 {
        let garbage: Vec<u8> = (0..2_000_u32)
            .map(|at| n.wrapping_mul(31).wrapping_add((at * at % 251).to_le_bytes()[0]))
            .collect();
        nuisance(&server, &garbage).await;
        nuisance(&server, &[&hello[..], &garbage].concat()).await;
        nuisance(&server, &hello[..usize::from(n) * 20]).await;
    }
    for _ in 0..100 {
        let heard = timeout(LONG, listener.next()).await.expect("the publisher goes on");
        assert!(heard.is_some());
    }
}

#[tokio::test]
async fn a_publisher_with_other_codecs_is_refused_with_a_reason() {
    let server = Server::start().await;
    let mut command = ffmpeg();
    command.args([
        "-re",
        "-f",
        "lavfi",
        "-i",
        FLASHES,
        "-c:v",
        "flv",
        "-f",
        "flv",
        &server.url(KEY),
    ]);
    let words = Encoder::of(&mut command).ended(LONG).await;
    assert!(words.contains("Lectures need H.264"), "{words}");
}
