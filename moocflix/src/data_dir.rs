//! The data directory: private, locked by one server, with a secret of its own.
//!
//! The folder and what is made in it belong to the user that runs MoocFlix. A folder that everybody may enter was made
//! like this by accident (`mkdir`, a container's volume) and is closed. A folder that its group may enter was made like
//! this on purpose (for a backup, say); then the group may also read what is made from now on, except the secret and
//! other files that are for their owner alone.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{FlockOperation, Mode, flock};
use rustix::io::Errno;
use rustix::process::umask;
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

const LOCK: &str = "moocflix.lock";
const SECRET: &str = "secret.key";
const SECRET_BYTES: usize = 32;
const PATIENCE: Duration = Duration::from_secs(1);
/// The permissions of a folder for its group, and for everybody else.
const GROUP: u32 = 0o070;
const EVERYBODY: u32 = 0o007;

/// Creates the folder if it does not exist, accessible only to its owner.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the data directory {}", folder.display()))
}

/// Keeps other users out of the folder, and out of the files that this process makes from now on.
pub(crate) fn keep_private(folder: &Path) -> Result<()> {
    let found = fs::metadata(folder).with_context(|| format!("cannot look at {}", folder.display()))?;
    let mode = found.permissions().mode() & 0o777;
    if mode & EVERYBODY != 0 {
        let closed = fs::set_permissions(folder, Permissions::from_mode(mode & 0o700));
        match closed {
            Ok(()) => tracing::info!(
                folder = %folder.display(),
                "every user of this machine could enter the data directory: it is closed now"
            ),
            Err(error) => tracing::warn!(
                folder = %folder.display(), %error,
                "every user of this machine can enter the data directory, and it can't be closed"
            ),
        }
    } else if mode & GROUP != 0 {
        tracing::warn!(
            folder = %folder.display(),
            "the group of the data directory can read what is in it; `chmod 700` keeps it out"
        );
        umask(Mode::from_raw_mode(0o027));
        return Ok(());
    }
    umask(Mode::from_raw_mode(0o077));
    Ok(())
}

/// The lock of a running server. The system releases it when the process ends, however it ends.
pub(crate) struct Lock {
    _file: File,
    /// The folder itself is locked, too, because the file can be removed under a running server.
    _folder: File,
}

/// Locks the folder for this server.
pub(crate) fn lock(folder: &Path) -> Result<Lock> {
    let path = folder.join(LOCK);
    let opened = || {
        let opened = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path);
        opened.with_context(|| format!("cannot open {}", path.display()))
    };
    let mut file = opened()?;
    let itself = File::open(folder).with_context(|| format!("cannot open {}", folder.display()))?;
    let taken = within(PATIENCE, || {
        if !is_free(flock(&itself, FlockOperation::NonBlockingLockExclusive)) {
            return Ok(false);
        }
        // The previous holder of the lock may have removed the file, and another server may have created a new one.
        if !is_at(&file, &path) {
            file = opened()?;
        }
        let locked = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        Ok(locked && is_at(&file, &path))
    });
    if !taken? {
        bail!(
            "another MoocFlix server{} uses the data directory {}; stop it, or choose another directory with --data-dir",
            written_holder(&path)
                .map(|process| format!(" (process {process})"))
                .unwrap_or_default(),
            folder.display()
        );
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .context("cannot write the lock file")?;
    Ok(Lock {
        _file: file,
        _folder: itself,
    })
}

/// Whether a lock was taken; a file system that can't lock folders counts as free, because the file is locked, too.
fn is_free(locked: Result<(), Errno>) -> bool {
    locked != Err(Errno::WOULDBLOCK)
}

/// Whether the path leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    let same = |one: &Metadata, other: &Metadata| (one.dev(), one.ino()) == (other.dev(), other.ino());
    matches!((file.metadata(), fs::metadata(path)), (Ok(one), Ok(other)) if same(&one, &other))
}

