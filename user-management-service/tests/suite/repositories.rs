//! Every repository method, on SQLite and on PostgreSQL.

use backing::args;
use backing::db::Db;
use contracts::{Role, Roles, SessionId, Timestamp, UserId};
use futures::future::join_all;
use passwords::email::EmailAddress;
use std::time::Duration;
use testing::databases;
use user_management_service::models::accounts::actor::Actor;
use user_management_service::models::accounts::profile::ProfileChange;
use user_management_service::models::accounts::user::{NewUser, User};
use user_management_service::models::keys::signing_key::SealedKey;
use user_management_service::models::sessions::revocation::Refused;
use user_management_service::models::sessions::session::{NewSession, Rotation, Successor, TokenHash};
use user_management_service::repositories::accounts::user_repository::UserRepository;
use user_management_service::repositories::keys::key_repository::KeyRepository;
use user_management_service::repositories::rows::NotDone;
use user_management_service::repositories::sessions::revocation_repository::RevocationRepository;
use user_management_service::repositories::sessions::session_repository::SessionRepository;
use user_management_service::{MIGRATIONS, NAME};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const UNTIL: Timestamp = Timestamp::from_seconds(1_800_003_600);
static MACHINE: Actor = Actor::machine();
const IDLE: Duration = Duration::from_secs(1_000);
const GRACE: Duration = Duration::from_secs(10);

fn later(seconds: u64) -> Timestamp {
    NOW + Duration::from_secs(seconds)
}

fn new(email: &str, role: Role) -> NewUser {
    NewUser {
        id: UserId::generate(),
        email: Some(EmailAddress::parse(email).unwrap()),
        email_verified: false,
        name: "Somebody".to_owned(),
        roles: role.into(),
        password_hash: Some("hash".to_owned()),
    }
}

async fn made(db: &Db, email: &str, role: Role) -> User {
    UserRepository::new(db.clone())
        .insert(&new(email, role), None, NOW)
        .await
        .unwrap()
}

async fn signed_in(db: &Db, user: &User, token: u8) -> SessionId {
    let session = NewSession {
        id: SessionId::generate(),
        user_id: user.id,
        created_at: NOW,
        expires_at: NOW + IDLE,
        ends_by: NOW + IDLE * 2,
        token: TokenHash([token; 32]),
        device: None,
    };
    SessionRepository::new(db.clone())
        .open(&session, user.version, (session.created_at, UNTIL))
        .await
        .unwrap();
    session.id
}

fn successor(token: u8) -> Successor {
    Successor {
        hash: TokenHash([token; 32]),
        sealed: vec![token],
    }
}

async fn present(db: &Db, token: u8, next: u8, at: Timestamp) -> Rotation {
    let sessions = SessionRepository::new(db.clone());
    sessions
        .rotate(TokenHash([token; 32]), &successor(next), at, (IDLE, GRACE), UNTIL)
        .await
        .unwrap()
}

/// How many events of a type the outbox holds.
async fn events(db: &Db, kind: &str) -> i64 {
    let kind = format!("moocflix.users.user.{kind}");
    let rows = db
        .read()
        .all::<(String,)>("SELECT event FROM outbox", args![])
        .await
        .unwrap();
    let count = rows
        .iter()
        .filter(|(event,)| event.contains(&format!("\"{kind}\"")))
        .count();
    i64::try_from(count).unwrap()
}

#[tokio::test]
async fn an_account_is_found_by_id_and_address_and_an_address_is_taken_once() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let users = UserRepository::new(db.clone());
        let ada = made(&db, "Ada@Example.org", Role::Learner).await;
        assert_eq!(
            (ada.email.as_deref().unwrap(), ada.version, ada.revision),
            ("Ada@Example.org", 1, 1)
        );
        assert_eq!(users.by_id(ada.id).await.unwrap(), Some(ada.clone()));
        assert_eq!(users.by_email_key("ada@example.org").await.unwrap(), Some(ada));
        assert_eq!(users.by_id(UserId::generate()).await.unwrap(), None);
        assert_eq!(users.by_email_key("Ada@Example.org").await.unwrap(), None);
        let again = users.insert(&new("ADA@example.org", Role::Admin), None, NOW).await;
        assert!(matches!(again, Err(NotDone::EmailTaken)));
        assert_eq!(events(&db, "registered").await, 1);
    }
}

