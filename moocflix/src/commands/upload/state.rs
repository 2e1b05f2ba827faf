//! The state kept between two runs: one small file per upload, readable only by its owner.

use super::address::Server;
use super::source::Source;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// An unfinished upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The upload's address on the server, with its key.
    pub(super) url: String,
    pub(super) video_id: String,
}

/// The file that remembers one upload, named by server and source file.
#[derive(Debug)]
pub(super) struct State {
    path: PathBuf,
}

impl State {
    pub(super) fn of(server: &Server, source: &Source) -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|it| it.is_absolute());
        let cache = cache.or_else(|| std::env::home_dir().map(|it| it.join(".cache")));
        let cache = cache.context("there is no home folder for the upload's state")?;
        Ok(Self::in_folder(&cache.join("moocflix").join("uploads"), server, source))
    }

    fn in_folder(folder: &Path, server: &Server, source: &Source) -> Self {
        let path = source.path.display();
        let key = format!("{}\n{path}\n{}\n{}", server.as_str(), source.length, source.changed);
        let name = Sha256::digest(key).iter().fold(String::new(), |mut name, byte| {
            // writing to a string cannot fail
            let _ = write!(name, "{byte:02x}");
            name
        });
        Self {
            path: folder.join(format!("{name}.json")),
        }
    }

    pub(super) fn read(&self) -> Option<Kept> {
        serde_json::from_slice(&fs::read(&self.path).ok()?).ok()
    }

    pub(super) fn keep(&self, kept: &Kept) -> Result<()> {
        let failed = || format!("{} can't be written", self.path.display());
        if let Some(folder) = self.path.parent() {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(failed)?;
        }
        let open = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&self.path);
        open.with_context(failed)?
            .write_all(&serde_json::to_vec(kept)?)
            .with_context(failed)
    }

    pub(super) fn forget(&self) {
        // a missing file needs no removal; if removal fails, the next run finds that the upload is gone
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(changed: u128) -> Source {
        Source {
            path: "/lectures/one.mp4".into(),
            name: "one.mp4".to_owned(),
            length: 7,
            changed,
        }
    }

    #[test]
    fn an_upload_is_remembered_by_server_and_file_until_it_is_forgotten() {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::parse("localhost:1").expect("an address");
        let state =
            |server: &Server, changed| State::in_folder(&folder.path().join("uploads"), server, &source(changed));
        let kept = Kept {
            url: "/api/v1/content/upload/1?k=2".to_owned(),
            video_id: "1".to_owned(),
        };
        state(&server, 5).keep(&kept).expect("written");
        assert_eq!(state(&server, 5).read(), Some(kept));
        assert_eq!(state(&server, 6).read(), None, "a changed file is another upload");
        assert_eq!(
            state(&Server::parse("localhost:2").expect("an address"), 5).read(),
            None
        );
        state(&server, 5).forget();
        assert_eq!(state(&server, 5).read(), None);
    }

    #[test]
    fn the_key_is_readable_only_by_its_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::parse("localhost:1").expect("an address");
        let state = State::in_folder(&folder.path().join("uploads"), &server, &source(5));
        state
            .keep(&Kept {
                url: String::new(),
                video_id: String::new(),
            })
            .expect("written");
        let mode = |path: &std::path::Path| fs::metadata(path).expect("facts").permissions().mode() & 0o777;
        assert_eq!(mode(&state.path), 0o600);
        assert_eq!(mode(&folder.path().join("uploads")), 0o700);
    }
}
