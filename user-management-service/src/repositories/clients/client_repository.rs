//! Clients.

use crate::models::accounts::actor::Actor;
use crate::models::clients::client::Client;
use crate::models::sessions::revocation::{Refused, Revocation};
use crate::models::sessions::session::TokenHash;
use crate::repositories::rows::insert_revocation;
use backing::audit::{self, NewEntry};
use backing::db::{Db, DbError, Tx, after};
use backing::{args, outbox, record};
use contracts::events::ClientDeleted;
use contracts::{ClientId, NewEvent, Timestamp};
use runtime::page::{Page, PageRequest};
use serde_json::{Value, json};

/// The text that reads clients; the argument is its condition.
macro_rules! select {
    ($which:literal) => {
        concat!(
            "SELECT id, name, scopes, secret_hash, created_at, renewed_at FROM clients ",
            $which
        )
    };
}

record! {
    struct ClientRow {
        id: ClientId,
        name: String,
        scopes: String,
        secret_hash: Vec<u8>,
        created_at: Timestamp,
        renewed_at: Timestamp,
    }
}

impl From<ClientRow> for Client {
    fn from(row: ClientRow) -> Self {
        Self {
            id: row.id,
            name: row.name,
            scopes: row.scopes.split(' ').map(str::to_owned).collect(),
            created_at: row.created_at,
            renewed_at: row.renewed_at,
        }
    }
}

/// Clients in the database.
#[derive(Clone)]
pub struct ClientRepository {
    db: Db,
}

impl ClientRepository {
    /// Clients of this database.
    #[must_use]
    pub const fn new(db: Db) -> Self {
        Self { db }
    }

    /// Stores a new client with its secret's hash, and who made it.
    ///
    /// Errors: what the database reports
    pub async fn insert(&self, client: &Client, secret: TokenHash, actor: &Actor) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        let sql = "INSERT INTO clients (id, name, scopes, secret_hash, created_at, renewed_at) \
                   VALUES ($1, $2, $3, $4, $5, $6)";
        let (scopes, hash) = (client.scopes.join(" "), secret.0.to_vec());
        let values = args![
            client.id,
            client.name.as_str(),
            scopes,
            hash,
            client.created_at,
            client.renewed_at
        ];
        tx.run(sql, values).await?;
        let details = json!({"name": client.name, "scopes": client.scopes});
        record(&mut tx, (actor, "create_client", client.id), details, client.created_at).await?;
        tx.commit().await
    }

    /// A client with its secret's hash.
    ///
    /// Errors: what the database reports
    pub async fn find(&self, id: ClientId) -> Result<Option<(Client, TokenHash)>, DbError> {
        let row = self
            .db
            .read()
            .one::<ClientRow>(select!("WHERE id = $1"), args![id])
            .await?;
        Ok(row.and_then(|row| {
            let hash = TokenHash(row.secret_hash.as_slice().try_into().ok()?);
            Some((row.into(), hash))
        }))
    }

    /// A page of clients, in the order in which they were made.
    ///
    /// Errors: what the database reports
    pub async fn page(&self, request: &PageRequest<ClientId>) -> Result<Page<Client>, DbError> {
        let sql = select!("WHERE id > $1 ORDER BY id LIMIT $2");
        let values = args![after(request.after), request.one_more()];
        let rows = self.db.read().all::<ClientRow>(sql, values).await?;
        let clients = rows.into_iter().map(Client::from).collect();
        Ok(request.cut(clients, |client| client.id))
    }

    /// Replaces a client's secret; `None` if there is no such client.
    ///
    /// Errors: what the database reports
    pub async fn renew(
        &self,
        id: ClientId,
        secret: TokenHash,
        actor: &Actor,
        now: Timestamp,
    ) -> Result<Option<Client>, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "UPDATE clients SET secret_hash = $2, renewed_at = $3 WHERE id = $1";
        if tx.run(sql, args![id, secret.0.to_vec(), now]).await? == 0 {
            return Ok(None);
        }
        record(&mut tx, (actor, "renew_client_secret", id), json!({}), now).await?;
        let row = tx.one::<ClientRow>(select!("WHERE id = $1"), args![id]).await?;
        tx.commit().await?;
        Ok(row.map(Client::from))
    }

    /// Removes a client and refuses its tokens; `None` if there is no such client.
    ///
    /// Errors: what the database reports
    pub async fn remove(
        &self,
        id: ClientId,
        actor: &Actor,
        (now, until): (Timestamp, Timestamp),
    ) -> Result<Option<Revocation>, DbError> {
        let mut tx = self.db.write().await?;
        let sql = "DELETE FROM clients WHERE id = $1 RETURNING name";
        let Some((name,)) = tx.one::<(String,)>(sql, args![id]).await? else {
            return Ok(None);
        };
        record(&mut tx, (actor, "delete_client", id), json!({"name": name}), now).await?;
        outbox::push(&mut tx, &NewEvent::of_client(id, ClientDeleted {}.into()), now).await?;
        let revocation = Revocation::of_clients(Refused::Client(id), until);
        insert_revocation(&mut tx, &revocation, now).await?;
        tx.commit().await?;
        Ok(Some(revocation))
    }

    /// Refuses one token of a client.
    ///
    /// Errors: what the database reports
    pub async fn refuse(&self, revocation: &Revocation, now: Timestamp) -> Result<(), DbError> {
        let mut tx = self.db.write().await?;
        insert_revocation(&mut tx, revocation, now).await?;
        tx.commit().await
    }
}

async fn record(
    tx: &mut Tx,
    (actor, act, client): (&Actor, &'static str, ClientId),
    details: Value,
    now: Timestamp,
) -> Result<(), DbError> {
    let entry = NewEntry {
        actor: actor.user,
        act,
        subject_kind: "client",
        subject: client.into(),
        owner: None,
        details,
        request: actor.request.clone(),
    };
    audit::record(tx, &entry, now).await
}
