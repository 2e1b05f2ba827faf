//! Runs foreign programs (ffmpeg, ffprobe) on strangers' files: within limits, watched, and never longer than their worker
//! lives.
//!
//! Two halves work together, and `protocol` is what they agree on:
//!
//! - **The worker's half.** A [`Sandbox`] starts the tool that an [`Order`] describes. The [`Running`] that it returns
//!   hands out the tool's output, ends a tool that makes no progress, and reports how the tool ended. Dropping it ends
//!   every process of the run. [`staging`] holds the folders that tools write to.
//! - **The guard.** The worker starts its own program once more with [`COMMAND`], which calls [`stand_guard`]. That process
//!   sets the tool's limits, ends the tool when the worker is gone, and removes the staging folder.
//!
//! An order names the paths that its tool reads and writes. The sandbox rejects an order with an argument that is another
//! absolute path, alone or behind `file:`. It does not find paths in the middle of an argument (`if=/path`), behind other
//! protocols, or relative ones that lead out of the working directory.
//!
//! Around the tool is a cage of several layers (`cage`), for the case that a file takes the tool over: it can open its own
//! files only, has no network, starts no process and sees none. [`selftest()`] tries to break out.

mod cage;
mod error;
mod guard;
mod memory;
mod order;
mod pipe;
mod protocol;
mod running;
mod selftest;
pub mod staging;
mod tail;
mod tool;
mod watchdog;

pub use cage::Layer;
pub use error::RunError;
pub use guard::stand_guard;
pub use memory::available_memory;
pub use order::{Limits, Order};
pub use pipe::Inlet;
pub use protocol::{COMMAND, GuardArgs};
pub use running::{Running, Sandbox};
pub use selftest::{ATTEMPTS, Attack, AttemptArgs, Report, attack, attempt, selftest};
pub use tool::is_installed;
