//! The space on the disks that hold MoocFlix's data, and the reserve that uploads and encoders leave free.
//!
//! The reserve is for everything else: sign-ins, streams and deletions go on when uploads have filled the rest. If
//! another program fills the disk to its end, a file of reserved blocks, the ballast, can be given up once, so that a
//! deletion has room to be written down.

use crate::metric;
use rustix::fs::{FallocateFlags, fallocate, statvfs};
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long an answer of the disk is used again.
const FRESH: Duration = Duration::from_secs(1);
/// How often the disks are looked at if nothing asks.
const LOOK: Duration = Duration::from_secs(5);
/// The least reserve that a share of the disk amounts to.
const LEAST: u64 = 1 << 30;
/// The size of the ballast, unless a quarter of the reserve is less.
const BALLAST: u64 = 32 << 20;

/// How much of a disk is left free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reserve {
    /// A number of bytes; 0 leaves nothing free.
    Bytes(u64),
    /// Hundredths of the disk, but at least 1 GiB.
    Percent(u8),
}

impl FromStr for Reserve {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, &'static str> {
        let percent = text.strip_suffix('%').map(|number| number.trim_end().parse());
        match percent {
            Some(Ok(percent @ 0..=50)) => Ok(Self::Percent(percent)),
            Some(_) => Err("must be 0% to 50%"),
            None => text
                .parse()
                .map(Self::Bytes)
                .map_err(|_| "must be a number of bytes, or a share of the disk such as 2%"),
        }
    }
}

impl Reserve {
    /// What it amounts to on a disk of this size.
    ///
    /// Units: bytes
    #[must_use]
    pub fn of(self, size: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => (size / 100).saturating_mul(percent.into()).max(LEAST),
        }
    }
}

/// The disks; clones share them.
#[derive(Clone)]
pub struct Space(Arc<Disks>);

struct Disks {
    /// Where the databases and the staging folders are.
    data: Option<Disk>,
    /// Where the lectures are, if they are on this machine.
    objects: Option<Disk>,
    ballast: Option<PathBuf>,
}

struct Disk {
    folder: PathBuf,
    holds: &'static str,
    reserve: Reserve,
    seen: Mutex<Seen>,
}

/// The last answer of a disk.
#[derive(Default)]
struct Seen {
    at: Option<Instant>,
    /// Bytes that are free.
    free: u64,
    /// Bytes that are free beyond the reserve, less what was taken since.
    room: u64,
    reserve: u64,
    is_low: bool,
}

impl Space {
    /// The disks of a data folder and of the store of lectures, if that is a folder.
    #[must_use]
    pub fn of(data: &Path, objects: Option<&Path>, reserve: Reserve) -> Self {
        let disk = |folder: &Path, holds| Disk {
            folder: folder.to_owned(),
            holds,
            reserve,
            seen: Mutex::default(),
        };
        Self(Arc::new(Disks {
            data: Some(disk(data, "data")),
            objects: objects.map(|folder| disk(folder, "objects")),
            ballast: Some(data.join("ballast")),
        }))
    }

    /// Space without a limit, for stores that are elsewhere.
    #[must_use]
    pub fn boundless() -> Self {
        Self(Arc::new(Disks {
            data: None,
            objects: None,
            ballast: None,
        }))
    }

    /// A folder beside the data, for what may be lost.
    #[must_use]
    pub fn folder(&self, name: &str) -> Option<PathBuf> {
        self.0.data.as_ref().map(|disk| disk.folder.join(name))
    }

    /// How many bytes of lectures there is room for right now.
    #[must_use]
    pub fn room(&self) -> u64 {
        self.0.objects.as_ref().map_or(u64::MAX, Disk::room)
    }

    /// Takes room for bytes of a lecture that are about to be stored; `false` if there is not that much.
    #[must_use]
    pub fn take(&self, bytes: u64) -> bool {
        self.0.objects.as_ref().is_none_or(|disk| disk.take(bytes))
    }

    /// Whether so many bytes fit beside the data without touching the reserve.
    #[must_use]
    pub fn has_room_for_data(&self, bytes: u64) -> bool {
        self.0.data.as_ref().is_none_or(|disk| disk.room() >= bytes)
    }

    /// Whether the reserve is touched on any of the disks.
    #[must_use]
    pub fn is_low(&self) -> bool {
        let disks = [&self.0.data, &self.0.objects];
        disks.into_iter().flatten().any(|disk| disk.look().is_low)
    }

    /// Gives the ballast's bytes back to the disk; `false` if there is no ballast any more.
    pub async fn release_ballast(&self) -> bool {
        let Some(path) = self.0.ballast.clone() else {
            return false;
        };
        let removed = tokio::task::spawn_blocking(move || fs::remove_file(path)).await;
        match removed {
            Ok(Ok(())) => {
                tracing::warn!("the disk is full: the ballast was given up for a deletion or a playback");
                self.forget();
                true
            }
            Ok(Err(error)) if error.kind() == ErrorKind::NotFound => false,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the ballast could not be given up");
                false
            }
            Err(_) => false,
        }
    }

    /// Looks at the disks and keeps the ballast until `shutdown`.
    pub async fn watch(self, shutdown: impl Future<Output = ()> + Send) {
        let watch = async {
            loop {
                let here = self.clone();
                // A disk that does not answer holds up a thread for blocking work, and nothing else.
                let _ = tokio::task::spawn_blocking(move || here.look()).await;
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            () = shutdown => {}
            () = watch => {}
        }
    }

    fn look(&self) {
        for disk in [&self.0.data, &self.0.objects].into_iter().flatten() {
            drop(disk.look());
        }
        if let (Some(disk), Some(path)) = (&self.0.data, &self.0.ballast)
            && let Err(error) = keep_ballast(disk, path)
        {
            tracing::warn!(%error, "there is no ballast: on a full disk, deletions may fail");
        }
    }

    /// What was seen before is no longer true.
    fn forget(&self) {
        for disk in [&self.0.data, &self.0.objects].into_iter().flatten() {
            disk.seen().at = None;
        }
    }
}