fn written_holder(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Waits a moment, because the previous server may still be shutting down.
fn within(patience: Duration, mut take: impl FnMut() -> Result<bool>) -> Result<bool> {
    let late = Instant::now() + patience;
    while !take()? {
        if Instant::now() >= late {
            return Ok(false);
        }
        std::thread::sleep(PATIENCE / 20);
    }
    Ok(true)
}

/// The process of the server that uses the folder, if any.
pub(crate) fn holder(folder: &Path) -> Option<String> {
    let path = folder.join(LOCK);
    let mut files = [folder, &path].into_iter().filter_map(|path| File::open(path).ok());
    let held = files.any(|file| !is_free(flock(&file, FlockOperation::NonBlockingLockShared)));
    held.then(|| written_holder(&path).unwrap_or_else(|| "unknown".to_owned()))
}

/// The secret of the installation: the configured one, or a generated one in the data directory.
pub(crate) fn secret(folder: &Path, configured: Option<&SecretString>) -> Result<SecretSlice<u8>> {
    if let Some(text) = configured {
        return Ok(text.expose_secret().as_bytes().to_vec().into());
    }
    if let Some(secret) = existing_secret(folder)? {
        return Ok(secret);
    }
    let path = folder.join(SECRET);
    make_secret(folder, &path).with_context(|| format!("cannot make {}", path.display()))?;
    existing_secret(folder)?.with_context(|| format!("cannot read {}", path.display()))
}

/// The generated secret in the data directory, if there is one; generates none.
pub(crate) fn existing_secret(folder: &Path) -> Result<Option<SecretSlice<u8>>> {
    let path = folder.join(SECRET);
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    match STANDARD.decode(text.trim()) {
        Ok(bytes) if bytes.len() == SECRET_BYTES => Ok(Some(bytes.into())),
        Ok(_) | Err(_) => bail!("{} is not a key that MoocFlix generated", path.display()),
    }
}

/// Writes the key aside and links it, so that it is complete or absent, and only one of two processes makes it.
fn make_secret(folder: &Path, path: &Path) -> Result<()> {
    let mut bytes = [0; SECRET_BYTES];
    File::open("/dev/urandom").and_then(|mut source| std::io::Read::read_exact(&mut source, &mut bytes))?;
    let aside = folder.join(format!("{SECRET}.{}", std::process::id()));
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&aside)?;
    writeln!(file, "{}", STANDARD.encode(bytes))?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(error.into()),
        Ok(()) | Err(_) => Ok(File::open(folder)?.sync_all()?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_made_once_and_readable_only_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        prepare(&data).unwrap();
        let first = secret(&data, None).unwrap();
        assert_eq!(first.expose_secret(), secret(&data, None).unwrap().expose_secret());
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&data.join(SECRET)), 0o600);
        assert_eq!(mode(&data), 0o700);
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1);
    }

    #[test]
    fn a_broken_secret_is_reported_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(SECRET), "short").unwrap();
        assert!(secret(folder.path(), None).is_err());
        assert_eq!(fs::read_to_string(folder.path().join(SECRET)).unwrap(), "short");
    }

    #[test]
    fn a_folder_belongs_to_one_server_until_it_releases_the_lock() {
        let folder = tempfile::tempdir().unwrap();
        let held = lock(folder.path()).unwrap();
        let error = lock(folder.path()).err().unwrap().to_string();
        assert!(
            error.contains(&std::process::id().to_string()) && error.contains("--data-dir"),
            "{error}"
        );
        assert_eq!(holder(folder.path()), Some(std::process::id().to_string()));
        drop(held);
        assert_eq!(holder(folder.path()), None);
        assert!(lock(folder.path()).is_ok());
    }

    #[test]
    fn a_removed_lock_file_lets_no_second_server_in() {
        let folder = tempfile::tempdir().unwrap();
        let _held = lock(folder.path()).unwrap();
        for _ in 0..2 {
            fs::remove_file(folder.path().join(LOCK)).unwrap();
            assert!(lock(folder.path()).is_err());
            assert!(holder(folder.path()).is_some());
        }
    }

    #[test]
    fn a_folder_that_everybody_may_enter_is_closed_and_one_for_its_group_is_not() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for (found, kept, file) in [
            (0o755, 0o700, 0o600),
            (0o777, 0o700, 0o600),
            (0o751, 0o700, 0o600),
            (0o750, 0o750, 0o640),
            (0o700, 0o700, 0o600),
        ] {
            let folder = tempfile::tempdir().unwrap();
            fs::set_permissions(folder.path(), Permissions::from_mode(found)).unwrap();
            keep_private(folder.path()).unwrap();
            fs::write(folder.path().join("piece"), "").unwrap();
            assert_eq!(mode(folder.path()), kept, "{found:o}");
            assert_eq!(mode(&folder.path().join("piece")), file, "{found:o}");
        }
    }
}
