use super::openings::*;
use super::*;
use crate::MIGRATIONS;
use backing::audit::{self, NewEntry};
use backing::outbox;
use backing::space::Space;
use contracts::NewEvent;
use contracts::events::VideoStreamedByAdmin;
use entitlements::models::places::Places;
use entitlements::models::session::NewPlayback;
use entitlements::repositories::lease_repository::{Begun, LeaseRepository};
use entitlements::repositories::playback_key_repository::{PlaybackKeyRepository, SealedKey};
use futures::future::join_all;
use runtime::Spawner;
use std::time::Duration;
use testing::{TestDatabase, databases, until};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);

async fn each_engine() -> Vec<TestDatabase> {
    databases("content", MIGRATIONS).await.unwrap()
}

async fn video(db: &Db, owner: UserId) -> VideoId {
    let id = VideoId::generate();
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'ready', 1, 1, 0, $3, $3)";
    tx.run(sql, args![id, owner, NOW]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

fn session(video_id: VideoId, user_id: UserId) -> NewPlayback {
    NewPlayback {
        id: PlaybackId::generate(),
        video_id,
        user_id,
        session_id: SessionId::generate(),
        user_version: 1,
        policy_version: 1,
        client_id: None,
        regardless: true,
        share_key: None,
        network: None,
        device: "Firefox on Linux".to_owned(),
        created_at: NOW,
        expires_at: NOW + Duration::from_secs(900),
    }
}

/// No ballast, and tasks that nobody waits for.
fn beside() -> (Space, Spawner) {
    (Space::boundless(), Spawner::new())
}

/// Opens a session of somebody who may have any number of places.
async fn open(db: &Db, playback: &NewPlayback) -> Outcome {
    let order = Order {
        playback: playback.clone(),
        audit: None,
    };
    Openings::new(db.clone(), 0, beside()).open(order).await.unwrap()
}

async fn end_now(db: &Db, ending: Ending) -> Vec<PlaybackId> {
    let mut tx = db.write().await.unwrap();
    let ended = end_by(&mut tx, ending, NOW).await.unwrap();
    tx.commit().await.unwrap();
    ended
}

#[tokio::test]
async fn a_session_stands_until_it_is_ended() {
    for engine in each_engine().await {
        let (playbacks, owner) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let new = session(video(&engine.db, owner).await, owner);
        assert!(playbacks.standing(new.id).await.unwrap().is_none(), "{}", engine.name);
        assert_eq!(open(&engine.db, &new).await, Outcome::Open(Vec::new()));
        let standing = playbacks.standing(new.id).await.unwrap().unwrap();
        assert_eq!((standing.video_id, standing.policy_version), (new.video_id, 1));
        assert_eq!((standing.ended_at, standing.deleted_at), (None, None));
        assert!(playbacks.end(new.id, NOW).await.unwrap());
        assert!(!playbacks.end(new.id, NOW + Duration::from_secs(9)).await.unwrap());
        assert_eq!(playbacks.standing(new.id).await.unwrap().unwrap().ended_at, Some(NOW));
    }
}

#[tokio::test]
async fn no_session_is_opened_under_a_policy_that_is_over() {
    for engine in each_engine().await {
        let (playbacks, owner) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let old = NewPlayback {
            policy_version: 0,
            ..session(video(&engine.db, owner).await, owner)
        };
        let data = VideoStreamedByAdmin {
            owner_id: owner,
            admin_id: owner,
        };
        let event = NewEvent::of_video(old.video_id, data.into());
        let entry = NewEntry {
            actor: Some(owner),
            act: "stream_video",
            subject_kind: "video",
            subject: old.video_id.into(),
            owner: Some(owner),
            details: serde_json::json!({}),
            request: None,
        };
        let order = Order {
            playback: old.clone(),
            audit: Some((Some(event), entry)),
        };
        let outcome = Openings::new(engine.db.clone(), 3, beside()).open(order).await.unwrap();
        assert_eq!(outcome, Outcome::NoRight, "{}", engine.name);
        let recorded = audit::entries(engine.db.read(), None, 1).await.unwrap();
        assert_eq!(recorded, []);
        assert!(playbacks.standing(old.id).await.unwrap().is_none());
        assert_eq!(outbox::waiting(&engine.db).await.unwrap(), 0);
    }
}

#[tokio::test]
async fn sessions_that_are_opened_together_have_each_their_own_right_and_place() {
    for engine in each_engine().await {
        let db = &engine.db;
        let (owner, stranger, busy) = (UserId::generate(), UserId::generate(), UserId::generate());
        let (shared, private) = (video(db, owner).await, video(db, owner).await);
        let sql = "UPDATE videos SET visibility = 'signed_in' WHERE id = $1";
        write(db, sql, args![shared]).await;
        let by_right = |video, user| NewPlayback {
            regardless: false,
            ..session(video, user)
        };
        let mut held = Vec::new();
        for n in 0..3 {
            let new = by_right(shared, busy);
            assert_eq!(open(db, &new).await, Outcome::Open(Vec::new()), "{}", engine.name);
            let sql = "UPDATE playbacks SET started_at = $2, last_seen_at = $2 WHERE id = $1";
            write(db, sql, args![new.id, NOW + Duration::from_secs(n)]).await;
            held.insert(0, new);
        }
        let crowd: Vec<_> = (0..40).map(|_| by_right(shared, UserId::generate())).collect();
        let (own, not_theirs) = (by_right(private, owner), by_right(private, stranger));
        let (one_too_many, another_video) = (by_right(shared, busy), by_right(private, busy));
        let in_place = NewPlayback {
            session_id: held[0].session_id,
            ..by_right(shared, busy)
        };
        let outdated = NewPlayback {
            policy_version: 0,
            ..by_right(shared, stranger)
        };
        let all = [&not_theirs, &one_too_many, &another_video, &outdated, &own, &in_place];
        let all: Vec<&NewPlayback> = all.into_iter().chain(&crowd).collect();
        let (openings, before) = (Openings::new(db.clone(), 3, beside()), db.writes());
        let outcomes = join_all(all.iter().map(|&playback| {
            let (playback, audit) = (playback.clone(), None);
            openings.open(Order { playback, audit })
        }));
        let outcomes: Vec<Outcome> = outcomes.await.into_iter().map(Result::unwrap).collect();
        let [refused, full, unseen, late, rest @ ..] = outcomes.as_slice() else {
            panic!()
        };
        assert_eq!([refused, unseen, late], [&Outcome::NoRight; 3], "{}", engine.name);
        let Outcome::NoPlace(live) = full else {
            panic!("{full:?}")
        };
        assert!(live.iter().map(|it| it.id).eq(held.iter().map(|it| it.id)), "{live:?}");
        assert!(rest.iter().all(|it| *it == Outcome::Open(Vec::new())), "{rest:?}");
        let playbacks = PlaybackRepository::new(db.clone());
        for (playback, outcome) in all.iter().zip(&outcomes) {
            let is_there = playbacks.standing(playback.id).await.unwrap().is_some();
            assert_eq!(
                is_there,
                matches!(outcome, Outcome::Open(_)),
                "{}: {outcome:?}",
                engine.name
            );
        }
        let statements = db.writes() - before;
        assert!(statements < 40, "{}: {statements} for 46 sessions", engine.name);
    }
}

#[tokio::test]
async fn the_end_of_a_sign_in_ends_its_open_sessions() {
    for engine in each_engine().await {
        let (playbacks, owner) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let video = video(&engine.db, owner).await;
        let (one, two) = (session(video, owner), session(video, owner));
        for new in [&one, &two] {
            open(&engine.db, new).await;
        }
        let ending = Ending::SignIn(one.session_id);
        assert_eq!(end_now(&engine.db, ending).await, [one.id], "{}", engine.name);
        assert_eq!(end_now(&engine.db, ending).await, []);
        assert_eq!(playbacks.ended_since(NOW).await.unwrap(), [one.id]);
        assert_eq!(playbacks.ended_since(NOW + Duration::from_micros(1)).await.unwrap(), []);
    }
}

#[tokio::test]
async fn a_newer_version_of_a_user_ends_what_older_ones_opened() {
    for engine in each_engine().await {
        let user = UserId::generate();
        let (own, other) = (
            video(&engine.db, user).await,
            video(&engine.db, UserId::generate()).await,
        );
        let mine = session(own, user);
        let theirs = session(other, user);
        let later = NewPlayback {
            user_version: 2,
            ..session(other, user)
        };
        let somebodys = session(own, UserId::generate());
        for new in [&mine, &theirs, &later, &somebodys] {
            open(&engine.db, new).await;
        }
        let ended = end_now(&engine.db, Ending::OthersBelow(user, 2)).await;
        assert_eq!(ended, [theirs.id], "{}", engine.name);
        let ended = end_now(&engine.db, Ending::Below(user, 2)).await;
        assert_eq!(ended, [mine.id], "{}", engine.name);
    }
}

/// Waits until a transaction waits for another's lock. SQLite has no locks of rows: there, none would have begun.
async fn until_one_waits(test: &TestDatabase) {
    if !test.db.is_postgres() {
        return;
    }
    let sql = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    until("a transaction waits", || async {
        let waiting: Vec<(i64,)> = test.db.read().all(sql, args![]).await.unwrap();
        !waiting.is_empty()
    })
    .await;
}

#[tokio::test]
async fn many_sessions_are_ended_in_the_order_in_which_other_changes_lock_them() {
    for (engine, deleted) in each_engine().await.iter().flat_map(|it| [(it, false), (it, true)]) {
        let (playbacks, user) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let video = video(&engine.db, user).await;
        let mut opened = [session(video, user), session(video, user)];
        opened[1].session_id = opened[0].session_id;
        opened.sort_unstable_by_key(|new| new.id);
        let [low, high] = opened;
        // The table has the higher id first.
        for new in [&high, &low] {
            open(&engine.db, new).await;
        }
        let mut other = engine.db.write().await.unwrap();
        let touch = "UPDATE playbacks SET last_seen_at = last_seen_at WHERE id = $1";
        other.run(touch, args![low.id]).await.unwrap();
        let ending = async {
            let mut tx = engine.db.write().await.unwrap();
            if deleted {
                forget(&mut tx, video, NOW).await.unwrap();
            } else {
                end_by(&mut tx, Ending::SignIn(low.session_id), NOW).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        let other = async {
            until_one_waits(engine).await;
            other.run(touch, args![high.id]).await.unwrap();
            other.commit().await.unwrap();
        };
        tokio::join!(ending, other);
        for id in [low.id, high.id] {
            let standing = playbacks.standing(id).await.unwrap().unwrap();
            assert_eq!(standing.ended_at, Some(NOW), "{}", engine.name);
        }
    }
}

#[tokio::test]
async fn the_session_that_was_not_seen_for_the_longest_time_ends_for_one_too_many() {
    for engine in each_engine().await {
        let (playbacks, user) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let video = video(&engine.db, user).await;
        let mut opened = Vec::new();
        for n in 0..u64::try_from(MAX_OF_USER).unwrap() {
            let created_at = NOW + Duration::from_secs(n);
            let new = NewPlayback {
                created_at,
                ..session(video, user)
            };
            assert_eq!(
                open(&engine.db, &new).await,
                Outcome::Open(Vec::new()),
                "{}",
                engine.name
            );
            opened.push(new.id);
        }
        open(&engine.db, &session(video, UserId::generate())).await;
        let later = NOW + Duration::from_secs(300);
        playbacks.saw(&[(opened[0], later)]).await.unwrap();
        for (n, ended) in [(0, opened[1]), (61, opened[2])] {
            let new = NewPlayback {
                created_at: later + Duration::from_secs(n),
                ..session(video, user)
            };
            assert_eq!(
                open(&engine.db, &new).await,
                Outcome::Open(vec![ended]),
                "{}",
                engine.name
            );
        }
        // The row of the first one that ended is gone, the other nodes have yet to see the second end.
        assert!(
            playbacks.standing(opened[1]).await.unwrap().is_none(),
            "{}",
            engine.name
        );
        assert!(playbacks.standing(opened[2]).await.unwrap().unwrap().ended_at.is_some());
        assert!(playbacks.standing(opened[0]).await.unwrap().unwrap().ended_at.is_none());
    }
}

#[tokio::test]
async fn changed_policies_are_found_and_old_sessions_forgotten() {
    for engine in each_engine().await {
        let (playbacks, owner) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let new = session(video(&engine.db, owner).await, owner);
        open(&engine.db, &new).await;
        let policies = playbacks.policies_since(NOW).await.unwrap();
        let policies: Vec<_> = policies
            .iter()
            .map(|policy| (policy.id, policy.policy_version))
            .collect();
        assert_eq!(policies, [(new.video_id, 1)], "{}", engine.name);
        assert!(
            playbacks
                .policies_since(NOW + Duration::from_micros(1))
                .await
                .unwrap()
                .is_empty()
        );
        playbacks
            .saw(&[(new.id, NOW + Duration::from_secs(5)), (new.id, NOW)])
            .await
            .unwrap();
        assert_eq!(playbacks.forget_before(new.expires_at).await.unwrap(), 0);
        assert_eq!(
            playbacks
                .forget_before(new.expires_at + Duration::from_secs(1))
                .await
                .unwrap(),
            1
        );
    }
}

#[tokio::test]
async fn sessions_that_have_ended_or_are_forgotten_are_told_to_whoever_saw_them() {
    for engine in each_engine().await {
        let (playbacks, user) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let video = video(&engine.db, user).await;
        let sessions = [session(video, user), session(video, user)];
        for new in &sessions {
            open(&engine.db, new).await;
        }
        let [living, ended] = sessions.map(|new| new.id);
        let sql = "UPDATE playbacks SET ended_at = $2 WHERE id = $1";
        write(&engine.db, sql, args![ended, NOW]).await;
        let forgotten = PlaybackId::generate();
        let later = NOW + Duration::from_secs(5);
        let mut over = playbacks
            .saw(&[living, ended, forgotten].map(|id| (id, later)))
            .await
            .unwrap();
        over.sort_unstable();
        let mut expected = vec![ended, forgotten];
        expected.sort_unstable();
        assert_eq!(over, expected, "{}", engine.name);
    }
}

async fn write(db: &Db, sql: &'static str, values: Vec<backing::db::Value>) {
    let mut tx = db.write().await.unwrap();
    tx.run(sql, values).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn the_attendance_of_a_live_lecture_is_kept_as_long_as_the_lecture() {
    let at = |seconds| NOW + Duration::from_secs(seconds);
    for engine in each_engine().await {
        let (playbacks, user) = (PlaybackRepository::new(engine.db.clone()), UserId::generate());
        let leases = LeaseRepository::new(engine.db.clone());
        let live = video(&engine.db, user).await;
        let sql = "INSERT INTO live_lectures (video_id, owner_id, ended_at, key_version, lease) \
                   VALUES ($1, $2, $3, 1, 0)";
        write(&engine.db, sql, args![live, user, at(10)]).await;
        let stranger = NewPlayback {
            network: Some(7),
            ..session(live, UserId::from(uuid::Uuid::nil()))
        };
        let (present, late) = (session(live, user), session(live, user));
        for (new, begun) in [(&stranger, 0), (&present, 0), (&late, 20)] {
            open(&engine.db, new).await;
            let places = Places {
                of_user: 3,
                of_lecture: 0,
            };
            let begins = leases.begin(new.id, places, at(begun)).await.unwrap();
            assert_eq!(begins, Begun::Live(vec![]), "{}", engine.name);
            assert!(playbacks.end(new.id, at(begun + 1)).await.unwrap());
        }
        let kept = async || {
            let mut kept = Vec::new();
            for new in [&stranger, &present, &late] {
                kept.push(playbacks.standing(new.id).await.unwrap().is_some());
            }
            kept
        };
        let another = NewPlayback {
            created_at: at(200),
            ..session(live, user)
        };
        open(&engine.db, &another).await;
        assert_eq!(kept().await, [true, true, false], "{}", engine.name);
        playbacks.forget_before(at(901)).await.unwrap();
        assert_eq!(kept().await, [false, true, false], "{}", engine.name);
        let sql = "UPDATE videos SET deleted_at = $2 WHERE id = $1";
        write(&engine.db, sql, args![live, at(901)]).await;
        playbacks.forget_before(at(901)).await.unwrap();
        assert_eq!(kept().await, [false, false, false], "{}", engine.name);
    }
}

#[tokio::test]
async fn the_newest_key_comes_first() {
    for engine in each_engine().await {
        let keys = PlaybackKeyRepository::new(engine.db.clone());
        for (id, at) in [(vec![1], NOW), (vec![2], NOW + Duration::from_secs(1))] {
            keys.add(&SealedKey { id, sealed: vec![9] }, at).await.unwrap();
        }
        let ids: Vec<_> = keys.all().await.unwrap().into_iter().map(|key| key.id).collect();
        assert_eq!(ids, [[2], [1]], "{}", engine.name);
    }
}

#[tokio::test]
async fn who_opens_sessions_without_a_sign_in_and_asks_for_nothing_pushes_out_only_their_own() {
    for engine in each_engine().await {
        let playbacks = PlaybackRepository::new(engine.db.clone());
        let (owner, nobody) = (UserId::generate(), UserId::from(uuid::Uuid::nil()));
        let (shared, other) = (video(&engine.db, owner).await, video(&engine.db, owner).await);
        let from = |network, video| NewPlayback {
            network: Some(network),
            ..session(video, nobody)
        };
        let (elsewhere, beside, begun) = (from(1, shared), from(2, other), from(2, shared));
        let oldest = from(2, shared);
        for new in [&elsewhere, &beside, &begun, &oldest] {
            open(&engine.db, new).await;
        }
        let leases = LeaseRepository::new(engine.db.clone());
        let any = Places {
            of_user: 3,
            of_lecture: 0,
        };
        assert_eq!(
            leases.begin(begun.id, any, NOW).await.unwrap(),
            Begun::Live(vec![]),
            "{}",
            engine.name
        );
        for n in 0..u64::try_from(MAX_OPENED).unwrap() {
            let created_at = NOW + Duration::from_secs(1 + n);
            let new = NewPlayback {
                created_at,
                ..from(2, shared)
            };
            assert_eq!(open(&engine.db, &new).await, Outcome::Open(Vec::new()));
        }
        assert!(
            playbacks.standing(oldest.id).await.unwrap().is_none(),
            "{}",
            engine.name
        );
        for kept in [elsewhere, beside, begun] {
            let standing = playbacks.standing(kept.id).await.unwrap();
            assert_eq!(standing.unwrap().ended_at, None, "{}", engine.name);
        }
    }
}

#[tokio::test]
async fn no_statement_of_sessions_reads_a_whole_table() {
    let (user, video, playback) = (UserId::generate(), VideoId::generate(), PlaybackId::generate());
    for test in each_engine().await {
        for (what, sql, values) in [
            ("a session", STANDING.into(), args![playback]),
            ("users' old ends", FORGET_ENDED, args!["[]", NOW]),
            ("users with too many", CROWDED, args!["[]", MAX_OF_USER]),
            ("a user's oldest", OLDEST.into(), args![user, MAX_OF_USER]),
            ("a network's oldest", FORGET_OPENED, args![video, 7_i64, MAX_OPENED]),
            ("ends", ENDED_SINCE.into(), args![NOW]),
            ("policies", POLICIES_SINCE.into(), args![NOW]),
            ("a video's sessions", OF_VIDEO.into(), args![video]),
            ("a client's sessions", OF_CLIENT.into(), args![ClientId::generate()]),
            ("a sign-in's sessions", OF_SIGN_IN.into(), args![SessionId::generate()]),
            ("older sessions", BELOW.into(), args![user, 2_i64]),
            ("older sessions of others", OTHERS_BELOW.into(), args![user, 2_i64]),
            ("the end of some", END_ALL, args![NOW, "[]"]),
            ("what ran out", FORGET_BEFORE, args![NOW]),
        ] {
            test.reads_by_index(what, sql, values).await;
        }
    }
}
