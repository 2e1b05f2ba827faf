//! What an owner has, and what one may have.

/// What an owner's lectures and uploads take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Bytes that are stored.
    pub stored: u64,
    /// Bytes that unfinished uploads have declared and not sent yet.
    pub declared: u64,
    /// Unfinished uploads.
    pub open: u64,
}

/// What a new upload must fit into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// The owner's bytes.
    pub bytes: Option<u64>,
    /// The owner's unfinished uploads.
    pub uploads: Option<u64>,
    /// The room in the store, less what nobody has declared yet.
    pub room: u64,
}

/// What a new upload would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Excess {
    /// The owner's bytes, of which so many are free.
    Bytes(u64),
    /// The owner's unfinished uploads.
    Uploads,
    /// The room in the store.
    Room,
}

impl Allowance {
    /// Any number of everything.
    pub const BOUNDLESS: Self = Self {
        bytes: None,
        uploads: None,
        room: u64::MAX,
    };

    /// Whether an upload of `length` bytes fits beside what its owner has and what all uploads have declared.
    ///
    /// Errors: what it exceeds
    pub fn check(&self, length: Option<u64>, owner: Usage, declared_by_all: u64) -> Result<(), Excess> {
        if self.uploads.is_some_and(|most| owner.open >= most) {
            return Err(Excess::Uploads);
        }
        // An upload of unknown length needs a byte at least.
        let length = length.unwrap_or(1);
        if self.is_exceeded(owner, length) {
            return Err(Excess::Bytes(self.free(owner)));
        }
        if declared_by_all.saturating_add(length) > self.room {
            return Err(Excess::Room);
        }
        Ok(())
    }

    /// How many bytes more an owner may have.
    #[must_use]
    pub fn free(&self, owner: Usage) -> u64 {
        let taken = owner.stored.saturating_add(owner.declared);
        self.bytes.unwrap_or(u64::MAX).saturating_sub(taken)
    }

    /// Whether an owner has more than is allowed with so many bytes more.
    #[must_use]
    pub fn is_exceeded(&self, owner: Usage, more: u64) -> bool {
        let taken = owner.stored.saturating_add(owner.declared).saturating_add(more);
        self.bytes.is_some_and(|most| taken > most)
    }
}
