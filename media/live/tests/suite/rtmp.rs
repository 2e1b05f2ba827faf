//! Connections of publishers, from their first byte on.

use crate::make::Bench;
use bytes::BufMut;
use live::flv::{FlvReader, Tag, TagKind};
use live::rtmp::{Connection, Event, Refusal};
use std::time::UNIX_EPOCH;

/// How many mutated streams there are.
fn mutations() -> u32 {
    let long = std::env::var_os("MOOCFLIX_TEST_LONG").is_some_and(|it| !it.is_empty());
    if long { 100_000 } else { 2_000 }
}

/// A message in chunks, as clients send it.
fn message(kind: u8, timestamp: u32, body: &[u8]) -> Vec<u8> {
    let mut out = vec![4];
    out.put_uint(timestamp.into(), 3);
    out.put_uint(u64::try_from(body.len()).unwrap(), 3);
    out.put_u8(kind);
    out.put_u32_le(1);
    for (n, part) in body.chunks(4_096).enumerate() {
        if n > 0 {
            out.put_u8(0xc4);
        }
        out.extend_from_slice(part);
    }
    out
}

fn text(out: &mut Vec<u8>, text: &str) {
    out.put_u16(u16::try_from(text.len()).unwrap());
    out.extend_from_slice(text.as_bytes());
}

/// A command with its number, an object or nothing, and texts.
fn command(name: &str, number: f64, app: Option<&str>, texts: &[&str]) -> Vec<u8> {
    let mut body = vec![2];
    text(&mut body, name);
    body.put_u8(0);
    body.put_f64(number);
    match app {
        Some(app) => {
            body.put_u8(3);
            text(&mut body, "app");
            body.put_u8(2);
            text(&mut body, app);
            body.extend([0, 0, 9]);
        }
        None => body.put_u8(5),
    }
    for word in texts {
        body.put_u8(2);
        text(&mut body, word);
    }
    message(20, 0, &body)
}

/// Everything that a publisher sends before its tags.
fn beginning(app: &str, name: &str) -> Vec<u8> {
    let mut out = vec![3];
    out.extend([7; 1_536 * 2]);
    out.extend(message(1, 0, &4_096_u32.to_be_bytes()));
    out.extend(command("connect", 1.0, Some(app), &[]));
    out.extend(command("releaseStream", 2.0, None, &[name]));
    out.extend(command("createStream", 4.0, None, &[]));
    out.extend(command("publish", 5.0, None, &[name, "live"]));
    out
}

fn media(tags: &[Tag]) -> Vec<u8> {
    let kind = |tag: &Tag| if tag.kind == TagKind::Sound { 8 } else { 9 };
    tags.iter()
        .flat_map(|tag| message(kind(tag), tag.timestamp, &tag.body))
        .collect()
}

fn source() -> Vec<Tag> {
    let bench = Bench::new();
    let arguments = "-c:v libx264 -preset ultrafast -bf 2 -pix_fmt yuv420p -c:a aac -f flv";
    crate::flv::tags(&bench.source("source.flv", 2, arguments))
}

/// Reads a whole stream; returns the tags of an accepted publisher, or why it ended.
fn publish(bytes: &[u8], step: usize) -> (Vec<Tag>, Option<String>, usize) {
    let (mut connection, mut reader) = (Connection::new(), FlvReader::new());
    let (mut tags, mut output) = (Vec::new(), 0);
    for part in bytes.chunks(step) {
        let received = connection.receive(part);
        while let Some(event) = connection.event() {
            match event {
                Event::Publish { .. } => connection.accept(),
                Event::Tag(tag) => {
                    if let Err(error) = reader.push(&tag) {
                        return (tags, Some(error.to_string()), output);
                    }
                    tags.push(tag);
                }
                Event::End => return (tags, None, output),
            }
        }
        output += connection.take_output().len();
        if let Err(error) = received {
            return (tags, Some(error.to_string()), output);
        }
    }
    (tags, None, output)
}

