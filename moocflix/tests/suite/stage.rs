//! A worker's staging folder, and the sandbox that uses it.

use sandbox::Sandbox;
use sandbox::staging::{Staging, TaskFolder};
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

/// The program with which a worker starts guards: its own.
pub(crate) const PROGRAM: &str = env!("CARGO_BIN_EXE_moocflix");
/// Long enough for a loaded machine to start a process.
pub(crate) const SOON: Duration = Duration::from_secs(20);

pub(crate) struct Stage {
    pub(crate) task: TaskFolder,
    pub(crate) data: TempDir,
    _staging: Staging,
}

impl Stage {
    pub(crate) fn set() -> Self {
        let data = tempfile::tempdir().unwrap();
        let staging = Staging::open(data.path()).unwrap();
        let task = staging.task(Uuid::now_v7()).unwrap();
        Self {
            task,
            data,
            _staging: staging,
        }
    }

    /// Whether the task's folder is empty.
    pub(crate) fn is_clean(&self) -> bool {
        std::fs::read_dir(self.task.path()).unwrap().next().is_none()
    }
}

pub(crate) fn sandbox(stall: Duration) -> Sandbox {
    Sandbox::new(PROGRAM, stall)
}
