//! Who may use a row of a URL table.

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
    /// Those whom the service itself admits, by what this name stands for in the `OpenAPI` document.
    ByService(&'static str),
}

impl Access {
    /// The policy's name in the `OpenAPI` document (`x-access`).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::SignedIn => "signed_in",
            Self::Instructor => "instructor",
            Self::Admin => "admin",
            Self::Scope(name) | Self::ByService(name) => name,
        }
    }

    /// Whether the platform refuses requests without a valid bearer.
    pub(crate) const fn needs_principal(self) -> bool {
        !matches!(self, Self::Public | Self::ByService(_))
    }
}