#[test]
fn a_publisher_s_tags_arrive_however_its_bytes_are_cut() {
    let tags = source();
    let first = beginning("live", "key");
    let last = media(&tags);
    for step in [1_000, 16_384] {
        // A publisher waits for the answer before it sends tags.
        let mut connection = Connection::new();
        for part in first.chunks(step) {
            connection.receive(part).unwrap();
        }
        assert_eq!(connection.event(), Some(Event::Publish { name: "key".to_owned() }));
        connection.accept();
        let answer = String::from_utf8_lossy(&connection.take_output()).into_owned();
        for word in ["NetConnection.Connect.Success", "NetStream.Publish.Start"] {
            assert!(answer.contains(word), "{word}");
        }
        let mut arrived = Vec::new();
        for part in last.chunks(step) {
            connection.receive(part).unwrap();
            while let Some(Event::Tag(tag)) = connection.event() {
                arrived.push(tag);
            }
        }
        assert_eq!(arrived, tags);
        connection.receive(&command("deleteStream", 6.0, None, &[])).unwrap();
        assert_eq!(connection.event(), Some(Event::End));
    }
}

#[test]
fn what_is_sent_before_the_right_is_known_is_dropped() {
    let mut connection = Connection::new();
    connection.receive(&beginning("live", "key?x=1")).unwrap();
    connection.receive(&media(&source())[..20_000]).unwrap();
    assert_eq!(connection.event(), Some(Event::Publish { name: "key".to_owned() }));
    assert_eq!(connection.event(), None);
    connection.refuse(Refusal::UnknownKey);
    let answer = String::from_utf8_lossy(&connection.take_output()).into_owned();
    assert!(answer.contains("NetStream.Publish.BadName"));
}

#[test]
fn another_application_is_refused() {
    let mut connection = Connection::new();
    connection.receive(&beginning("vod", "key")).unwrap();
    assert_eq!(connection.event(), Some(Event::End));
    let answer = String::from_utf8_lossy(&connection.take_output()).into_owned();
    assert!(answer.contains("NetConnection.Connect.Rejected"));
}

/// A small generator (splitmix64): only its spread matters.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) >> 1).unwrap() % below.max(1)
    }
}

fn seed() -> u64 {
    let given = std::env::var_os("MOOCFLIX_TEST_SEED").and_then(|seed| seed.to_str()?.parse().ok());
    let now = || u64::try_from(UNIX_EPOCH.elapsed().unwrap().as_nanos() % u128::from(u64::MAX)).unwrap();
    let seed = given.unwrap_or_else(now);
    println!("MOOCFLIX_TEST_SEED={seed}");
    seed
}

#[test]
fn mutated_streams_end_their_connection_at_most() {
    let mut random = Random(seed());
    let mut tags = source();
    tags.truncate(40);
    let good = [beginning("live", "key"), media(&tags)].concat();
    let mut ended = 0;
    for _ in 0..mutations() {
        let mut bytes = good.clone();
        for _ in 0..=random.next(8) {
            if bytes.is_empty() {
                break;
            }
            let at = random.next(bytes.len());
            match random.next(4) {
                0 => bytes[at] = u8::try_from(random.next(256)).unwrap(),
                1 => bytes.truncate(at.max(1)),
                2 => drop(bytes.drain(at..(at + random.next(40)).min(bytes.len()))),
                _ => {
                    let part = bytes[at..(at + random.next(400)).min(bytes.len())].to_vec();
                    let to = random.next(bytes.len());
                    bytes.splice(to..to, part);
                }
            }
        }
        let (_, error, output) = publish(&bytes, 1 + random.next(3_000));
        ended += u32::from(error.is_some());
        assert!(output < 64 * 1_024, "{output} bytes of replies");
    }
    assert!(ended > mutations() / 10, "{ended}");
}
