//! The data directory, and what `serve` would find in it.

use super::Finding::{self, Doubtful, Good, Missing};
use super::Findings;
use crate::settings::Settings;
use crate::{backends, data_dir, roles};
use backing::db::Inspected;
use backing::space::Reserve;
use rustix::fs::{Access, FsWord, access, statfs, statvfs};
use rustix::io::Errno;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

const GIB: u64 = 1_024 * 1_024 * 1_024;
/// Below this, a lecture may not fit.
const LOW_SPACE: u64 = 5 * GIB;
/// What helps where this user is not the one that MoocFlix runs as.
const OWNER: &str = "run this command as the owner of the data directory, as MoocFlix itself does";
/// How long to wait for the database.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(settings: &Settings, holder: Option<&str>) -> Findings {
    let data_dir = &settings.data_dir;
    let mut findings = vec![("data directory", folder(data_dir))];
    // an absent folder will be on its parent's file system
    if let Some(existing) = data_dir.ancestors().find(|folder| folder.exists()) {
        findings.push(("file system", file_system(existing)));
        let reserve = settings.disk_reserve().unwrap_or(Reserve::Bytes(0));
        // what an upload takes is on this disk, or elsewhere
        let without_room = if settings.storage_url().starts_with("file:") {
            "every upload is refused"
        } else {
            "encoders wait"
        };
        findings.push(("free space", space(existing, reserve, without_room)));
    }
    findings.push(("secret key", secret(settings)));
    findings.push(("database", database(settings, holder).await));
    findings
}

/// Whether this user may not look into the folder, so that what is in it is unknown.
pub(super) fn is_closed(folder: &Path) -> bool {
    match folder.metadata() {
        Ok(_) => access(folder, Access::READ_OK | Access::EXEC_OK) == Err(Errno::ACCESS),
        Err(error) => error.kind() == ErrorKind::PermissionDenied,
    }
}

/// The finding about what is in a folder that is closed to this user.
fn closed() -> Finding {
    Missing(
        "this user may not look into the data directory".to_owned(),
        OWNER.to_owned(),
    )
}

fn folder(folder: &Path) -> Finding {
    let shown = folder.display();
    let Some(existing) = folder.ancestors().find(|folder| folder.exists()) else {
        return Missing(
            format!("{shown} can't be reached"),
            "choose another folder with --data-dir".to_owned(),
        );
    };
    let remedy = format!(
        "give {} to this user (chown), or choose another folder with --data-dir",
        existing.display()
    );
    if !existing.is_dir() {
        return Missing(format!("{} is not a folder", existing.display()), remedy);
    }
    match access(existing, Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) if existing == folder => Good(format!("{shown} is writable")),
        Ok(()) => Good(format!("{shown} does not exist yet; `serve` creates it")),
        Err(_) if is_closed(folder) => Missing(
            format!("{shown} is closed to this user"),
            format!("{OWNER}, or {remedy}"),
        ),
        Err(error) => Missing(format!("{} is not writable: {error}", existing.display()), remedy),
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
            "choose a folder on a disk".to_owned(),
        ),
        Some(name @ ("nfs" | "cifs")) => Doubtful(
            format!("{name}: SQLite's locks are not reliable on it"),
            "choose a local disk, or set database_url to PostgreSQL".to_owned(),
        ),
        Some("overlay") => Doubtful(
            "overlay: all data is lost with the container".to_owned(),
            "mount a volume at the data directory".to_owned(),
        ),
        Some(name) => Good(name.to_owned()),
        None => Good(format!("type {kind:#x}")),
    }
}

fn space(folder: &Path, reserve: Reserve, without_room: &str) -> Finding {
    match statvfs(folder) {
        Ok(stat) => {
            let bytes = |blocks: u64| blocks.saturating_mul(stat.f_frsize);
            room(bytes(stat.f_bavail), reserve.of(bytes(stat.f_blocks)), without_room)
        }
        Err(error) => Missing(format!("unknown: {error}"), "check the disk with df".to_owned()),
    }
}

/// Judges what is free beside what uploads and encoders leave free.
fn room(free: u64, reserve: u64, without_room: &str) -> Finding {
    let text = format!("{}; uploads and encoders leave {} free", in_gib(free), in_gib(reserve));
    let room = free.saturating_sub(reserve);
    if room == 0 {
        let remedy = "free some space, or lower disk_reserve";
        Missing(format!("{text}, so that {without_room}"), remedy.to_owned())
    } else if room < LOW_SPACE {
        let remedy = "free some space; an hour of 1080p takes one to three GiB";
        Doubtful(text, remedy.to_owned())
    } else {
        Good(text)
    }
}

