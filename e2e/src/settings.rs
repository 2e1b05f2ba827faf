//! Locations of files and programs, and the number of rounds.

use anyhow::{Context, Result, ensure};
use std::env;
use std::path::{Path, PathBuf};

fn set(name: &str) -> Option<String> {
    env::var_os(name)
        .and_then(|it| it.into_string().ok())
        .filter(|it| !it.is_empty())
}

/// Whether the tests run their full counts (`./test --long`).
#[must_use]
pub fn long() -> bool {
    set("MOOCFLIX_TEST_LONG").is_some()
}

/// A few rounds by default, the full count with `--long`.
#[must_use]
pub fn rounds(few: usize, full: usize) -> usize {
    if long() { full } else { few }
}

/// The seed of the tests' random numbers; the same seed repeats a run.
#[must_use]
pub fn seed() -> u64 {
    let random = || uuid::Uuid::new_v4().as_u64_pair().0;
    set("MOOCFLIX_TEST_SEED")
        .and_then(|it| it.parse().ok())
        .unwrap_or_else(random)
}

/// The workspace's folder.
#[must_use]
pub fn root() -> &'static Path {
    let own = Path::new(env!("CARGO_MANIFEST_DIR"));
    own.parent().unwrap_or(own)
}

/// Cargo's target folder.
#[must_use]
pub fn target() -> PathBuf {
    set("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// The program under test: `MOOCFLIX_BIN`, or the binary built beside the running test.
pub fn binary() -> Result<PathBuf> {
    let beside = || -> Result<PathBuf> {
        let own = env::current_exe()?;
        Ok(own
            .parent()
            .and_then(Path::parent)
            .context("the test's folder")?
            .join("moocflix"))
    };
    let binary = set("MOOCFLIX_BIN").map_or_else(beside, |it| Ok(it.into()))?;
    ensure!(
        binary.is_file(),
        "{} is not built: cargo build --workspace --bins",
        binary.display()
    );
    Ok(binary)
}

/// The Python with tuspy: `MOOCFLIX_TEST_PYTHON`, or the one that `./test` installs.
pub fn python() -> Result<PathBuf> {
    let python = set("MOOCFLIX_TEST_PYTHON").map_or_else(|| target().join("venv/bin/python"), PathBuf::from);
    ensure!(
        python.exists(),
        "{} does not exist: ./test installs it",
        python.display()
    );
    Ok(python)
}
