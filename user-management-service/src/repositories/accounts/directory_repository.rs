//! Many accounts at once, for other services' questions.

use backing::db::{Db, DbError, Sql};
use backing::{args, record};
use contracts::questions::Person;
use contracts::{Role, UserId};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The list is JSON, so that one statement serves lists of any length.
const BY_KEYS: Sql = Sql::both(
    "SELECT id, email_key FROM users WHERE deactivated_at IS NULL AND email_key IN (SELECT value FROM json_each($1))",
    "SELECT id, email_key FROM users WHERE deactivated_at IS NULL \
     AND email_key = ANY (ARRAY(SELECT json_array_elements_text($1::json)))",
);
const BY_IDS: Sql = Sql::both(
    "SELECT id, name, roles, deactivated_at IS NULL AS is_active FROM users \
     WHERE id IN (SELECT unhex(value) FROM json_each($1))",
    "SELECT id, name, roles, deactivated_at IS NULL AS is_active FROM users \
     WHERE id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid))",
);

record! {
    struct KeyRow {
        id: UserId,
        email_key: String,
    }
}

record! {
    struct PersonRow {
        id: UserId,
        name: String,
        roles: String,
        is_active: bool,
    }
}

/// Accounts in the database, as other services know them.
#[derive(Clone)]
pub struct DirectoryRepository {
    db: Db,
}

impl DirectoryRepository {
    /// Accounts of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// The active accounts with these addresses, by the addresses' keys.
    ///
    /// Errors: what the database reports
    pub async fn active_by_email_keys(&self, keys: &[&str]) -> Result<HashMap<String, UserId>, DbError> {
        let rows = self.db.read().all::<KeyRow>(BY_KEYS, args![json!(keys)]).await?;
        Ok(rows.into_iter().map(|row| (row.email_key, row.id)).collect())
    }

    /// The accounts with these ids, in any order.
    ///
    /// Errors: what the database reports
    pub async fn people(&self, ids: &[UserId]) -> Result<Vec<Person>, DbError> {
        let ids: Value = ids.iter().map(|id| id.0.as_simple().to_string()).collect();
        let rows = self.db.read().all::<PersonRow>(BY_IDS, args![ids]).await?;
        let person = |row: PersonRow| Person {
            id: row.id,
            name: row.name,
            // A role that this version does not know gives no rights.
            roles: row
                .roles
                .split(',')
                .filter_map(|role| role.parse::<Role>().ok())
                .collect(),
            is_active: row.is_active,
        };
        Ok(rows.into_iter().map(person).collect())
    }
}
