//! Tries to break out of the cage, and reports which layers this machine has and which attacks nothing holds.

mod attempts;

pub use attempts::{ATTEMPTS, Attack, AttemptArgs, attempt};

use crate::cage::Layer;
use crate::error::RunError;
use crate::order::{Limits, Order};
use crate::running::Sandbox;
use crate::staging::Staging;
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use uuid::Uuid;

/// A layer, the layers that it needs for the program to run or to be in force, and an attack that holds only with it.
const PROBES: [(Layer, &[Layer], Attack); 7] = [
    (Layer::Landlock, &[], Attack::Read),
    (Layer::Calls, &[], Attack::Udp),
    // Another user may not reach this program's own folder.
    (Layer::User, &[Layer::Root], Attack::Signal),
    (Layer::Root, &[], Attack::Read),
    (Layer::Processes, &[], Attack::Signal),
    (Layer::Network, &[], Attack::Tcp),
    (Layer::Tasks, &[Layer::User, Layer::Root], Attack::Fork),
];

/// What this machine's cage holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The layers that this machine has.
    pub layers: Vec<Layer>,
    /// The attacks that succeeded in spite of all layers.
    pub open: Vec<Attack>,
}

impl Report {
    /// The layers that this machine lacks.
    #[must_use]
    pub fn missing(&self) -> Vec<Layer> {
        let missing = Layer::ALL.into_iter().filter(|layer| !self.layers.contains(layer));
        missing.collect()
    }

    /// The missing layers without which no tool runs in a sandbox that is [required](Sandbox::required).
    #[must_use]
    pub fn lacking(&self) -> Vec<Layer> {
        let needed = [Layer::Landlock, Layer::Calls];
        let lacking = self.missing().into_iter().filter(|layer| needed.contains(layer));
        lacking.collect()
    }
}

/// Tests the cage with the sandbox's own program in the tool's place.
///
/// Errors: the program could not be run
pub async fn selftest(sandbox: &Sandbox, staging: &Staging) -> Result<Report, RunError> {
    let outcomes = attack(sandbox, staging, &Attack::ALL).await?;
    let open = outcomes.into_iter().filter(|(_, held)| !held).map(|(attack, _)| attack);
    let mut report = Report {
        layers: Vec::new(),
        open: open.collect(),
    };
    for (layer, needed, by) in PROBES {
        let others = Layer::ALL.into_iter().filter(|it| *it != layer && !needed.contains(it));
        let alone = attack(&sandbox.clone().required(false).without(others), staging, &[by]).await?;
        if alone.get(&by) == Some(&true) {
            report.layers.push(layer);
        }
    }
    Ok(report)
}

/// Tries attacks, each at most once, and returns which of them were held.
///
/// Errors: the program could not be run
pub async fn attack(
    sandbox: &Sandbox,
    staging: &Staging,
    attacks: &[Attack],
) -> Result<BTreeMap<Attack, bool>, RunError> {
    let folder = staging.task(Uuid::now_v7())?;
    // By its real path: what leads to it is missing in a root of its own.
    let program = fs::canonicalize(sandbox.program())?;
    let targets = Targets::new(staging.path(), &program)?;
    let mut outcomes: BTreeMap<Attack, bool> = attacks.iter().map(|&attack| (attack, true)).collect();
    let mut args: Vec<OsString> = vec![ATTEMPTS.into()];
    args.extend(targets.args.places().into_iter().map(OsString::from));
    args.extend(attacks.iter().map(|attack| OsString::from(format!("--try={attack}"))));
    let order = Order {
        tool: program.into(),
        args,
        folder: folder.path().to_owned(),
        reads: Vec::new(),
        writes: vec![folder.path().join("output")],
        limits: Limits {
            nice: Limits::URGENT,
            ..Limits::default()
        },
    };
    let mut running = sandbox.start(&order)?;
    let mut output = Vec::new();
    while let Some(bytes) = running.next().await? {
        output.extend_from_slice(&bytes);
    }
    let output = String::from_utf8_lossy(&output).into_owned();
    if output.is_empty() {
        return Err(io::Error::other("the attempts printed nothing").into());
    }
    for (attack, held) in &mut outcomes {
        *held = !output.lines().any(|line| line == format!("{attack} done"));
    }
    if let Some(held) = outcomes.get_mut(&Attack::Outlive) {
        *held = !end_left(&targets.args.secret);
    }
    Ok(outcomes)
}

/// What the attacks aim at.
struct Targets {
    args: AttemptArgs,
    _tcp: TcpListener,
    _udp: UdpSocket,
    _unix: Option<UnixListener>,
}

impl Targets {
    /// Makes targets in a folder that is no task's.
    fn new(folder: &Path, program: &Path) -> io::Result<Self> {
        let name = Uuid::now_v7();
        let secret = folder.join(format!("{name}.secret"));
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        options.open(&secret)?.write_all(b"secret")?;
        let (tcp, udp) = (TcpListener::bind("127.0.0.1:0")?, UdpSocket::bind("127.0.0.1:0")?);
        // Addresses are short.
        let unix = folder.join("socket");
        let process = std::process::id();
        Ok(Self {
            args: AttemptArgs {
                attacks: Vec::new(),
                secret,
                tcp: tcp.local_addr()?,
                udp: udp.local_addr()?,
                process: i32::try_from(process).map_err(io::Error::other)?,
                program: program.to_owned(),
                linger: false,
                unix: unix.clone(),
            },
            _tcp: tcp,
            _udp: udp,
            // The path may be too long for an address.
            _unix: UnixListener::bind(unix).ok(),
        })
    }
}

impl Drop for Targets {
    fn drop(&mut self) {
        let written = self.args.secret.with_extension("written");
        for path in [&self.args.secret, &self.args.unix, &written] {
            // Not every one was made.
            let _ = fs::remove_file(path);
        }
    }
}

/// Ends the processes that were left behind; returns whether there were any.
fn end_left(secret: &Path) -> bool {
    let named = format!("--secret={}", secret.display());
    let mut any = false;
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(process) = entry
            .file_name()
            .to_str()
            .and_then(|name| Pid::from_raw(name.parse().ok()?))
        else {
            continue;
        };
        let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let is_left = line.split(|byte| *byte == 0).any(|word| word == named.as_bytes());
        if is_left {
            any = true;
            let _ = kill_process(process, Signal::KILL);
        }
    }
    any
}
