use crate::classroom::Classroom;
use crate::peer::Offered;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// Pseudo-random numbers of a seed, which is printed.
struct Random(u64);

impl Random {
    #[expect(clippy::disallowed_methods, reason = "a test's seed is its own setting")]
    fn new() -> Self {
        let given = std::env::var("MOOCFLIX_TEST_SEED")
            .ok()
            .and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| u64::from(std::process::id()).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        println!("MOOCFLIX_TEST_SEED={seed}");
        Self(seed.max(1))
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn noise(&mut self) -> Vec<u8> {
        let length = usize::try_from(self.next() % 1_200).unwrap();
        let mut bytes: Vec<u8> = (0..length).map(|_| self.next().to_le_bytes()[0]).collect();
        if let Some(first) = bytes.first_mut() {
            // one of STUN, DTLS, RTP, RTCP
            *first = [0, 22, 128, 129][usize::try_from(self.next() % 4).unwrap()];
        }
        bytes
    }
}

/// Datagrams of noise.
fn rounds() -> usize {
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some_and(|it| !it.is_empty());
    if long { 100_000 } else { 2_000 }
}

/// The server's port of media, as an answer names it.
fn port(answer: &str) -> String {
    let line = answer.lines().find(|line| line.starts_with("a=candidate:")).unwrap();
    let words: Vec<&str> = line.split(' ').collect();
    format!("{}:{}", words[4], words[5])
}

/// Connections of one address that have named no session yet.
const MOST_NEWCOMERS: usize = 256;

#[tokio::test(flavor = "multi_thread")]
async fn an_address_has_few_connections_that_name_no_session_and_its_viewers_go_on() {
    let room = Classroom::open().await;
    let (_publisher, _) = room.publish().await;
    let offered = Offered::viewer_by_tcp();
    let token = room.site.token(&testing::Person::learner());
    let reply = room.offer("whep", &token, &offered.offer).await;
    let server = port(&reply.text);
    let viewer = offered.answered(&reply.text).await;
    testing::until("the viewer sees", async || viewer.pictures() > 10).await;
    let mut silent = Vec::new();
    for _ in 0..MOST_NEWCOMERS {
        silent.push(TcpStream::connect(&server).await.unwrap());
    }
    let mut refused = TcpStream::connect(&server).await.unwrap();
    let (mut early, mut late) = ([0], [0]);
    tokio::select! {
        _ = refused.read(&mut late) => {}
        _ = silent[0].read(&mut early) => panic!("the first one had to go before the last one"),
    }
    let before = viewer.pictures();
    testing::until("the viewer goes on", async || viewer.pictures() > before + 25).await;
    room.site.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn noise_at_the_port_is_nobodys_and_disturbs_nobody() {
    let room = Classroom::open().await;
    let (_publisher, _) = room.publish().await;
    let offered = Offered::viewer().await;
    let token = room.site.token(&testing::Person::learner());
    let reply = room.offer("whep", &token, &offered.offer).await;
    let server = port(&reply.text);
    let viewer = offered.answered(&reply.text).await;
    testing::until("the viewer sees", async || viewer.pictures() > 10).await;
    let mut random = Random::new();
    let stranger = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for round in 0..rounds() {
        stranger.send_to(&random.noise(), &server).await.unwrap();
        if round % 100 == 0 {
            let mut stream = TcpStream::connect(&server).await.unwrap();
            let _ = stream.write_all(&random.noise()).await;
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let before = viewer.pictures();
    testing::until("the viewer goes on", async || viewer.pictures() > before + 25).await;
    {
        let seen = viewer.seen.lock().unwrap();
        let gaps = seen.pictures.windows(2).map(|two| two[1].2.duration_since(two[0].2));
        let largest = gaps.max().unwrap();
        assert!(largest < Duration::from_secs(3), "{largest:?}");
    }
    room.site.stop().await;
}
