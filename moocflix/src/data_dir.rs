//! The data directory: private, locked by one server, with a secret of its own.

use anyhow::{Context, Result, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rustix::fs::{FlockOperation, flock};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::time::{Duration, Instant};

const LOCK: &str = "moocflix.lock";
const SECRET: &str = "secret.key";
const SECRET_BYTES: usize = 32;
const PATIENCE: Duration = Duration::from_secs(1);

/// Creates the folder if it does not exist, accessible only to its owner.
pub(crate) fn prepare(folder: &Path) -> Result<()> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.with_context(|| format!("cannot make the data directory {}", folder.display()))
}

/// The lock of a running server. The system releases it when the process ends, however it ends.
pub(crate) struct Lock {
    _file: File,
}

/// Locks the folder for this server.
pub(crate) fn lock(folder: &Path) -> Result<Lock> {
    let path = folder.join(LOCK);
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&path);
    let mut file = opened.with_context(|| format!("cannot open {}", path.display()))?;
    if !taken_within(&file, PATIENCE) {
        let holder = fs::read_to_string(&path).unwrap_or_default();
        bail!(
            "another MoocFlix server (process {}) uses the data directory {}; stop it, or choose another directory with --data-dir",
            holder.trim(),
            folder.display()
        );
    }
    file.set_len(0)
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .context("cannot write the lock file")?;
    Ok(Lock { _file: file })
}

/// Waits a moment, because the previous server may still be shutting down.
fn taken_within(file: &File, patience: Duration) -> bool {
    let late = Instant::now() + patience;
    while flock(file, FlockOperation::NonBlockingLockExclusive).is_err() {
        if Instant::now() >= late {
            return false;
        }
        std::thread::sleep(PATIENCE / 20);
    }
    true
}

/// The process of the server that uses the folder, if any.
pub(crate) fn holder(folder: &Path) -> Option<String> {
    let path = folder.join(LOCK);
    let file = File::open(&path).ok()?;
    match flock(&file, FlockOperation::NonBlockingLockShared) {
        Ok(()) => None,
        Err(_) => fs::read_to_string(&path).ok().map(|text| text.trim().to_owned()),
    }
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
    use std::os::unix::fs::PermissionsExt;

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
}
