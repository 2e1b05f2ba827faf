//! Which upload keys a sign-out revokes.

use crate::server::{Server, film, id};
use backing::args;
use backing::bus::{Bus, dead_letters};
use contracts::events::{UserRolesChanged, UserSessionsEnded};
use contracts::{Event, Role};
use reqwest::Method;
use std::time::Duration;
use testing::{Person, until};

const SECOND: Duration = Duration::from_secs(1);

/// The key dies when its owner signs out everywhere; the owner's details show the next one.
#[tokio::test]
async fn signing_out_everywhere_revokes_the_upload_key() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    server.tell(person.id, UserSessionsEnded { version: 2 }).await;
    server.head(&location).await.is(401);
    let video = server.details(&person, id(&location)).await;
    server.head(video.json["upload"]["url"].as_str().unwrap()).await.is(200);
}

/// Buses deliver an event again after a crash or a rebalance.
#[tokio::test]
async fn a_sign_out_that_is_delivered_again_spares_the_keys_made_since() {
    let (server, person) = (Server::start().await, Person::instructor());
    let signed_out = server.event(person.id, UserSessionsEnded { version: 2 });
    server.deliver(&signed_out).await;
    let location = server.begin(&person, 100).await;
    server.deliver(&signed_out).await;
    server.head(&location).await.is(200);
    server.tell(person.id, UserSessionsEnded { version: 3 }).await;
    server.head(&location).await.is(401);
}

/// A replayed dead letter has no mark in the inbox.
#[tokio::test]
async fn a_sign_out_that_is_replayed_spares_the_keys_made_since() {
    for server in Server::on_each_engine().await {
        let person = Person::instructor();
        let before = server.begin(&person, 100).await;
        server.clock.advance(SECOND);
        let signed_out = server.event(person.id, UserSessionsEnded { version: 2 });
        server.clock.advance(SECOND);
        let since = server.begin(&person, 100).await;
        replay(&server, &signed_out).await;
        server.head(&before).await.is(401);
        server.head(&since).await.is(200);
        let video = server.details(&person, id(&before)).await;
        let renewed = video.json["upload"]["url"].as_str().unwrap();
        replay(&server, &signed_out).await;
        server.head(renewed).await.is(200);
        server.head(&since).await.is(200);
        server.tell(person.id, UserSessionsEnded { version: 3 }).await;
        server.head(renewed).await.is(401);
        server.head(&since).await.is(401);
    }
}

/// A dead letter waits while later events of the user are handled.
#[tokio::test]
async fn a_sign_out_that_a_later_one_overtook_changes_nothing() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let overtaken = server.event(person.id, UserSessionsEnded { version: 2 });
    server.clock.advance(SECOND);
    server.tell(person.id, UserSessionsEnded { version: 3 }).await;
    server.head(&location).await.is(401);
    let video = server.details(&person, id(&location)).await;
    replay(&server, &overtaken).await;
    server.head(video.json["upload"]["url"].as_str().unwrap()).await.is(200);
}

/// Makes an event a dead letter, replays it and waits until the service has handled it.
async fn replay(server: &Server, event: &Event) {
    let sql = "INSERT INTO dead_letters (consumer, event_id, subject, event, code, reason, attempts, died_at) \
               VALUES ('content-playbacks', $1, $2, $3, 'tried_too_often', 'the moon was full', 16, $4)";
    let json = serde_json::to_vec(event).unwrap();
    let mut tx = server.db.write().await.unwrap();
    tx.run(sql, args![event.id, event.subject, json, event.time])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    for letter in dead_letters::list(&server.db).await.unwrap() {
        assert!(
            dead_letters::replay(&server.db, &letter, server.clock.now())
                .await
                .unwrap()
        );
    }
    until("the event is handled", || async {
        let lags = server.bus.lag().await.unwrap();
        lags.iter().all(|lag| lag.events == 0)
    })
    .await;
    assert_eq!(dead_letters::list(&server.db).await.unwrap(), []);
}

/// Without the role of an instructor, a person can't resume an upload by key or by sign-in; with the role given back, they can.
#[tokio::test]
async fn a_role_taken_away_ends_the_uploads_until_it_is_given_back() {
    let (server, person, bytes) = (Server::start().await, Person::instructor(), film(3_000));
    let location = server.begin(&person, bytes.len()).await;
    let kept = server.begin(&person, 100).await;
    let mut wire = server.open_patch(&location, 0, bytes.len(), &bytes[..1_000]).await;
    until("bytes are stored", || async { !server.stored().is_empty() }).await;
    let roles = |role: Role, version| UserRolesChanged {
        roles: role.into(),
        version,
    };
    server.tell(person.id, roles(Role::Learner, 2)).await;
    assert_eq!(wire.status().await, 423);
    server.head(&location).await.is(401);
    server.head(&kept).await.is(401);
    let by = |person: &Person| {
        let path = location.split('?').next().unwrap();
        let request = server.request_by(person, Method::PATCH, path);
        request
            .header("tus-resumable", "1.0.0")
            .header("content-type", "application/offset+octet-stream")
    };
    let learner = Person {
        role: Role::Learner,
        version: 2,
        ..person
    };
    let refused = by(&learner)
        .header("upload-offset", 1_000)
        .body(bytes[1_000..].to_vec());
    server.send(refused).await.is_problem(403, "instructor_required");

    server.tell(person.id, roles(Role::Instructor, 3)).await;
    let again = Person { version: 3, ..person };
    let details = server.details(&again, id(&location)).await;
    let offset = details.json["upload"]["offset"].as_u64().unwrap();
    let rest = bytes[usize::try_from(offset).unwrap()..].to_vec();
    let resumed = by(&again).header("upload-offset", offset).body(rest);
    server.send(resumed).await.is(204);
    assert_eq!(server.source(id(&location)), bytes);
}

#[tokio::test]
async fn another_role_beside_a_teacher_s_leaves_uploads_alone() {
    let (server, person) = (Server::start().await, Person::instructor());
    let location = server.begin(&person, 100).await;
    let roles = UserRolesChanged {
        roles: Role::Admin.into(),
        version: 2,
    };
    server.tell(person.id, roles).await;
    server.head(&location).await.is(200);
}
