//! The roles that a process can play.

use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// Something that a process does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    Users,
    Content,
    Transcode,
    Web,
}

/// One row of the table.
pub(crate) struct Row {
    pub(crate) role: Role,
    /// The role's name in `--roles`.
    pub(crate) name: &'static str,
    /// The roles that must be in the same process while the bus is embedded.
    needs: &'static [Role],
    /// What it serves.
    pub(crate) serves: &'static str,
}

/// Every role, its needs and what it serves.
pub(crate) const TABLE: &[Row] = &[
    Row {
        role: Role::Users,
        name: "users",
        needs: &[Role::Content],
        serves: "/api/v1/users, /.well-known/jwks.json",
    },
    Row {
        role: Role::Content,
        name: "content",
        needs: &[Role::Users],
        serves: "/api/v1/content, /p",
    },
    Row {
        role: Role::Transcode,
        name: "transcode",
        needs: &[],
        serves: "nothing: it works on tasks",
    },
    Row {
        role: Role::Web,
        name: "web",
        needs: &[Role::Users, Role::Content],
        serves: "the page",
    },
];

/// The roles of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Roles(BTreeSet<Role>);

impl Roles {
    /// Every role.
    pub(crate) fn all() -> Self {
        Self(TABLE.iter().map(|row| row.role).collect())
    }

    /// Reads names, refuses those that there are not and sets that cannot work with the embedded bus.
    pub(crate) fn parse(names: &[String]) -> Result<Self> {
        if names.is_empty() {
            return Ok(Self::all());
        }
        let mut roles = BTreeSet::new();
        for name in names {
            let Some(row) = TABLE.iter().find(|row| row.name == name) else {
                let known = TABLE.iter().map(|row| row.name).collect::<Vec<_>>().join(", ");
                bail!("--roles: there is no role `{name}`; there are {known}");
            };
            roles.insert(row.role);
        }
        for row in TABLE.iter().filter(|row| roles.contains(&row.role)) {
            if let Some(missing) = row.needs.iter().find(|need| !roles.contains(need)) {
                bail!(
                    "--roles: with the embedded bus `{}` needs `{}` in the same process; only `transcode` may be a \
                     process of its own, on the same data directory",
                    row.name,
                    missing.name()
                );
            }
        }
        Ok(Self(roles))
    }

    /// Whether the process plays a role.
    pub(crate) fn has(&self, role: Role) -> bool {
        self.0.contains(&role)
    }

    /// The rows of the table that the process plays.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &'static Row> + '_ {
        TABLE.iter().filter(|row| self.has(row.role))
    }

    /// Whether this is a worker beside a server.
    pub(crate) fn is_worker(&self) -> bool {
        self.0.iter().eq([&Role::Transcode])
    }
}

impl Role {
    fn name(self) -> &'static str {
        TABLE.iter().find(|row| row.role == self).map_or("", |row| row.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(names: &str) -> Result<Roles> {
        let names: Vec<String> = names
            .split(',')
            .filter(|name| !name.is_empty())
            .map(str::to_owned)
            .collect();
        Roles::parse(&names)
    }

    #[test]
    fn no_names_mean_every_role() {
        assert_eq!(parsed("").unwrap(), Roles::all());
        assert!(!Roles::all().is_worker());
    }

    #[test]
    fn only_a_worker_may_be_a_process_of_its_own() {
        assert!(parsed("transcode").unwrap().is_worker());
        assert!(parsed("users,content").is_ok());
        assert!(parsed("users,content,web").is_ok());
        for apart in [
            "users",
            "content",
            "web",
            "users,web",
            "content,transcode",
            "transcode,web",
        ] {
            let error = parsed(apart).unwrap_err().to_string();
            assert!(error.contains("embedded bus") && error.contains("transcode"), "{error}");
        }
    }

    #[test]
    fn an_unknown_role_is_told_which_there_are() {
        let error = parsed("users,live").unwrap_err().to_string();
        assert!(
            error.contains("`live`") && error.contains("users, content, transcode, web"),
            "{error}"
        );
    }
}