impl Disk {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn look(&self) -> MutexGuard<'_, Seen> {
        let mut seen = self.seen();
        if seen.at.is_none_or(|at| at.elapsed() >= FRESH) {
            self.ask(&mut seen);
        }
        seen
    }

    /// Asks each time, so that what a deletion has freed is there at once.
    fn room(&self) -> u64 {
        let mut seen = self.seen();
        self.ask(&mut seen);
        seen.room
    }

    fn take(&self, bytes: u64) -> bool {
        let mut seen = self.look();
        if seen.room < bytes {
            // Something may have been deleted since.
            self.ask(&mut seen);
        }
        let fits = seen.room >= bytes;
        if fits {
            seen.room -= bytes;
        }
        fits
    }

    fn ask(&self, seen: &mut Seen) {
        seen.at = Some(Instant::now());
        match statvfs(&self.folder) {
            Ok(found) => {
                let free = found.f_bavail.saturating_mul(found.f_frsize);
                seen.reserve = self.reserve.of(found.f_blocks.saturating_mul(found.f_frsize));
                seen.free = free;
                seen.room = free.saturating_sub(seen.reserve);
                self.report(seen);
            }
            // Writing will tell whether there is space.
            Err(error) => {
                tracing::warn!(folder = %self.folder.display(), %error, "the free space is unknown");
                seen.room = u64::MAX;
            }
        }
    }

    fn report(&self, seen: &mut Seen) {
        metrics::gauge!(metric::DISK_FREE, "holds" => self.holds).set(number(seen.free));
        let is_low = seen.free < seen.reserve;
        if is_low != std::mem::replace(&mut seen.is_low, is_low) {
            let (free, reserve) = (seen.free, seen.reserve);
            if is_low {
                tracing::warn!(
                    holds = self.holds,
                    free,
                    reserve,
                    "the disk is nearly full: uploads are refused and encoders wait"
                );
            } else {
                tracing::info!(holds = self.holds, free, reserve, "the disk has space again");
            }
        }
    }
}

/// A number of bytes as a metric's value, which has room for all that disks have.
fn number(bytes: u64) -> f64 {
    let mib = u32::try_from(bytes >> 20).unwrap_or(u32::MAX);
    let rest = u32::try_from(bytes & 0xf_ffff).unwrap_or(0);
    f64::from(mib) * f64::from(1 << 20) + f64::from(rest)
}

/// Makes the ballast if it is missing and the disk has room for it.
fn keep_ballast(disk: &Disk, path: &Path) -> io::Result<()> {
    let size = {
        let seen = disk.look();
        let size = BALLAST.min(seen.reserve / 4);
        if size == 0 || seen.room < size {
            return Ok(());
        }
        size
    };
    let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
    if file.metadata()?.len() < size {
        fallocate(&file, FallocateFlags::empty(), 0, size)?;
        disk.seen().at = None;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    #[test]
    fn a_reserve_is_a_number_of_bytes_or_a_share_of_at_least_a_gibibyte() {
        assert_eq!("0".parse(), Ok(Reserve::Bytes(0)));
        assert_eq!("5000000000".parse(), Ok(Reserve::Bytes(5_000_000_000)));
        assert_eq!("2%".parse(), Ok(Reserve::Percent(2)));
        for wrong in ["", "%", "51%", "-1", "1 GiB", "2.5%"] {
            assert!(wrong.parse::<Reserve>().is_err(), "{wrong}");
        }
        assert_eq!(Reserve::Percent(2).of(20 * GIB), GIB);
        assert_eq!(Reserve::Percent(2).of(500 * GIB), 10 * GIB);
        assert_eq!(Reserve::Bytes(7).of(GIB), 7);
    }

    #[tokio::test]
    async fn below_the_reserve_nothing_can_be_taken() {
        let folder = tempfile::tempdir().unwrap();
        let open = Space::of(folder.path(), Some(folder.path()), Reserve::Bytes(0));
        assert!(open.take(1) && !open.is_low() && open.has_room_for_data(1));
        assert!(!open.take(u64::MAX) && !open.has_room_for_data(u64::MAX));
        let full = Space::of(folder.path(), Some(folder.path()), Reserve::Bytes(u64::MAX));
        assert!(full.is_low() && full.room() == 0 && !full.take(1));
        assert!(Space::boundless().take(u64::MAX) && !Space::boundless().is_low());
    }

    #[tokio::test]
    async fn the_ballast_is_given_up_once_and_made_again() {
        let folder = tempfile::tempdir().unwrap();
        let space = Space::of(folder.path(), None, Reserve::Bytes(4 << 20));
        assert!(!space.release_ballast().await);
        space.look();
        let ballast = folder.path().join("ballast");
        assert_eq!(fs::metadata(&ballast).unwrap().len(), 1 << 20);
        assert!(space.release_ballast().await);
        assert!(!ballast.exists() && !space.release_ballast().await);
        space.look();
        assert!(ballast.exists());
    }
}