#[tokio::test]
async fn accounts_are_listed_by_the_beginning_of_their_address() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let users = UserRepository::new(db.clone());
        for email in [
            "b@x.example",
            "A@x.example",
            "ab@x.example",
            "é@x.example",
            "a_b@x.example",
            "a%b@x.example",
        ] {
            made(&db, email, Role::Learner).await;
        }
        let list = async |prefix: &str, after: &str, limit| -> Vec<String> {
            let found = users.list(prefix, after, limit).await.unwrap();
            found.into_iter().filter_map(|user| user.email).collect()
        };
        assert_eq!(
            list("a", "", 9).await,
            ["a%b@x.example", "A@x.example", "a_b@x.example", "ab@x.example"]
        );
        assert_eq!(list("a_", "", 9).await, ["a_b@x.example"]);
        assert_eq!(list("a%", "", 9).await, ["a%b@x.example"]);
        assert_eq!(list("", "a_b@x.example", 2).await, ["ab@x.example", "b@x.example"]);
        assert_eq!(list("", "b@x.example", 9).await, ["é@x.example"]);
    }
}

#[tokio::test]
async fn a_profile_changes_by_field_and_by_revision() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let users = UserRepository::new(db.clone());
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        made(&db, "eve@x.example", Role::Learner).await;
        let change = ProfileChange {
            bio: Some(Some("Hi".to_owned())),
            ..ProfileChange::default()
        };
        let changed = users.update_profile(ada.id, Some(1), &change, later(1)).await.unwrap();
        assert_eq!(
            (changed.bio.as_deref(), changed.revision, changed.updated_at),
            (Some("Hi"), 2, later(1))
        );
        assert_eq!(changed.version, ada.version);
        let same = users.update_profile(ada.id, None, &change, later(2)).await.unwrap();
        assert_eq!(same, changed);
        let stale = users.update_profile(ada.id, Some(1), &change, later(2)).await;
        assert!(matches!(stale, Err(NotDone::Stale)));
        let cleared = ProfileChange {
            name: Some("Ada".to_owned()),
            email: Some(EmailAddress::parse("Lovelace@x.example").unwrap()),
            bio: Some(None),
            locale: Some(Some("en".to_owned())),
        };
        let cleared = users.update_profile(ada.id, Some(2), &cleared, later(3)).await.unwrap();
        assert_eq!(
            (cleared.bio, cleared.locale.as_deref(), cleared.name.as_str()),
            (None, Some("en"), "Ada")
        );
        assert_eq!(
            users.by_email_key("lovelace@x.example").await.unwrap().unwrap().id,
            ada.id
        );
        let taken = ProfileChange {
            email: Some(EmailAddress::parse("EVE@x.example").unwrap()),
            ..ProfileChange::default()
        };
        assert!(matches!(
            users.update_profile(ada.id, None, &taken, later(4)).await,
            Err(NotDone::EmailTaken)
        ));
        let nobody = users.update_profile(UserId::generate(), None, &change, later(4)).await;
        assert!(matches!(nobody, Err(NotDone::Missing)));
        assert_eq!(events(&db, "updated").await, 2);
    }
}

