//! In how many places one user watches at the same time.

use super::films::Film;
use super::watching::Urls;
use crate::courses::classroom::Classroom;
use crate::server::Server;
use contracts::{CourseAccess, VideoId};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use std::net::IpAddr;
use std::time::{Duration, Instant};
use testing::{Person, Reply, until};

const FIREFOX: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:133.0) Gecko/20100101 Firefox/133.0";

impl Server {
    /// Opens a session with parameters, in Firefox on Windows.
    async fn opens(&self, person: &Person, video: VideoId, query: &str) -> Reply {
        let path = format!("/api/v1/content/{video}/stream{query}");
        let request = self.request_by(person, Method::GET, &path);
        let request = request.header("user-agent", FIREFOX);
        self.send(request.header("accept", "application/json")).await
    }

    /// Opens a session and makes its first media request; returns the session and its paths.
    async fn watches(&self, person: &Person, video: VideoId) -> (Value, Urls) {
        let session = self.opens(person, video, "").await.is(200).json.clone();
        let urls = Urls::of(session["hls_url"].as_str().unwrap());
        assert_eq!(self.get(&urls.0[0]).await.status, 200);
        (session, urls)
    }

    /// Sends a session's heartbeat and returns the status.
    async fn heartbeat(&self, session: &Value) -> u16 {
        let beat = self.request(Method::POST, session["heartbeat_url"].as_str().unwrap());
        self.send(beat).await.status
    }

    /// Ends a session as its player does when it is closed, and returns the status.
    async fn leaves(&self, session: &Value) -> u16 {
        let end = self.request(Method::POST, session["end_url"].as_str().unwrap());
        self.send(end).await.status
    }
}

/// The sign-ins of one person on several devices.
fn devices(person: &Person, count: usize) -> Vec<Person> {
    (0..count).map(|_| person.on_another_device()).collect()
}

#[tokio::test]
async fn a_fourth_place_is_refused_with_the_other_three_until_one_is_free() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        let mut playing = Vec::new();
        for device in devices(&owner, 3) {
            playing.push(server.watches(&device, video).await);
            server.clock.advance(Duration::from_secs(1));
        }
        let refused = server.opens(&owner, video, "").await;
        refused.is_problem(429, "too_many_sessions");
        assert_eq!(refused.header("cache-control"), "no-store");
        let sessions = refused.json["sessions"].as_array().unwrap();
        let ids: Vec<&Value> = sessions.iter().map(|session| &session["session_id"]).collect();
        let opened: Vec<&Value> = playing.iter().rev().map(|(it, _)| &it["session_id"]).collect();
        assert_eq!(ids, opened, "the last seen first");
        let details = server.details(&owner, video).await.json;
        for session in sessions {
            assert_eq!(session["device"], "Firefox on Windows");
            assert_eq!(session["video_id"], video.to_string());
            assert_eq!(session["title"], details["title"]);
            assert!(session["seen_at"].is_string(), "{session}");
        }
        // Others have places of their own.
        server.watches(&Person::admin(), video).await;
        server.clock.advance(Duration::from_secs(88));
        let (_, urls) = server.watches(&owner, video).await;
        server.plays(&urls).await;
    }
}

#[tokio::test]
async fn opening_alone_takes_no_place() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        let devices = devices(&owner, 6);
        for device in &devices {
            server.opens(device, video, "").await.is(200);
        }
        for device in &devices[..3] {
            server.watches(device, video).await;
        }
        server
            .opens(&devices[5], video, "")
            .await
            .is_problem(429, "too_many_sessions");
    }
}

