use super::*;
use renditions::schema::MIGRATIONS;
use std::time::Duration;
use testing::{TestDatabase, databases};

const NOW: Timestamp = Timestamp::from_seconds(1_800_000_000);
const PLACES: Places = Places {
    of_user: 3,
    of_lecture: 5,
};

async fn video(db: &Db) -> VideoId {
    let id = VideoId::generate();
    let mut tx = db.write().await.unwrap();
    let sql = "INSERT INTO videos (id, owner_id, title, description, status, version, policy_version, generation, \
               created_at, updated_at) VALUES ($1, $2, 'Tides', '', 'ready', 1, 1, 0, $3, $3)";
    tx.run(sql, args![id, UserId::generate(), NOW]).await.unwrap();
    tx.commit().await.unwrap();
    id
}

/// Opens a session without a sign-in and asks for its first media.
async fn begin(test: &TestDatabase, video_id: VideoId, network: i64, now: Timestamp) -> (PlaybackId, Begun) {
    let id = PlaybackId::generate();
    let mut tx = test.db.write().await.unwrap();
    let sql = "INSERT INTO playbacks (id, video_id, user_id, session_id, user_version, policy_version, created_at, expires_at, \
               last_seen_at, network) VALUES ($1, $2, $3, $4, 0, 1, $5, $6, $5, $7)";
    let (nobody, no_sign_in) = (UserId::from(Uuid::nil()), SessionId::from(Uuid::nil()));
    let expires_at = now + Duration::from_secs(900);
    let values = args![id, video_id, nobody, no_sign_in, now, expires_at, network];
    tx.run(sql, values).await.unwrap();
    tx.commit().await.unwrap();
    let leases = LeaseRepository::new(test.db.clone());
    (id, leases.begin(id, PLACES, now).await.unwrap())
}

#[tokio::test]
async fn viewers_without_a_sign_in_share_a_lecture_s_places_fairly_among_networks() {
    for test in databases("content", MIGRATIONS).await.unwrap() {
        let (shared, other) = (video(&test.db).await, video(&test.db).await);
        let mut held = Vec::new();
        for n in 0..5 {
            let (id, begun) = begin(&test, shared, 1, NOW + Duration::from_secs(n)).await;
            assert_eq!(begun, Begun::Live(Vec::new()), "{}", test.name);
            held.push(id);
        }
        let now = NOW + Duration::from_secs(10);
        assert_eq!(begin(&test, shared, 1, now).await.1, Begun::NoPlace, "{}", test.name);
        assert_eq!(begin(&test, other, 1, now).await.1, Begun::Live(Vec::new()));
        // 5 places of network 1, then 4 and 1, then 3 and 2, then 2, 2 and 1.
        for (network, left) in [(2, held[0]), (2, held[1]), (3, held[2])] {
            assert_eq!(
                begin(&test, shared, network, now).await.1,
                Begun::Live(vec![left]),
                "{}",
                test.name
            );
        }
        for network in 1..=4 {
            assert_eq!(
                begin(&test, shared, network, now).await.1,
                Begun::NoPlace,
                "{}",
                test.name
            );
        }
        let later = now + LEASE;
        assert_eq!(
            begin(&test, shared, 4, later).await.1,
            Begun::Live(Vec::new()),
            "{}",
            test.name
        );
        let leases = LeaseRepository::new(test.db.clone());
        assert_eq!(leases.crowd(shared, later).await.unwrap(), [(4, 1)], "{}", test.name);
        assert_eq!(leases.begin(held[0], PLACES, later).await.unwrap(), Begun::Ended);
        assert_eq!(
            leases.begin(held[3], PLACES, later).await.unwrap(),
            Begun::Live(Vec::new())
        );
    }
}

#[tokio::test]
async fn a_session_that_has_begun_is_kept_when_its_place_is_gone() {
    for test in databases("content", MIGRATIONS).await.unwrap() {
        let shared = video(&test.db).await;
        let (silent, _) = begin(&test, shared, 1, NOW).await;
        let later = NOW + LEASE;
        for _ in 0..5 {
            let (_, begun) = begin(&test, shared, 1, later).await;
            assert_eq!(begun, Begun::Live(Vec::new()), "{}", test.name);
        }
        let (refused, begun) = begin(&test, shared, 1, later).await;
        assert_eq!(begun, Begun::NoPlace, "{}", test.name);
        let sql = "SELECT started_at, last_seen_at, ended_at FROM playbacks WHERE id = $1";
        type Kept = (Option<Timestamp>, Timestamp, Option<Timestamp>);
        let kept = async |id: PlaybackId| test.db.read().one::<Kept>(sql, args![id]).await.unwrap();
        assert_eq!(kept(refused).await, None, "{}", test.name);
        let leases = LeaseRepository::new(test.db.clone());
        assert_eq!(leases.begin(silent, PLACES, later).await.unwrap(), Begun::NoPlace);
        assert_eq!(kept(silent).await, Some((Some(NOW), NOW, Some(later))), "{}", test.name);
        assert_eq!(leases.begin(silent, PLACES, later).await.unwrap(), Begun::Ended);
    }
}

#[tokio::test]
async fn no_statement_of_places_reads_a_whole_table() {
    let (user, session) = (UserId::generate(), SessionId::generate());
    let (video, playback) = (VideoId::generate(), PlaybackId::generate());
    for test in databases("content", MIGRATIONS).await.unwrap() {
        let slot = args![user, session, video];
        let replaced = args![user, session, video, playback, NOW];
        for (what, sql, values) in [
            ("the lock of a slot", HOLD, slot),
            ("a slot", REPLACE.into(), replaced),
            ("a user's places", COUNT.into(), args![user, NOW, NOW, playback]),
            ("users' sessions", LIVE, args!["[]", NOW, NOW]),
            ("a crowd", CROWD.into(), args![video, NOW, NOW, playback]),
            ("who gives way", GIVES_WAY.into(), args![video, NOW, NOW, 7_i64, NOW]),
        ] {
            test.reads_by_index(what, sql, values).await;
        }
    }
}
