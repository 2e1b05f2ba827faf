//! Nobody without the right gets anything of a live lecture: no answer to an offer, no key, no frame, and no hand on
//! somebody else's session.

use anyhow::{Context, Result, ensure};
use e2e::api::{Account, Answer, Api};
use e2e::live::BEGINNING;
use e2e::server::{Server, Start};
use e2e::stage::{Stage, scenario};
use e2e::tools::report;
use e2e::viewers::Audience;
use e2e::webrtc::{Lecture, SMALL};
use reqwest::Method;
use serde_json::{Value, json};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";

/// An offer that is good for both, in this direction.
fn offer(direction: &str) -> String {
    let session = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE 0 1\r\n";
    let print: Vec<String> = (0..32).map(|byte| format!("{byte:02X}")).collect();
    let media = |line: &str, mid: u8, codec: &str| {
        format!(
            "m={line}\r\nc=IN IP4 0.0.0.0\r\na=rtcp-mux\r\na=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuvwx\r\n\
             a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\na={direction}\r\n{codec}",
            print.join(":")
        )
    };
    let picture = "a=rtpmap:96 H264/90000\r\n\
        a=fmtp:96 level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f\r\n";
    let sound = "a=rtpmap:111 opus/48000/2\r\n";
    session.to_owned()
        + &media("video 9 UDP/TLS/RTP/SAVPF 96", 0, picture)
        + &media("audio 9 UDP/TLS/RTP/SAVPF 111", 1, sound)
}

/// One who asks.
struct Asker {
    who: &'static str,
    bearer: String,
    /// Whether it is somebody who is signed in.
    is_known: bool,
}

/// What is asked for: a name, a method, the end of the path, the type of the body and the body.
fn requests() -> Vec<(&'static str, Method, &'static str, &'static str, String)> {
    let json = "application/json";
    vec![
        ("whip", Method::POST, "/whip", SDP, offer("sendonly")),
        ("whep", Method::POST, "/whep", SDP, offer("recvonly")),
        ("key", Method::POST, "/key", json, "{}".to_owned()),
        ("end", Method::POST, "/end", json, "{}".to_owned()),
        ("attendance", Method::GET, "/attendance", json, String::new()),
        ("details", Method::GET, "", json, String::new()),
        ("change", Method::PATCH, "", json, json!({"title": "Mine"}).to_string()),
    ]
}

async fn ask(api: &Api, (method, path): (Method, &str), bearer: &str, (kind, body): (&str, &str)) -> Result<Answer> {
    let mut request = api.request(method, path).header("content-type", kind);
    if !bearer.is_empty() {
        request = request.bearer_auth(bearer);
    }
    api.send(if body.is_empty() {
        request
    } else {
        request.body(body.to_owned())
    })
    .await
}

/// An owner's token that has expired; its server lived an hour ago.
async fn expired(start: &Start) -> Result<(Account, String)> {
    let mut server = Server::start(start.clone().ahead("-1h")?).await?;
    let api = Api::new(&server.url())?;
    let password = uuid::Uuid::new_v4().to_string();
    let words = "user create --email owner@example.org --name Someone --role instructor --password-stdin";
    let words: Vec<&str> = words.split(' ').collect();
    server.moocflix(&words, &format!("{password}\n")).await?;
    let owner = api.login("owner@example.org", &password).await?;
    server.terminate().await?;
    let token = owner.token.clone();
    Ok((owner, token))
}

/// Everybody who has no right to the lecture.
async fn askers(stage: &mut Stage, lecture: &Lecture, old: String) -> Result<Vec<Asker>> {
    let learner = stage.account("learner").await?;
    let teacher = stage.account("instructor").await?;
    let other = Lecture::announce(&stage.api, teacher.clone()).await?;
    let (head, signature) = lecture.owner.token.rsplit_once('.').context("a token")?;
    let (first, rest) = signature.split_at(1);
    let forged = format!("{head}.{}{rest}", if first == "A" { "B" } else { "A" });
    let asker = |who, bearer: &str, is_known| Asker {
        who,
        bearer: bearer.to_owned(),
        is_known,
    };
    Ok(vec![
        asker("nobody", "", false),
        asker("another learner", &learner.token, true),
        asker("another instructor", &teacher.token, true),
        asker("an expired token of the owner's", &old, false),
        asker("a forged token of the owner's", &forged, false),
        asker("another lecture's key", &other.key, false),
        asker("a key that nobody has", &"x".repeat(lecture.key.len()), false),
    ])
}

