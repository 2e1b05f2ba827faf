//! The data directory, and what `serve` would find in it.

use super::Finding::{self, Doubtful, Good, Missing};
use super::Findings;
use crate::settings::Settings;
use crate::{backends, data_dir, roles};
use backing::db::Inspected;
use rustix::fs::{Access, FsWord, access, statfs, statvfs};
use std::path::Path;
use std::time::Duration;

const GIB: u64 = 1_024 * 1_024 * 1_024;
/// Below this, a lecture may not fit.
const LOW_SPACE: u64 = 5 * GIB;
/// How long to wait for the database.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn check(settings: &Settings, holder: Option<&str>) -> Findings {
    let data_dir = &settings.data_dir;
    let mut findings = vec![("data directory", folder(data_dir))];
    // an absent folder will be on its parent's file system
    if let Some(existing) = data_dir.ancestors().find(|folder| folder.exists()) {
        findings.push(("file system", file_system(existing)));
        findings.push(("free space", space(existing)));
    }
    findings.push(("secret key", secret(settings)));
    findings.push(("database", database(settings, holder).await));
    findings
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

fn space(folder: &Path) -> Finding {
    match statvfs(folder) {
        Ok(stat) => {
            let free = stat.f_bavail.saturating_mul(stat.f_frsize);
            let text = format!("{}.{} GiB", free / GIB, free % GIB * 10 / GIB);
            if free < LOW_SPACE {
                let remedy = "free some space; an hour of 1080p takes one to three GiB";
                Doubtful(text, remedy.to_owned())
            } else {
                Good(text)
            }
        }
        Err(error) => Missing(format!("unknown: {error}"), "check the disk with df".to_owned()),
    }
}

fn secret(settings: &Settings) -> Finding {
    if settings.secret_key.is_some() {
        return Good("from the configuration".to_owned());
    }
    match data_dir::existing_secret(&settings.data_dir) {
        Ok(Some(_)) => Good("in the data directory".to_owned()),
        Ok(None) => Good("does not exist yet; `serve` generates it".to_owned()),
        Err(error) => Missing(
            format!("{error:#}"),
            "restore the key from a backup; with a new key, everybody has to sign in again".to_owned(),
        ),
    }
}

/// Looks at every schema as `serve` would open it.
async fn database(settings: &Settings, holder: Option<&str>) -> Finding {
    let engine = if settings.database_url().starts_with("sqlite:") {
        "SQLite"
    } else {
        "PostgreSQL"
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
