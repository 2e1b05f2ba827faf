//! The state kept between two runs: one small file per upload, readable only by its owner.

use super::about::About;
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

/// What is known of an upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    /// The server was asked to create it, and the response is not known.
    Asked {
        /// The request's `Idempotency-Key`.
        request: String,
        #[serde(flatten)]
        about: About,
    },
    /// It was created.
    Begun(CreatedUpload),
    /// It is complete, and the command waits for the lecture with this id.
    Uploaded { uploaded: String },
}

/// A created upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CreatedUpload {
    /// The upload's address on the server, with its key.
    pub(super) url: String,
    pub(super) video_id: String,
}

/// The files that remember one upload, named by server and source file: at most one of them exists.
#[derive(Debug)]
pub(super) struct State {
    /// The upload that was asked for.
    asked: PathBuf,
    /// The upload that was created.
    created: PathBuf,
}

impl State {
    pub(super) fn of(server: &Server, source: &Source) -> Result<Self> {
        let cache = std::env::var_os("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .filter(|it| it.is_absolute());
        let cache = cache.or_else(|| std::env::home_dir().map(|it| it.join(".cache")));
        let cache = cache.context("there is no home folder for the upload's state")?;
        Ok(Self::in_folder(&cache.join("moocflix"), server, source))
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
            asked: folder.join(format!("requests/{name}.json")),
            created: folder.join(format!("uploads/{name}.json")),
        }
    }

    pub(super) fn read(&self) -> Option<Kept> {
        let read = |path| serde_json::from_slice(&fs::read(path).ok()?).ok();
        read(&self.created).or_else(|| read(&self.asked))
    }

    /// Replaces what is remembered. A file is replaced as a whole, so that it is never read half written.
    pub(super) fn keep(&self, kept: &Kept) -> Result<()> {
        let (path, other) = match kept {
            Kept::Asked { .. } => (&self.asked, &self.created),
            Kept::Begun(_) | Kept::Uploaded { .. } => (&self.created, &self.asked),
        };
        let failed = || format!("{} can't be written", path.display());
        for folder in [path, &self.asked].into_iter().filter_map(|path| path.parent()) {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(folder)
                .with_context(failed)?;
        }
        let aside = self.asked.with_extension(format!("{}.new", std::process::id()));
        let open = fs::OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&aside);
        let mut file = open.with_context(failed)?;
        file.write_all(&serde_json::to_vec(kept)?)
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&aside, path))
            .with_context(failed)?;
        let _ = fs::remove_file(other);
        Ok(())
    }

    pub(super) fn forget(&self) {
        // a missing file needs no removal; if removal fails, the next run finds that the upload is gone
        let _ = fs::remove_file(&self.created);
        let _ = fs::remove_file(&self.asked);
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
        let state = |server: &Server, changed| State::in_folder(folder.path(), server, &source(changed));
        let begun = Kept::Begun(CreatedUpload {
            url: "/api/v1/content/upload/1?k=2".to_owned(),
            video_id: "1".to_owned(),
        });
        let asked = Kept::Asked {
            request: "r".to_owned(),
            about: About::default(),
        };
        let uploaded = Kept::Uploaded {
            uploaded: "1".to_owned(),
        };
        let files = |name| fs::read_dir(folder.path().join(name)).map_or(0, Iterator::count);
        for (kept, places) in [
            (asked.clone(), (1, 0)),
            (begun, (0, 1)),
            (uploaded, (0, 1)),
            (asked, (1, 0)),
        ] {
            state(&server, 5).keep(&kept).expect("written");
            assert_eq!(state(&server, 5).read(), Some(kept));
            assert_eq!((files("requests"), files("uploads")), places, "only the state is left");
        }
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
        let state = State::in_folder(folder.path(), &server, &source(5));
        state
            .keep(&Kept::Uploaded {
                uploaded: String::new(),
            })
            .expect("written");
        let mode = |path: &std::path::Path| fs::metadata(path).expect("facts").permissions().mode() & 0o777;
        assert_eq!(mode(&state.created), 0o600);
        assert_eq!(mode(&folder.path().join("uploads")), 0o700);
    }
}