/// What is wrong with an answer; nothing if it is a refusal that gives nothing away.
fn wrong(asker: &Asker, answer: &Answer, lecture: &Lecture) -> Option<String> {
    let (status, text) = (answer.status.as_u16(), answer.text());
    let right = if asker.is_known { status == 404 } else { status == 401 };
    let silent = !text.contains("v=0") && !text.contains(&lecture.key) && !text.contains("candidate");
    let silent = silent && answer.header("location").is_empty() && !text.contains("A live lecture");
    (!right || !silent).then(|| format!("{status} {text}"))
}

/// Tries to lay hands on the sessions of the publisher and of a viewer.
async fn touch(api: &Api, lecture: &Lecture, (seen, own): (&str, &str), askers: &[Asker]) -> Result<Vec<String>> {
    let unknown = uuid::Uuid::new_v4().simple().to_string();
    let name = seen.rsplit('/').next().context("a session")?;
    let (own_folder, _) = own.rsplit_once('/').context("a session")?;
    let paths = [
        // A session of WHIP that nobody has; the one that is there has a name that only its publisher knows.
        (lecture.path(&format!("/whip/{unknown}")), 404),
        // The viewer's session is no publisher's,
        (lecture.path(&format!("/whip/{name}")), 404),
        // nor one of another viewer's playback,
        (format!("{own_folder}/{name}"), 403),
        // nor is a token good that was changed.
        (seen.replace("/p/", "/p/x"), 403),
    ];
    let mut faults = Vec::new();
    for asker in askers {
        for (path, expected) in &paths {
            for (method, body) in [(Method::DELETE, ""), (Method::PATCH, "a=end-of-candidates\r\n")] {
                let answer = ask(api, (method.clone(), path), &asker.bearer, (FRAGMENT, body)).await?;
                if answer.status.as_u16() != *expected {
                    faults.push(format!("{method} by {} of {path}: {}", asker.who, answer.status));
                }
            }
        }
    }
    Ok(faults)
}

async fn refuse_all(stage: &mut Stage, lecture: &Lecture, old: String) -> Result<()> {
    let askers = askers(stage, lecture, old).await?;
    let api = &stage.api;
    let _publisher = lecture.with_ffmpeg(&lecture.key, SMALL).await?;
    lecture.is_published(api, true).await?;
    let mut audience = Audience::open()?;
    let mut sessions = Vec::new();
    for name in ["one", "two"] {
        // Two viewers of one sign-in would take each other's place.
        let viewer = api.login(&lecture.owner.email, &lecture.owner.password).await?;
        audience.comes(name, &lecture.whep, &viewer.token).await?;
        let answered = audience.hears(name, "answered", BEGINNING).await?;
        sessions.push(answered["session"].as_str().context("a session")?.to_owned());
        audience.hears(name, "playing", BEGINNING).await?;
    }
    let (mut faults, mut calls) = (Vec::new(), 0);
    for (what, method, end, kind, body) in requests() {
        for asker in &askers {
            let path = lecture.path(end);
            let answer = ask(api, (method.clone(), &path), &asker.bearer, (kind, &body)).await?;
            if let Some(wrong) = wrong(asker, &answer, lecture) {
                faults.push(format!("{what} answered {} with {wrong}", asker.who));
            }
            calls += 1;
        }
    }
    faults.extend(touch(api, lecture, (&sessions[0], &sessions[1]), &askers).await?);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    report(format_args!("{calls} requests of strangers were refused"));
    for name in ["one", "two"] {
        ensure!(!audience.has_heard(name, "ended").await, "{name} was sent away");
    }
    // The same offers are good for those who may.
    let good = [
        ("/whep", "recvonly", &lecture.owner.token),
        ("/whip", "sendonly", &lecture.key),
    ];
    for (end, direction, bearer) in good {
        let offer = offer(direction);
        let answer = ask(api, (Method::POST, &lecture.path(end)), bearer, (SDP, &offer)).await?;
        answer.expect(201)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_without_the_right_gets_an_answer_a_key_or_a_hand_on_a_session() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let start = Start::default().on(&folder.path().join("data"));
    let (owner, old) = expired(&start).await?;
    scenario(start, async |stage| {
        let owner = stage.api.login(&owner.email, &owner.password).await?;
        let lecture = Lecture::announce(&stage.api, owner).await?;
        let before = lecture.act(&stage.api, Method::GET, "", &Value::Null).await?;
        refuse_all(stage, &lecture, old).await?;
        let after = lecture.act(&stage.api, Method::GET, "", &Value::Null).await?;
        ensure!(
            after["title"] == before["title"] && after["ingest"] == before["ingest"] && after["status"] == "live",
            "{after}"
        );
        Ok(())
    })
    .await
}
