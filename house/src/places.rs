//! Which rooms must be there, and what none may be called.

use super::sizes::parse;
use super::tree::Tree;

type Found = Vec<(String, String)>;

/// Names that say nothing.
const EMPTY: [&str; 11] = [
    "util", "utils", "helper", "helpers", "common", "manager", "managers", "base", "misc", "shared", "stuff",
];

/// The rooms of the seed under their names; `{name}.rs` and a folder `{name}` are the same room.
const SEED: [&str; 44] = [
    "content-delivery-service/Cargo.toml",
    "content-delivery-service/config/default.toml",
    "content-delivery-service/migrations/sqlite",
    "content-delivery-service/migrations/postgres",
    "content-delivery-service/tests",
    "content-delivery-service/transcoding-jobs/Cargo.toml",
    "content-delivery-service/src/routes",
    "content-delivery-service/src/controllers/uploads/upload_video",
    "content-delivery-service/src/controllers/videos/fetch_video",
    "content-delivery-service/src/controllers/playback/stream_video",
    "content-delivery-service/src/controllers/videos/delete_video",
    "content-delivery-service/src/controllers/errors",
    "content-delivery-service/src/middlewares/validate_upload",
    "content-delivery-service/src/middlewares/validate_stream",
    "content-delivery-service/src/services/upload_service",
    "content-delivery-service/src/services/transcode_service",
    "content-delivery-service/src/services/stream_service",
    "content-delivery-service/src/repositories",
    "content-delivery-service/src/models",
    "user-management-service/Cargo.toml",
    "user-management-service/config/default.toml",
    "user-management-service/migrations/sqlite",
    "user-management-service/migrations/postgres",
    "user-management-service/tests",
    "user-management-service/src/routes",
    "user-management-service/src/controllers/errors",
    "user-management-service/src/services",
    "user-management-service/src/repositories",
    "user-management-service/src/models",
    "course-management-service/Cargo.toml",
    "course-management-service/config/default.toml",
    "course-management-service/migrations/sqlite",
    "course-management-service/migrations/postgres",
    "course-management-service/tests",
    "course-management-service/src/routes",
    "course-management-service/src/controllers/errors",
    "course-management-service/src/services",
    "course-management-service/src/repositories",
    "course-management-service/src/models",
    "moocflix/src/roles",
    "moocflix/src/compose",
    "moocflix/src/commands",
    "run",
    "test",
];

pub(crate) fn names(tree: &Tree) -> Found {
    let said = |path: &str| {
        let last = path.rsplit('/').next().unwrap_or(path);
        let stem = last.split('.').next().unwrap_or(last);
        EMPTY.contains(&stem.to_lowercase().as_str())
    };
    let rooms = tree.paths.keys().filter(|path| !path.starts_with('.') && said(path));
    rooms
        .map(|path| (path.clone(), "has a name that says nothing".to_owned()))
        .collect()
}

pub(crate) fn seed(tree: &Tree) -> Found {
    let there = |room: &str| tree.paths.contains_key(room) || tree.paths.contains_key(&format!("{room}.rs"));
    let missing = SEED.iter().filter(|it| !there(it));
    missing.map(|it| ((*it).to_owned(), "is missing".to_owned())).collect()
}

pub(crate) fn lints(tree: &Tree) -> Found {
    let mut found = Found::new();
    for package in &tree.packages {
        let path = format!("{}/Cargo.toml", package.folder);
        let manifest = tree.settings.get(&path).map(|text| parse(text));
        let inherits = manifest.and_then(Result::ok).is_some_and(|it| {
            let lints = it.get("lints").and_then(|lints| lints.get("workspace"));
            lints.and_then(toml::Value::as_bool).unwrap_or(false)
        });
        if !inherits {
            found.push((path, "does not take the workspace's lints".to_owned()));
        }
    }
    found
}