#[tokio::test]
async fn exactly_three_of_many_simultaneous_beginnings_on_two_nodes_get_a_place() {
    for server in Server::with_worker_on_each_engine().await {
        let second = server.beside().await;
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        for round in 0..3 {
            let mut indices = Vec::new();
            for device in devices(&owner, 12) {
                indices.push(server.index(&device, video).await);
            }
            let asked = indices.iter().enumerate().map(|(n, index)| {
                let node = if n % 2 == 0 { &server } else { &second };
                node.get(index)
            });
            let answers: Vec<u16> = join_all(asked).await.iter().map(|reply| reply.status).collect();
            let count = |status| answers.iter().filter(|it| **it == status).count();
            assert_eq!((count(200), count(403)), (3, 9), "round {round}: {answers:?}");
            // A session that got no place has ended, on both nodes.
            for (index, status) in indices.iter().zip(&answers) {
                assert_eq!(server.get(index).await.status, *status);
                assert_eq!(second.get(index).await.status, *status);
            }
            server
                .opens(&owner, video, "")
                .await
                .is_problem(429, "too_many_sessions");
            server.clock.advance(Duration::from_secs(91));
        }
    }
}

#[tokio::test]
async fn a_sign_in_that_opens_a_lecture_again_takes_its_own_place() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        for device in devices(&owner, 2) {
            server.watches(&device, video).await;
        }
        let (_, mut before) = server.watches(&owner, video).await;
        for _ in 0..4 {
            let opened = Urls::of(&server.index(&owner, video).await);
            server.plays(&before).await;
            server.plays(&opened).await;
            server.refuses(&before).await;
            before = opened;
        }
    }
}

#[tokio::test]
async fn a_place_is_taken_over_from_the_own_sessions_alone() {
    for server in Server::with_worker_on_each_engine().await {
        let (owner, other) = (Person::instructor(), Person::admin());
        let video = server.uploaded(&owner, Film::Silent).await;
        let (foreign, theirs) = server.watches(&other, video).await;
        let mut playing = Vec::new();
        for device in devices(&owner, 3) {
            playing.push(server.watches(&device, video).await);
        }
        let take = |session: &Value| format!("?take_over={}", session["session_id"].as_str().unwrap());
        let refused = server.opens(&owner, video, &take(&foreign)).await;
        refused.is_problem(429, "too_many_sessions");
        server.plays(&theirs).await;
        for wrong in ["?take_over=x", "?take_over=", "?take=x"] {
            server
                .opens(&owner, video, wrong)
                .await
                .is_problem(422, "invalid_request");
        }
        let taken = server.opens(&owner, video, &take(&playing[1].0)).await;
        let urls = Urls::of(taken.is(200).json["hls_url"].as_str().unwrap());
        server.refuses(&playing[1].1).await;
        server.plays(&urls).await;
        for (_, spared) in [&playing[0], &playing[2]] {
            server.plays(spared).await;
        }
        // Nothing is ended for a lecture that can't be watched.
        let missing = server.opens(&owner, VideoId::generate(), &take(&playing[0].0)).await;
        missing.is_problem(404, "video_not_found");
        server.plays(&playing[0].1).await;
    }
}

#[tokio::test]
async fn heartbeats_keep_a_place_and_silence_loses_it() {
    for server in Server::with_worker_on_each_engine().await {
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        let mut playing = Vec::new();
        for device in devices(&owner, 3) {
            playing.push(server.watches(&device, video).await);
        }
        for _ in 0..3 {
            server.clock.advance(Duration::from_secs(60));
            for (session, _) in &playing {
                assert_eq!(server.heartbeat(session).await, 204);
            }
            server
                .opens(&owner, video, "")
                .await
                .is_problem(429, "too_many_sessions");
        }
        server.clock.advance(Duration::from_secs(60));
        for (session, _) in &playing[1..] {
            assert_eq!(server.heartbeat(session).await, 204);
        }
        server.clock.advance(Duration::from_secs(31));
        // The first was silent for 91 s. It gets its place again as long as nobody has taken it.
        server.plays(&playing[0].1).await;
        server.opens(&owner, video, "").await.is(429);
        server.clock.advance(Duration::from_secs(60));
        for (session, _) in &playing[1..] {
            assert_eq!(server.heartbeat(session).await, 204);
        }
        server.clock.advance(Duration::from_secs(31));
        server.watches(&owner, video).await;
        server.refuses(&playing[0].1).await;
        assert_eq!(server.heartbeat(&playing[0].0).await, 403);
    }
}

