//! The doctor's checks.

use super::Finding::{self, Doubtful, Good, Missing};
use crate::settings::Settings;
use crate::{backends, data_dir};
use rustix::fs::{FsWord, statfs, statvfs};
use rustix::process::{Resource, getrlimit};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::process::Command;

const GIB: u64 = 1_024 * 1_024 * 1_024;
/// Below this, a lecture may not fit.
const LOW_SPACE: u64 = 5 * GIB;
/// How long to wait for the database.
const PATIENCE: Duration = Duration::from_secs(10);
const LOW_OPEN_FILES: u64 = 4_096;

/// Runs every check.
pub(super) async fn all(settings: &Settings) -> Vec<(&'static str, Finding)> {
    let mut findings = vec![
        ("ffmpeg", program("ffmpeg").await),
        ("ffprobe", program("ffprobe").await),
        ("data directory", folder(&settings.data_dir)),
    ];
    if settings.data_dir.is_dir() {
        findings.push(("file system", file_system(&settings.data_dir)));
        findings.push(("free space", space(&settings.data_dir)));
        findings.push(("secret key", secret(settings)));
        findings.push(("database", database(settings).await));
    }
    let holder = data_dir::holder(&settings.data_dir);
    findings.push(("address", address(&settings.listen, holder.as_deref()).await));
    if let Some(listen) = &settings.metrics_listen {
        findings.push(("metrics", address(listen, holder.as_deref()).await));
    }
    findings.push(("open files", open_files()));
    findings
}

async fn program(name: &'static str) -> Finding {
    match Command::new(name).arg("-version").output().await {
        Ok(output) if output.status.success() => {
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            Good(
                text.lines()
                    .next()
                    .and_then(|line| line.split(" Copyright").next())
                    .unwrap_or_default()
                    .to_owned(),
            )
        }
        Ok(output) => Missing(
            format!("{name} fails: {}", output.status),
            "apt-get install --reinstall ffmpeg".to_owned(),
        ),
        Err(_) => Missing(
            format!("{name} is not on the PATH"),
            "apt-get install ffmpeg".to_owned(),
        ),
    }
}

fn folder(folder: &Path) -> Finding {
    let shown = folder.display();
    let how = || format!("give {shown} to this user (chown), or choose another folder with --data-dir");
    if let Err(error) = data_dir::prepare(folder) {
        return Missing(format!("{error:#}"), how());
    }
    let probe = folder.join(format!(".doctor.{}", std::process::id()));
    let written = fs::File::create(&probe).and_then(|mut file| file.write_all(b"x").and_then(|()| file.sync_all()));
    let removed = fs::remove_file(&probe);
    match written.and(removed) {
        Ok(()) => Good(format!("{shown} is writable")),
        Err(error) => Missing(format!("{shown} is not writable: {error}"), how()),
    }
}

/// Source: statfs(2), the magic numbers of file systems
fn file_system(folder: &Path) -> Finding {
    let kind = match statfs(folder) {
        Ok(stat) => stat.f_type,
        Err(error) => {
            return Missing(format!("unknown: {error}"), "check the disk with dmesg".to_owned());
        }
    };
    let known: [(FsWord, &str); 8] = [
        (0xef53, "ext4"),
        (0x5846_5342, "xfs"),
        (0x9123_683e, "btrfs"),
        (0x2fc1_2fc1, "zfs"),
        (0x794c_7630, "overlay"),
        (0x0102_1994, "tmpfs"),
        (0x6969, "nfs"),
        (0xff53_4d42, "cifs"),
    ];
    match known.iter().find(|(magic, _)| *magic == kind).map(|(_, name)| *name) {
        Some("tmpfs") => Doubtful(
            "tmpfs: all data is lost at the next boot".to_owned(),
            "choose a folder on a disk",
        ),
        Some(name @ ("nfs" | "cifs")) => Doubtful(
            format!("{name}: SQLite's locks are not reliable on it"),
            "choose a local disk, or set database_url to PostgreSQL",
        ),
        Some("overlay") => Doubtful(
            "overlay: all data is lost with the container".to_owned(),
            "mount a volume at the data directory",
        ),
        Some(name) => Good(name.to_owned()),
        None => Good(format!("type {kind:#x}")),
    }
}

fn space(folder: &Path) -> Finding {
    match statvfs(folder) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{}.{} GiB", free / GIB, free % GIB * 10 / GIB);
            if free < LOW_SPACE {
                Doubtful(text, "free some space; an hour of 1080p takes one to three GiB")
            } else {
                Good(text)
            }
        }
        Err(error) => Missing(format!("unknown: {error}"), "check the disk with df".to_owned()),
    }
}

fn secret(settings: &Settings) -> Finding {
    match data_dir::secret(&settings.data_dir, settings.secret_key.as_ref()) {
        Ok(_) if settings.secret_key.is_some() => Good("from the configuration".to_owned()),
        Ok(_) => Good("in the data directory".to_owned()),
        Err(error) => Missing(
            format!("{error:#}"),
            "restore the key from a backup; with a new key, everybody has to sign in again".to_owned(),
        ),
    }
}

/// Opens the first schema, which also tests passwords and permissions.
async fn database(settings: &Settings) -> Finding {
    let how = || {
        "start the database, or correct database_url; if it is not set, MoocFlix uses SQLite in the data directory"
            .to_owned()
    };
    let asked = async {
        let db = backends::schema(settings, &user_management_service::FACE)
            .await
            .map_err(|error| format!("{error:#}"))?;
        backends::ask(&db).await
    };
    match tokio::time::timeout(PATIENCE, asked).await {
        Ok(Ok(())) if settings.database_url().starts_with("sqlite:") => Good("SQLite answers".to_owned()),
        Ok(Ok(())) => Good("PostgreSQL answers".to_owned()),
        Ok(Err(why)) => Missing(why, how()),
        Err(_) => Missing(format!("no answer within {} seconds", PATIENCE.as_secs()), how()),
    }
}

async fn address(listen: &str, holder: Option<&str>) -> Finding {
    match (TcpListener::bind(listen).await, holder) {
        (Ok(_), _) => Good(format!("{listen} is free")),
        (Err(error), Some(process)) if error.kind() == ErrorKind::AddrInUse => {
            Good(format!("{listen} is taken: MoocFlix is running (process {process})"))
        }
        (Err(error), None) if error.kind() == ErrorKind::AddrInUse => Missing(
            format!("{listen} is taken by another program"),
            "stop that program, or choose another port with --listen".to_owned(),
        ),
        (Err(error), _) => Missing(
            format!("{listen}: {error}"),
            "choose an address of this machine with --listen".to_owned(),
        ),
    }
}

fn open_files() -> Finding {
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < LOW_OPEN_FILES => Doubtful(
            format!("at most {most}"),
            "raise the hard limit (LimitNOFILE= in systemd); a viewer needs one or two",
        ),
        Some(most) => Good(format!("at most {most}")),
        None => Good("no limit".to_owned()),
    }
}
