//! The description of a run.

use crate::error::RunError;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// The resources that a tool may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory; the sandbox may permit less.
    pub memory: u64,
    /// Bytes in one file that the tool writes.
    pub file_size: u64,
    /// Processor time of all threads together.
    pub cpu: Option<Duration>,
    /// The tool's niceness, 0 to 19.
    pub nice: u8,
}

impl Limits {
    /// The niceness of work that somebody waits for: ahead of other tools, behind the API and the players.
    pub const URGENT: u8 = 10;
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 8 << 30,
            file_size: 16 << 30,
            cpu: None,
            nice: 19,
        }
    }
}

/// A tool to run, with everything that it may use.
#[derive(Clone, Debug)]
pub struct Order {
    /// The tool: a name that is looked up in `PATH`, or a path.
    pub tool: OsString,
    /// Its arguments; no shell reads them.
    pub args: Vec<OsString>,
    /// The staging folder: the tool's working directory, removed when this process dies.
    pub folder: PathBuf,
    /// The files that the tool reads, and folders of such files. The system's own files are not listed.
    pub reads: Vec<PathBuf>,
    /// The files and folders that the tool writes to.
    pub writes: Vec<PathBuf>,
    /// The resources that the tool may use.
    pub limits: Limits,
}

impl Order {
    /// Refuses an order with an argument that is an absolute path, alone or behind `file:`, and not listed.
    ///
    /// Other arguments are not checked: relative paths, and paths in the middle of an argument.
    pub(crate) fn check(&self) -> Result<(), RunError> {
        let listed = || self.reads.iter().chain(&self.writes);
        if let Some(path) = listed().find(|path| !is_plain(path)) {
            let message = format!(
                "{} is listed in the order but not a plain absolute path",
                path.display()
            );
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message).into());
        }
        let unlisted = |path: &&Path| !is_plain(path) || !listed().any(|root| path.starts_with(root));
        match self.args.iter().filter_map(|arg| named_path(arg)).find(unlisted) {
            Some(path) => Err(RunError::Unlisted(path.to_owned())),
            None => Ok(()),
        }
    }
}

/// Whether a path is absolute and has no `..`.
fn is_plain(path: &Path) -> bool {
    path.is_absolute() && !path.components().any(|part| part == Component::ParentDir)
}

/// The absolute path that an argument names.
fn named_path(arg: &OsStr) -> Option<&Path> {
    let bytes = arg.as_bytes();
    let path = bytes.strip_prefix(b"file:").unwrap_or(bytes);
    path.starts_with(b"/").then(|| Path::new(OsStr::from_bytes(path)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(args: &[&str]) -> Order {
        Order {
            tool: "tool".into(),
            args: args.iter().map(Into::into).collect(),
            folder: "/data/staging/w/t".into(),
            reads: vec!["/data/objects/source".into(), "/fonts".into()],
            writes: vec!["/data/staging/w/t".into()],
            limits: Limits::default(),
        }
    }

    #[test]
    fn arguments_may_name_the_listed_paths_and_paths_in_them() {
        let named = [
            "-i",
            "file:/data/objects/source",
            "/fonts/dejavu.ttf",
            "/data/staging/w/t/240p.mp4",
            "240p.mp4",
            "scale=320:-2",
        ];
        order(&named).check().unwrap();
    }

    #[test]
    fn an_argument_that_names_any_other_path_is_refused() {
        for other in [
            "/etc/passwd",
            "file:/data/objects/other",
            "/data/objects/source2",
            "/data/staging/w/t/../other",
            "file:/fonts/../secret",
        ] {
            let refused = order(&["-i", other]).check();
            assert!(matches!(refused, Err(RunError::Unlisted(_))), "{other}: {refused:?}");
        }
    }

    #[test]
    fn only_plain_absolute_paths_can_be_listed() {
        for listed in ["source", "/data/../etc"] {
            let mut order = order(&[]);
            order.reads.push(listed.into());
            assert!(matches!(order.check(), Err(RunError::Io(_))), "{listed}");
        }
    }
}