fn in_gib(bytes: u64) -> String {
    format!("{}.{} GiB", bytes / GIB, bytes % GIB * 10 / GIB)
}

fn secret(settings: &Settings) -> Finding {
    if settings.secret_key.is_some() {
        return Good("from the configuration".to_owned());
    }
    if is_closed(&settings.data_dir) {
        return closed();
    }
    match data_dir::existing_secret(&settings.data_dir) {
        Ok(Some(_)) => Good("in the data directory".to_owned()),
        Ok(None) => Good("does not exist yet; `serve` generates it".to_owned()),
        Err(error) if is_denied(&error) => Missing(format!("{error:#}"), OWNER.to_owned()),
        Err(error) => Missing(
            format!("{error:#}"),
            "restore the key from a backup; with a new key, everybody has to sign in again".to_owned(),
        ),
    }
}

fn is_denied(error: &anyhow::Error) -> bool {
    let cause = error.root_cause().downcast_ref::<std::io::Error>();
    cause.is_some_and(|cause| cause.kind() == ErrorKind::PermissionDenied)
}

/// Looks at every schema as `serve` would open it.
async fn database(settings: &Settings, holder: Option<&str>) -> Finding {
    let url = settings.database_url();
    let engine = match url.strip_prefix("sqlite://") {
        Some(folder) if is_closed(Path::new(folder)) => return closed(),
        Some(_) => "SQLite",
        None => "PostgreSQL",
    };
    let remedy = || {
        "start the database, or correct database_url; if it is not set, MoocFlix uses SQLite in the data directory"
            .to_owned()
    };
    match tokio::time::timeout(PATIENCE, inspected(settings)).await {
        Ok(Ok(schemas)) => Good(format!("{engine}: {}", summary(&schemas, holder))),
        Ok(Err(why)) => Missing(why, remedy()),
        Err(_) => Missing(format!("no answer within {} seconds", PATIENCE.as_secs()), remedy()),
    }
}

async fn inspected(settings: &Settings) -> Result<Vec<Inspected>, String> {
    let mut schemas = Vec::new();
    for face in roles::with_schema() {
        let schema = backends::inspect(settings, face).await;
        schemas.push(schema.map_err(|error| format!("{error:#}"))?);
    }
    Ok(schemas)
}

fn summary(schemas: &[Inspected], holder: Option<&str>) -> String {
    let outstanding: usize = schemas
        .iter()
        .map(|schema| match schema {
            Inspected::Outstanding(count) => *count,
            Inspected::Absent | Inspected::InUse => 0,
        })
        .sum();
    let text = if schemas.iter().all(|schema| *schema == Inspected::Absent) {
        "nothing stored yet; `serve` creates the tables"
    } else if outstanding > 0 {
        return match outstanding {
            1 => "1 migration will run at the next start".to_owned(),
            more => format!("{more} migrations will run at the next start"),
        };
    } else if !schemas.contains(&Inspected::InUse) {
        "up to date"
    } else if holder.is_some() {
        "in use by the running MoocFlix"
    } else {
        "in use, or not closed by its last process; the next start recovers it"
    };
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_without_room_beyond_the_reserve_is_a_problem() {
        let room = |free, reserve| room(free, reserve, "encoders wait");
        let text = "55.0 GiB; uploads and encoders leave 126.0 GiB free, so that encoders wait";
        assert!(matches!(room(55 * GIB, 126 * GIB), Missing(found, _) if found == text));
        assert!(matches!(room(12 * GIB, 10 * GIB), Doubtful(..)));
        assert!(matches!(room(55 * GIB, 5 * GIB), Good(_)));
    }

    #[test]
    fn the_databases_state_is_one_sentence() {
        let fresh = [Inspected::Absent, Inspected::Absent];
        assert!(summary(&fresh, None).starts_with("nothing stored yet"));
        let old = [Inspected::Outstanding(2), Inspected::Absent];
        assert_eq!(summary(&old, None), "2 migrations will run at the next start");
        let good = [Inspected::Outstanding(0), Inspected::Outstanding(0)];
        assert_eq!(summary(&good, None), "up to date");
        let open = [Inspected::InUse, Inspected::Outstanding(0)];
        assert_eq!(summary(&open, Some("7")), "in use by the running MoocFlix");
        assert!(summary(&open, None).contains("the next start recovers it"));
    }
}
