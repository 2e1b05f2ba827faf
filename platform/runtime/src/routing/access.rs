//! Who may use a row of a URL table, and with how large a body.

use crate::messages::held_bytes::DEFAULT_LIMIT;

/// Who may use a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Everybody; a handler that asks for the caller gets the one of a valid bearer.
    Public,
    /// Users who have signed in.
    SignedIn,
    /// Instructors and admins.
    Instructor,
    /// Admins.
    Admin,
    /// Clients whose token has this scope.
    Scope(&'static str),
    /// Admins, and clients whose token has this scope.
    AdminOrScope(&'static str),
    /// Those whom the service itself admits, by what this name stands for in the `OpenAPI` document.
    ByService(&'static str),
    /// These roles in other processes of the installation, which sign what they ask.
    Internal(&'static [&'static str]),
}

/// What a row of a URL table demands of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    pub(crate) access: Access,
    /// Units: bytes of a body that is read as a whole
    pub(crate) body_limit: usize,
    /// What the service demands in addition.
    pub(crate) right: Option<&'static str>,
}

impl Policy {
    /// The same with another limit for bodies that are read as a whole.
    #[must_use]
    pub const fn with_body_limit(mut self, bytes: usize) -> Self {
        self.body_limit = bytes;
        self
    }
}

impl From<Access> for Policy {
    fn from(access: Access) -> Self {
        access.policy()
    }
}

impl Access {
    /// The same for a row whose bodies are read as a whole and may be this large; otherwise, they may have 64 KiB.
    #[must_use]
    pub const fn with_body_limit(self, bytes: usize) -> Policy {
        self.policy().with_body_limit(bytes)
    }

    /// The same for a row of which the service demands a right to what its path names; this name stands for it in the
    /// `OpenAPI` document, behind the policy's name and a colon.
    #[must_use]
    pub const fn with_right(self, right: &'static str) -> Policy {
        let mut policy = self.policy();
        policy.right = Some(right);
        policy
    }

    const fn policy(self) -> Policy {
        Policy {
            access: self,
            body_limit: DEFAULT_LIMIT,
            right: None,
        }
    }

    /// The policy's name in the `OpenAPI` document (`x-access`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed_in",
            Self::Instructor => "instructor",
            Self::Admin => "admin",
            Self::AdminOrScope(_) => "admin",
            Self::Internal(_) => "internal",
            Self::Scope(name) | Self::ByService(name) => name,
        }
    }

    /// Whether the platform refuses requests without a valid bearer.
    pub(crate) const fn needs_principal(self) -> bool {
        !matches!(self, Self::Public | Self::ByService(_) | Self::Internal(_))
    }
}
