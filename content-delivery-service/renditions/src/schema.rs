//! The tables of lectures, which the service and its workers share.

use crate::repositories::{descriptions, requests};
use backing::db::Migration;

/// The migrations of the schema `content`, the oldest first.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        number: 1,
        name: "videos",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0001_videos.sql"),
        postgres: include_str!("../../migrations/postgres/0001_videos.sql"),
    },
    Migration {
        number: 2,
        name: "playbacks",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0002_playbacks.sql"),
        postgres: include_str!("../../migrations/postgres/0002_playbacks.sql"),
    },
    Migration {
        number: 3,
        name: "plans",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0003_plans.sql"),
        postgres: include_str!("../../migrations/postgres/0003_plans.sql"),
    },
    Migration {
        number: 4,
        name: "changes",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0004_changes.sql"),
        postgres: include_str!("../../migrations/postgres/0004_changes.sql"),
    },
    Migration {
        number: 5,
        name: "descriptions of renditions",
        fill: Some(descriptions::fill),
        sqlite: include_str!("../../migrations/sqlite/0005_descriptions.sql"),
        postgres: include_str!("../../migrations/postgres/0005_descriptions.sql"),
    },
    Migration {
        number: 6,
        name: "requests with a key are backing's",
        fill: Some(requests::fill),
        sqlite: include_str!("../../migrations/sqlite/0006_requests.sql"),
        postgres: include_str!("../../migrations/postgres/0006_requests.sql"),
    },
    Migration {
        number: 7,
        name: "revoked upload keys",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0007_revoked_keys.sql"),
        postgres: include_str!("../../migrations/postgres/0007_revoked_keys.sql"),
    },
    Migration {
        number: 8,
        name: "quotas",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0008_quotas.sql"),
        postgres: include_str!("../../migrations/postgres/0008_quotas.sql"),
    },
    Migration {
        number: 9,
        name: "courses and their members",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0009_courses.sql"),
        postgres: include_str!("../../migrations/postgres/0009_courses.sql"),
    },
    Migration {
        number: 10,
        name: "sharing",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0010_sharing.sql"),
        postgres: include_str!("../../migrations/postgres/0010_sharing.sql"),
    },
    Migration {
        number: 11,
        name: "places of playback sessions",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0011_sessions.sql"),
        postgres: include_str!("../../migrations/postgres/0011_sessions.sql"),
    },
    Migration {
        number: 12,
        name: "how far lectures are watched",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0012_watches.sql"),
        postgres: include_str!("../../migrations/postgres/0012_watches.sql"),
    },
    Migration {
        number: 13,
        name: "networks of viewers without a sign-in",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0013_networks.sql"),
        postgres: include_str!("../../migrations/postgres/0013_networks.sql"),
    },
    Migration {
        number: 14,
        name: "playback sessions that clients open",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0014_clients.sql"),
        postgres: include_str!("../../migrations/postgres/0014_clients.sql"),
    },
    Migration {
        number: 15,
        name: "lists of one status",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0015_statuses.sql"),
        postgres: include_str!("../../migrations/postgres/0015_statuses.sql"),
    },
    Migration {
        number: 16,
        name: "live lectures",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0016_live.sql"),
        postgres: include_str!("../../migrations/postgres/0016_live.sql"),
    },
    Migration {
        number: 17,
        name: "one history of a course and its members",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0017_histories.sql"),
        postgres: include_str!("../../migrations/postgres/0017_histories.sql"),
    },
    Migration {
        number: 18,
        name: "sessions by user and beginning",
        fill: None,
        sqlite: include_str!("../../migrations/sqlite/0018_sessions_by_user.sql"),
        postgres: include_str!("../../migrations/postgres/0018_sessions_by_user.sql"),
    },
];
