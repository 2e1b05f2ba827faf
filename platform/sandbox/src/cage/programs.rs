//! Finds a tool, and the programs and libraries that it needs to start.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Programs that load the libraries of others.
const LOADERS: [&str; 7] = [
    "/lib64/ld-linux-x86-64.so.2",
    "/lib/ld-linux-aarch64.so.1",
    "/lib/ld-linux-riscv64-lp64d.so.1",
    "/lib/ld-linux-armhf.so.3",
    "/lib/ld-linux.so.2",
    "/lib/ld-musl-x86_64.so.1",
    "/lib/ld-musl-aarch64.so.1",
];
/// Libraries, and what leads to them. On Debian, some libraries are links through `/etc/alternatives`.
const LIBRARIES: [&str; 12] = [
    "/lib",
    "/lib32",
    "/lib64",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/etc/alternatives",
    "/etc/ld.so.cache",
    "/etc/ld.so.preload",
    "/etc/ld-musl-x86_64.path",
];
/// Devices that programs take for granted.
pub(crate) const DEVICES: [&str; 2] = ["/dev/null", "/dev/urandom"];
/// The longest first line of a script that the kernel reads.
const FIRST_LINE: u64 = 256;

/// A tool that was found.
#[derive(Debug)]
pub(crate) struct Programs {
    /// The path by which the tool is started.
    pub(crate) tool: PathBuf,
    /// Everything that may be executed, the tool included.
    pub(crate) executable: Vec<PathBuf>,
    /// Folders and files of libraries.
    pub(crate) libraries: Vec<PathBuf>,
}

impl Programs {
    /// Finds the tool in these folders; `None` if it is in none of them.
    ///
    /// The tool may be a script that becomes a program of the same name: the script's interpreter and the programs of that
    /// name may be executed, too.
    pub(crate) fn find(tool: &OsStr, search: &OsStr) -> Option<Self> {
        let folders = || std::env::split_paths(search).filter(|folder| folder.is_absolute());
        let named = |name: &OsStr| -> Vec<PathBuf> {
            folders()
                .map(|folder| folder.join(name))
                .filter(|path| is_program(path))
                .collect()
        };
        let mut executable = if tool.as_bytes().contains(&b'/') {
            let path = std::path::absolute(tool).ok()?;
            if is_program(&path) { vec![path] } else { Vec::new() }
        } else {
            named(tool)
        };
        let tool = executable.first()?.clone();
        let interpreters: Vec<PathBuf> = executable.iter().filter_map(|program| interpreter(program)).collect();
        executable.extend(interpreters);
        executable.extend(LOADERS.map(PathBuf::from).into_iter().filter(|path| path.exists()));
        let mut libraries: Vec<PathBuf> = LIBRARIES
            .map(PathBuf::from)
            .into_iter()
            .filter(|path| path.exists())
            .collect();
        // A build outside the system has its libraries beside it.
        let real = fs::canonicalize(&tool).ok();
        let beside = real.and_then(|real| Some(real.parent()?.parent()?.join("lib")));
        libraries.extend(beside.filter(|lib| lib.is_dir() && !libraries.iter().any(|known| lib.starts_with(known))));
        Some(Self {
            tool,
            executable,
            libraries,
        })
    }
}

fn is_program(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|it| it.is_file() && it.permissions().mode() & 0o111 != 0)
}

/// The program that runs a script.
fn interpreter(script: &Path) -> Option<PathBuf> {
    let mut begin = Vec::new();
    File::open(script).ok()?.take(FIRST_LINE).read_to_end(&mut begin).ok()?;
    let line = begin.strip_prefix(b"#!")?.split(|byte| *byte == b'\n').next()?;
    let mut words = line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty());
    Some(PathBuf::from(OsStr::from_bytes(words.next()?))).filter(|path| path.is_absolute())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_is_found_with_its_interpreter_and_the_programs_of_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let script = folder.path().join("sh");
        fs::write(&script, "#! /usr/bin/env bash\nexec sh\n").unwrap();
        let search = std::env::join_paths([folder.path(), Path::new("/usr/bin")]).unwrap();
        let found = Programs::find(OsStr::new("sh"), &search).unwrap();
        assert_eq!(
            found.tool,
            Path::new("/usr/bin/sh"),
            "a file that can't be executed is no program"
        );
        fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
        let found = Programs::find(OsStr::new("sh"), &search).unwrap();
        assert_eq!(found.tool, script);
        for also in ["/usr/bin/sh", "/usr/bin/env"] {
            assert!(
                found.executable.iter().any(|path| path == Path::new(also)),
                "{also}: {found:?}"
            );
        }
        assert!(found.libraries.iter().any(|path| path == Path::new("/usr/lib")));
        assert!(Programs::find(OsStr::new("no-such-tool"), &search).is_none());
        assert!(Programs::find(OsStr::new("/no/such/tool"), &search).is_none());
    }
}