#[tokio::test]
async fn a_new_password_ends_other_sign_ins_and_raises_the_version() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let (users, sessions) = (UserRepository::new(db.clone()), SessionRepository::new(db.clone()));
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let (here, there) = (signed_in(&db, &ada, 1).await, signed_in(&db, &ada, 2).await);
        users.renew_hash(ada.id, "another", "never").await.unwrap();
        users.renew_hash(ada.id, "hash", "renewed").await.unwrap();
        let stale = users.change_password(&ada, "new", here, later(1), UNTIL).await;
        assert!(matches!(stale, Err(NotDone::Stale)));
        let ada = users.by_id(ada.id).await.unwrap().unwrap();
        assert_eq!((ada.password_hash.as_deref().unwrap(), ada.version), ("renewed", 1));
        let revocation = users.change_password(&ada, "new", here, later(1), UNTIL).await.unwrap();
        assert_eq!((revocation.user_id, revocation.refused), (ada.id, Refused::Below(2)));
        let again = users.change_password(&ada, "new", here, later(1), UNTIL).await.unwrap();
        assert_eq!(
            again.refused,
            Refused::Below(2),
            "a try whose end nobody saw was stored"
        );
        assert_eq!(sessions.by_id(here).await.unwrap().unwrap().ended_at, None);
        assert_eq!(sessions.by_id(there).await.unwrap().unwrap().ended_at, Some(later(1)));
        assert_eq!(
            users.by_id(ada.id).await.unwrap().unwrap().password_hash.unwrap(),
            "new"
        );
        assert_eq!(events(&db, "sessions_ended").await, 1);

        let everywhere = users.end_sessions(ada.id, later(2), UNTIL).await.unwrap();
        assert_eq!(everywhere.refused, Refused::Below(3));
        assert_eq!(sessions.by_id(here).await.unwrap().unwrap().ended_at, Some(later(2)));
        assert!(matches!(
            users.end_sessions(UserId::generate(), NOW, UNTIL).await,
            Err(NotDone::Missing)
        ));
    }
}

#[tokio::test]
async fn an_account_sleeps_and_wakes() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let (users, sessions) = (UserRepository::new(db.clone()), SessionRepository::new(db.clone()));
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let session = signed_in(&db, &ada, 1).await;
        let revocation = users.deactivate(ada.id, later(1), UNTIL).await.unwrap();
        assert_eq!(revocation.refused, Refused::Below(2));
        let again = users.deactivate(ada.id, later(2), UNTIL).await.unwrap();
        assert_eq!(again.refused, Refused::Below(2));
        assert_eq!(sessions.by_id(session).await.unwrap().unwrap().ended_at, Some(later(1)));
        assert_eq!(
            users.by_id(ada.id).await.unwrap().unwrap().deactivated_at,
            Some(later(1))
        );
        assert!(matches!(present(&db, 1, 2, later(2)).await, Rotation::Refused));
        let woken = users.reactivate(ada.id, later(3)).await.unwrap();
        assert_eq!((woken.deactivated_at, woken.version), (None, 2));
        users.reactivate(ada.id, later(4)).await.unwrap();
        assert_eq!(
            (events(&db, "deactivated").await, events(&db, "reactivated").await),
            (1, 1)
        );
        assert!(matches!(
            users.deactivate(UserId::generate(), NOW, UNTIL).await,
            Err(NotDone::Missing)
        ));
        assert!(matches!(
            users.reactivate(UserId::generate(), NOW).await,
            Err(NotDone::Missing)
        ));
    }
}

#[tokio::test]
async fn roles_change_with_the_version_and_one_admin_always_stays() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let users = UserRepository::new(db.clone());
        let (one, two) = (
            made(&db, "one@x.example", Role::Admin).await,
            made(&db, "two@x.example", Role::Admin).await,
        );
        let asleep = made(&db, "asleep@x.example", Role::Admin).await;
        users.deactivate(asleep.id, NOW, UNTIL).await.unwrap();
        let both: Roles = [Role::Learner, Role::Admin].into_iter().collect();
        let (changed, revocation) = users.set_roles(&MACHINE, one.id, &both, later(1), UNTIL).await.unwrap();
        assert_eq!((changed.roles, changed.version), (both.clone(), 2));
        assert_eq!(revocation.unwrap().refused, Refused::Below(2));
        let (_, none) = users.set_roles(&MACHINE, one.id, &both, later(1), UNTIL).await.unwrap();
        assert_eq!(none, None);

        let learner = Roles::from(Role::Learner);
        let (first, second) = tokio::join!(
            users.set_roles(&MACHINE, one.id, &learner, later(2), UNTIL),
            users.set_roles(&MACHINE, two.id, &learner, later(2), UNTIL)
        );
        let refused = [first, second]
            .into_iter()
            .filter(|result| matches!(result, Err(NotDone::LastAdmin)))
            .count();
        assert_eq!(refused, 1);
        let left = if users.by_id(one.id).await.unwrap().unwrap().roles.has(Role::Admin) {
            &one
        } else {
            &two
        };
        assert!(matches!(
            users.deactivate(left.id, later(3), UNTIL).await,
            Err(NotDone::LastAdmin)
        ));
        assert_eq!(users.by_id(left.id).await.unwrap().unwrap().deactivated_at, None);
        assert!(matches!(
            users
                .set_roles(&MACHINE, UserId::generate(), &learner, NOW, UNTIL)
                .await,
            Err(NotDone::Missing)
        ));
        assert_eq!(events(&db, "roles_changed").await, 2);
    }
}

