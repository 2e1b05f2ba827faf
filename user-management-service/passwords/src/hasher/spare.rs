//! Memory that hashes leave to the next ones: to fetch it afresh takes half as long as a hash.

use argon2::Block;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Memory that no hash uses at the moment, of as many hashes as were computed at the same time.
#[derive(Default)]
pub(super) struct Spare {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// The memory of one hash each; the last one is used first.
    kept: Vec<Vec<Block>>,
    /// How many of the first of them nobody has used since idle ones were freed.
    idle: usize,
}

impl Spare {
    /// Takes the memory of an earlier hash, if there is some.
    pub(super) fn take(&self) -> Option<Vec<Block>> {
        let mut state = self.state();
        let memory = state.kept.pop();
        state.idle = state.idle.min(state.kept.len());
        memory
    }

    /// Keeps the memory of a hash.
    pub(super) fn keep(&self, memory: Vec<Block>) {
        self.state().kept.push(memory);
    }

    /// Frees what nobody has used since this was called last.
    pub(super) fn free_idle(&self) {
        let mut state = self.state();
        let idle = state.idle;
        let freed: Vec<_> = state.kept.drain(..idle).collect();
        state.idle = state.kept.len();
        // No hash has to wait for the kernel, which takes milliseconds for each.
        drop(state);
        drop(freed);
    }

    /// The memory of how many hashes is kept.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        self.state().kept.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_hashes_go_on_using_stays_and_the_rest_is_freed() {
        let spare = Spare::default();
        for _ in 0..3 {
            spare.keep(vec![Block::new()]);
        }
        spare.free_idle();
        assert_eq!(spare.count(), 3, "all were used a moment ago");
        let memory = spare.take().unwrap();
        spare.keep(memory);
        spare.free_idle();
        assert_eq!(spare.count(), 1, "one hash at a time needs one");
        spare.free_idle();
        assert!(spare.take().is_none());
    }
}
