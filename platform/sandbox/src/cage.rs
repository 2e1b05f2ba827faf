//! The layers around a tool: each keeps a tool that a hostile file has taken over from reaching something.
//!
//! No layer needs privileges, and none is needed for the tool's own work: where a machine lacks one, the others hold.
//! `docs/sandbox.md` shows which attack is held by which layer. The guard enters the namespaces and lends the tool its
//! files; the process that becomes the tool goes through the rest, in this order: its own root, the other user, the limits,
//! Landlock, the filter of system calls.

pub(crate) mod calls;
pub(crate) mod files;
pub(crate) mod identity;
pub(crate) mod loans;
pub(crate) mod programs;
pub(crate) mod root;
pub(crate) mod spaces;

use clap::ValueEnum;
use std::collections::BTreeSet;
use std::fmt;

/// A layer of the cage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, ValueEnum)]
pub enum Layer {
    /// Landlock: the files that the tool may open, and no signals or connections to others.
    Landlock,
    /// A filter that allows only the system calls that the tools need: no processes, no sockets.
    Calls,
    /// A user of its own for each run; only if MoocFlix runs as root.
    User,
    /// A root of its own, which contains only the run's files.
    Root,
    /// A namespace for processes: the tool sees no others, and its children end with it.
    Processes,
    /// A namespace for the network, without any.
    Network,
    /// A limit on the number of the tool's threads and processes.
    Tasks,
}

impl Layer {
    /// Every layer.
    pub const ALL: [Self; 7] = [
        Self::Landlock,
        Self::Calls,
        Self::User,
        Self::Root,
        Self::Processes,
        Self::Network,
        Self::Tasks,
    ];
}

impl fmt::Display for Layer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Landlock => "landlock",
            Self::Calls => "calls",
            Self::User => "user",
            Self::Root => "root",
            Self::Processes => "processes",
            Self::Network => "network",
            Self::Tasks => "tasks",
        })
    }
}

/// The layers to set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Layers(BTreeSet<Layer>);

impl Layers {
    /// All layers except these.
    pub(crate) fn without(absent: &[Layer]) -> Self {
        Self(Layer::ALL.into_iter().filter(|layer| !absent.contains(layer)).collect())
    }

    pub(crate) fn has(&self, layer: Layer) -> bool {
        self.0.contains(&layer)
    }
}