#[tokio::test]
async fn a_sign_in_opens_for_the_version_that_was_checked() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let (users, sessions) = (UserRepository::new(db.clone()), SessionRepository::new(db.clone()));
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let id = signed_in(&db, &ada, 1).await;
        let stored = sessions.by_token(TokenHash([1; 32])).await.unwrap().unwrap();
        assert_eq!((stored.id, stored.user_id, stored.created_at), (id, ada.id, NOW));
        assert_eq!(sessions.by_token(TokenHash([9; 32])).await.unwrap(), None);
        assert_eq!(sessions.by_id(SessionId::generate()).await.unwrap(), None);
        users.end_sessions(ada.id, later(1), UNTIL).await.unwrap();
        let late = NewSession {
            id: SessionId::generate(),
            user_id: ada.id,
            created_at: later(1),
            expires_at: later(9),
            ends_by: later(9),
            token: TokenHash([2; 32]),
            device: None,
        };
        assert!(matches!(
            sessions.open(&late, 1, (late.created_at, UNTIL)).await,
            Err(NotDone::Stale)
        ));
        assert!(sessions.open(&late, 2, (late.created_at, UNTIL)).await.is_ok());
    }
}

#[tokio::test]
async fn refresh_tokens_follow_each_other_with_a_moment_s_grace() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let id = signed_in(&db, &ada, 1).await;
        assert!(matches!(present(&db, 9, 10, later(1)).await, Rotation::Refused));
        assert!(matches!(present(&db, 1, 2, later(1)).await, Rotation::Rotated(session, _) if session.id == id));
        let again = present(&db, 1, 3, later(11)).await;
        assert!(matches!(again, Rotation::Again(_, _, sealed) if sealed == [2]));
        assert!(matches!(present(&db, 2, 4, later(11)).await, Rotation::Rotated(..)));
        let Rotation::Reused(_, Some(revocation)) = present(&db, 1, 5, later(11)).await else {
            panic!("the first token still counts although its successor was used");
        };
        assert_eq!(revocation.refused, Refused::Session(id));
        for token in 1..=5 {
            assert!(
                matches!(present(&db, token, 20 + token, later(12)).await, Rotation::Refused),
                "{token}"
            );
        }
        assert_eq!(events(&db, "session_ended").await, 1);

        let late = signed_in(&db, &ada, 30).await;
        assert!(matches!(present(&db, 30, 31, later(1)).await, Rotation::Rotated(..)));
        assert!(matches!(present(&db, 30, 32, later(12)).await, Rotation::Reused(session, _) if session.id == late));
    }
}

#[tokio::test]
async fn of_many_at_once_one_makes_the_successor() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        signed_in(&db, &ada, 1).await;
        let outcomes = join_all((0..32).map(|at| present(&db, 1, 100 + at, later(1)))).await;
        let rotated = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Rotation::Rotated(..)))
            .count();
        let again = outcomes
            .iter()
            .filter(|outcome| matches!(outcome, Rotation::Again(..)))
            .count();
        assert_eq!((rotated, again), (1, 31));
    }
}