#[tokio::test]
async fn a_player_that_is_closed_frees_its_place_at_once() {
    for server in Server::with_worker_on_each_engine().await {
        let second = server.beside().await;
        let owner = Person::instructor();
        let video = server.uploaded(&owner, Film::Silent).await;
        let mut playing = Vec::new();
        for device in devices(&owner, 3) {
            playing.push(server.watches(&device, video).await);
        }
        server.opens(&owner, video, "").await.is(429);
        assert_eq!(second.leaves(&playing[0].0).await, 204);
        let (session, urls) = server.watches(&owner, video).await;
        for (_, spared) in &playing[1..] {
            server.plays(spared).await;
        }
        second.refuses(&playing[0].1).await;
        until("the first node refuses it, too", || async {
            server.get(&playing[0].1.0[0]).await.status == 403
        })
        .await;
        assert_eq!(server.leaves(&playing[0].0).await, 403, "it has ended");
        server.plays(&urls).await;
        // A page that was closed before it asked for any media holds no place either.
        assert_eq!(server.leaves(&session).await, 204);
        let unused = server.opens(&owner, video, "").await.is(200).json.clone();
        assert_eq!(server.leaves(&unused).await, 204);
        server.refuses(&Urls::of(unused["hls_url"].as_str().unwrap())).await;
        server.watches(&owner.on_another_device(), video).await;
    }
}

#[tokio::test]
async fn only_a_post_with_the_sessions_own_token_ends_it() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let (video, other) = (
        server.uploaded(&owner, Film::Silent).await,
        server.uploaded(&owner, Film::Silent).await,
    );
    let (session, urls) = server.watches(&owner, video).await;
    let end = session["end_url"].as_str().unwrap();
    for method in [Method::GET, Method::HEAD, Method::PUT, Method::DELETE] {
        let reply = server.send(server.request(method.clone(), end)).await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, "POST, OPTIONS"),
            "{method}"
        );
    }
    let token = end.split('/').nth(2).unwrap();
    let changed = format!(
        "{}{}",
        &token[..token.len() - 1],
        if token.ends_with('A') { 'B' } else { 'A' }
    );
    for wrong in [
        end.replace(&video.to_string(), &other.to_string()),
        end.replace(token, &changed),
        end.replace(token, ""),
    ] {
        let reply = server.send(server.request_by(&owner, Method::POST, &wrong)).await;
        assert_eq!((reply.status, reply.text.as_str()), (403, ""), "{wrong}");
    }
    server.plays(&urls).await;
}

#[tokio::test]
async fn the_cap_is_a_setting_and_zero_is_none() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    let server = server.restarted(|config| config.playback.sessions_per_user = 1).await;
    server.watches(&owner, video).await;
    let refused = server.opens(&owner.on_another_device(), video, "").await;
    assert_eq!(refused.is(429).json["sessions"].as_array().unwrap().len(), 1);
    let server = server.restarted(|config| config.playback.sessions_per_user = 0).await;
    for device in devices(&owner, 8) {
        server.watches(&device, video).await;
    }
}

/// Somebody at another address of this machine who is not signed in.
struct Visitor<'a>(&'a Server, reqwest::Client);

impl<'a> Visitor<'a> {
    fn at(server: &'a Server, address: &str) -> Self {
        let address: IpAddr = address.parse().unwrap();
        Self(
            server,
            reqwest::Client::builder().local_address(address).build().unwrap(),
        )
    }

    /// Opens a session.
    async fn opens(&self, video: VideoId) -> Reply {
        let url = self.0.url(&format!("/api/v1/content/{video}/stream"));
        self.0.send(self.1.get(url).header("accept", "application/json")).await
    }

    /// Opens a session and takes a place; returns the address of its heartbeats.
    async fn watches(&self, video: VideoId) -> String {
        let session = self.opens(video).await;
        let heart = session.is(200).json["heartbeat_url"].as_str().unwrap().to_owned();
        assert!(self.0.beats(&heart).await);
        heart
    }
}