#[tokio::test]
async fn a_sign_in_ends_by_neglect_by_age_and_by_logout() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let sessions = SessionRepository::new(db.clone());
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        signed_in(&db, &ada, 1).await;
        assert!(matches!(present(&db, 1, 2, later(1_000)).await, Rotation::Refused));
        let aged = signed_in(&db, &ada, 3).await;
        assert!(matches!(present(&db, 3, 4, later(900)).await, Rotation::Rotated(..)));
        assert_eq!(sessions.by_id(aged).await.unwrap().unwrap().expires_at, later(1_900));
        assert!(matches!(present(&db, 4, 5, later(1_800)).await, Rotation::Rotated(..)));
        assert_eq!(sessions.by_id(aged).await.unwrap().unwrap().expires_at, later(2_000));
        assert!(matches!(present(&db, 5, 6, later(2_000)).await, Rotation::Refused));

        let left = signed_in(&db, &ada, 7).await;
        let revocation = sessions.end(left, later(5), UNTIL).await.unwrap().unwrap();
        assert_eq!(revocation.refused, Refused::Session(left));
        assert_eq!(sessions.end(left, later(6), UNTIL).await.unwrap(), None);
        assert_eq!(
            sessions.end(SessionId::generate(), later(6), UNTIL).await.unwrap(),
            None
        );
        assert_eq!(sessions.by_id(left).await.unwrap().unwrap().ended_at, Some(later(5)));
        assert_eq!(sessions.forget(later(6)).await.unwrap(), 1);
        assert_eq!(sessions.by_token(TokenHash([7; 32])).await.unwrap(), None);
        assert_eq!(sessions.forget(later(10_000)).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn sign_ins_that_are_over_are_removed_however_many_there_are() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let sessions = SessionRepository::new(db.clone());
        let (ada, bob) = (
            made(&db, "ada@x.example", Role::Learner).await,
            made(&db, "bob@x.example", Role::Learner).await,
        );
        let ended = signed_in(&db, &bob, 0).await;
        sessions.end(ended, NOW, UNTIL).await.unwrap();
        let stays = signed_in(&db, &bob, 1).await;
        for token in 2..=101 {
            signed_in(&db, &ada, token).await;
        }
        // Of Ada's hundred, fifty were ended by the others.
        assert_eq!(sessions.forget(later(1)).await.unwrap(), 51);
        assert!(sessions.by_id(stays).await.unwrap().is_some());
        assert_eq!(sessions.forget(later(10_000)).await.unwrap(), 51);
        assert_eq!(sessions.by_token(TokenHash([101; 32])).await.unwrap(), None);
    }
}

#[tokio::test]
async fn refusals_are_told_while_they_matter() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let (sessions, refusals) = (
            SessionRepository::new(db.clone()),
            RevocationRepository::new(db.clone()),
        );
        let users = UserRepository::new(db.clone());
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let first = signed_in(&db, &ada, 1).await;
        let ended = sessions.end(first, later(1), later(100)).await.unwrap().unwrap();
        let all = users.end_sessions(ada.id, later(2), later(200)).await.unwrap();
        assert_eq!(refusals.live(NOW, later(3)).await.unwrap(), [ended, all]);
        assert_eq!(refusals.live(later(1), later(3)).await.unwrap(), [all]);
        assert_eq!(refusals.live(NOW, later(100)).await.unwrap(), [all]);
        assert_eq!(refusals.forget(later(100)).await.unwrap(), 1);
        assert_eq!(refusals.forget(later(200)).await.unwrap(), 1);
        assert_eq!(refusals.live(NOW, NOW).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_signing_key_is_added_by_one_node() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let keys = KeyRepository::new(db.clone());
        let key = |kid: &str, at: u64| SealedKey {
            kid: kid.to_owned(),
            sealed: vec![1, 2],
            public_key: vec![3],
            created_at: NOW,
            active_from: later(at),
        };
        let (a, b, c) = (key("a", 0), key("b", 0), key("c", 50));
        let (one, two) = tokio::join!(keys.add(&a, None), keys.add(&b, None));
        assert!(one.unwrap() ^ two.unwrap());
        let first = keys.all().await.unwrap();
        assert_eq!(first.len(), 1);
        assert!(keys.add(&c, Some(first[0].active_from)).await.unwrap());
        assert!(!keys.add(&key("d", 60), Some(first[0].active_from)).await.unwrap());
        assert!(keys.all().await.unwrap()[1] == c);
        keys.remove(&first[0].kid).await.unwrap();
        assert_eq!(keys.all().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn an_account_has_fifty_live_sign_ins_and_the_oldest_ends() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let sessions = SessionRepository::new(db.clone());
        let ada = made(&db, "ada@x.example", Role::Learner).await;
        let bob = made(&db, "bob@x.example", Role::Learner).await;
        let other = signed_in(&db, &bob, 100).await;
        let ended = signed_in(&db, &ada, 101).await;
        sessions.end(ended, NOW, UNTIL).await.unwrap();
        let mut live = Vec::new();
        for at in 0..52 {
            let session = NewSession {
                id: SessionId::generate(),
                user_id: ada.id,
                // A provider may have asked for the password long ago; the sign-in is the newest all the same.
                created_at: later(52 - at),
                expires_at: later(1_000),
                ends_by: later(1_000),
                token: TokenHash([u8::try_from(at).unwrap(); 32]),
                device: None,
            };
            let (_, revoked) = sessions.open(&session, ada.version, (later(at), UNTIL)).await.unwrap();
            let refused: Vec<_> = revoked.iter().map(|revocation| revocation.refused).collect();
            let oldest = at.checked_sub(50).and_then(|at| live.get(usize::try_from(at).unwrap()));
            let expected: Vec<_> = oldest.map(|id| Refused::Session(*id)).into_iter().collect();
            assert_eq!(refused, expected, "{at}");
            live.push(session.id);
        }
        for (at, id) in live.iter().enumerate() {
            let ended_at = sessions.by_id(*id).await.unwrap().unwrap().ended_at;
            assert_eq!(ended_at.is_some(), at < 2, "{at}");
        }
        assert_eq!(sessions.by_id(other).await.unwrap().unwrap().ended_at, None);
        assert_eq!(events(&db, "session_ended").await, 3);
        let live = RevocationRepository::new(db).live(NOW, NOW).await.unwrap();
        assert_eq!(live.len(), 2, "other processes hear of both");
    }
}

#[tokio::test]
async fn an_account_knows_the_twenty_devices_that_were_used_last() {
    for fresh in databases(NAME, MIGRATIONS).await.unwrap() {
        let db = fresh.db.clone();
        let sessions = SessionRepository::new(db.clone());
        let (ada, bob) = ("ada@x.example", "bob@x.example");
        let user = made(&db, ada, Role::Learner).await;
        let other = made(&db, bob, Role::Learner).await;
        let sign_in = async |user: &User, device: u8, at: u64| {
            let session = NewSession {
                id: SessionId::generate(),
                user_id: user.id,
                created_at: later(at),
                expires_at: later(1_000),
                ends_by: later(1_000),
                token: TokenHash([u8::try_from(at).unwrap(); 32]),
                device: Some(TokenHash([device; 32])),
            };
            sessions
                .open(&session, user.version, (session.created_at, UNTIL))
                .await
                .unwrap();
        };
        for device in 0..20 {
            sign_in(&user, device, u64::from(device)).await;
        }
        sign_in(&user, 0, 30).await;
        sign_in(&user, 99, 31).await;
        sign_in(&other, 2, 32).await;
        let known = async |device: u8, key: &str| sessions.knows_device(TokenHash([device; 32]), key).await.unwrap();
        for (device, key, is_known) in [
            (0, ada, true),
            (1, ada, false),
            (2, ada, true),
            (2, bob, false),
            (99, ada, true),
        ] {
            assert_eq!(known(device, key).await, is_known, "{device} {key}");
        }
        let users = UserRepository::new(db);
        users.end_sessions(user.id, later(40), UNTIL).await.unwrap();
        assert!(!known(0, ada).await, "a logout everywhere forgets the devices");
    }
}