#[tokio::test]
async fn viewers_who_are_not_signed_in_have_a_number_of_places_for_each_lecture() {
    for server in Server::on_each_engine().await {
        let server = server.restarted(|config| config.playback.sessions_per_share = 3).await;
        let owner = Person::instructor();
        let (video, other) = (server.lecture(&owner).await, server.lecture(&owner).await);
        let mut classroom = Classroom::open(&server, &[video, other]).await;
        classroom.change(|it| it.access = CourseAccess::Public).await;
        let (here, there) = (Visitor::at(&server, "127.0.0.1"), Visitor::at(&server, "127.0.0.2"));
        let waiting = here.opens(video).await;
        let mut hearts = Vec::new();
        for _ in 0..3 {
            hearts.push(here.watches(video).await);
            server.clock.advance(Duration::from_secs(1));
        }
        let refused = here.opens(video).await;
        refused.is_problem(429, "too_many_sessions");
        assert_eq!(refused.json["sessions"], json!([]));
        assert!(!refused.header("retry-after").is_empty(), "{refused:?}");
        let late = waiting.is(200).json["heartbeat_url"].as_str().unwrap();
        assert!(!server.beats(late).await, "its place was taken");
        here.watches(other).await;
        server.heart(&owner, video).await;
        // From elsewhere: of the three viewers here, the one seen first leaves the place.
        hearts.push(there.watches(video).await);
        let mut beat = Vec::new();
        for heart in &hearts {
            beat.push(server.beats(heart).await);
        }
        assert_eq!(beat, [false, true, true, true]);
        here.opens(video).await.is(429);
        server.clock.advance(Duration::from_secs(91));
        here.watches(video).await;
    }
}

#[tokio::test]
async fn whoever_opens_sessions_again_and_again_without_a_sign_in_leaves_others_theirs() {
    for server in Server::on_each_engine().await {
        let video = server.lecture(&Person::instructor()).await;
        let mut classroom = Classroom::open(&server, &[video]).await;
        classroom.change(|it| it.access = CourseAccess::Public).await;
        let (here, there) = (Visitor::at(&server, "127.0.0.1"), Visitor::at(&server, "127.0.0.2"));
        let playing = [here.watches(video).await, there.watches(video).await];
        let opened = there.opens(video).await;
        for _ in 0..600 {
            here.opens(video).await.is(200);
        }
        let kept: Option<(i64,)> = server
            .db
            .read()
            .one("SELECT COUNT(*) FROM playbacks", backing::args![])
            .await
            .unwrap();
        assert_eq!(kept, Some((253,)), "250 that wait, and those three");
        let waiting = opened.is(200).json["heartbeat_url"].as_str().unwrap();
        for heart in playing.iter().map(String::as_str).chain([waiting]) {
            assert!(server.beats(heart).await);
        }
    }
}

#[tokio::test]
async fn segments_of_a_running_session_ask_the_database_nothing() {
    let server = Server::with_worker().await;
    let owner = Person::instructor();
    let video = server.uploaded(&owner, Film::Silent).await;
    let (_, urls) = server.watches(&owner, video).await;
    server.plays(&urls).await;
    let (before, begun) = (server.db.statements(), Instant::now());
    for _ in 0..1_000 {
        assert_eq!(server.get(&urls.0[3]).await.status, 200);
    }
    let (during, took) = (server.db.statements() - before, begun.elapsed());
    // The loops in the background ask something meanwhile: as much as in the same time without a viewer.
    let before = server.db.statements();
    tokio::time::sleep(took).await;
    let idle = server.db.statements() - before;
    assert!(during <= idle * 2 + 100, "{during} statements, {idle} without a viewer");
}

#[tokio::test]
async fn the_refusal_of_a_place_says_nothing_about_others() {
    let server = Server::with_worker().await;
    let (owner, admin) = (Person::instructor(), Person::admin());
    let video = server.uploaded(&owner, Film::Silent).await;
    for device in devices(&owner, 3) {
        server.watches(&device, video).await;
    }
    let (theirs, _) = server.watches(&admin, video).await;
    let refused = server.opens(&owner, video, "").await;
    assert!(!refused.is(429).text.contains(theirs["session_id"].as_str().unwrap()));
    let members: Vec<&String> = refused.json.as_object().unwrap().keys().collect();
    assert!(members.iter().any(|it| *it == "request_id"), "{members:?}");
    assert_eq!(refused.json["status"], json!(429));
}
