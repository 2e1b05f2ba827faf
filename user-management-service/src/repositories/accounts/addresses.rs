//! Brings e-mail addresses from before they had one form into it.

use backing::db::{DbError, Sql, Tx};
use backing::{args, record};
use contracts::UserId;
use passwords::email::EmailAddress;
use std::pin::Pin;

record! {
    struct AddressRow {
        id: UserId,
        email: String,
        email_key: String,
    }
}

/// Addresses with characters beyond ASCII.
const WIDE: Sql = Sql::both(
    "SELECT id, email, email_key FROM users WHERE length(email_key) <> length(CAST(email_key AS BLOB)) ORDER BY id",
    "SELECT id, email, email_key FROM users WHERE char_length(email_key) <> octet_length(email_key) ORDER BY id",
);

/// Converts the addresses, in a migration's transaction.
pub(crate) fn fill(tx: &mut Tx) -> Pin<Box<dyn Future<Output = Result<(), DbError>> + Send + '_>> {
    Box::pin(convert(tx))
}

async fn convert(tx: &mut Tx) -> Result<(), DbError> {
    for row in tx.all::<AddressRow>(WIDE, args![]).await? {
        let Ok(address) = EmailAddress::parse(&row.email) else {
            continue;
        };
        if address.key() == row.email_key {
            continue;
        }
        let taken = "SELECT 1 FROM users WHERE email_key = $1";
        if tx.one::<(i64,)>(taken, args![address.key()]).await?.is_some() {
            tracing::warn!(user_id = %row.id, "the address of this account is another one's in another spelling; nobody can sign in with it");
            continue;
        }
        let sql = "UPDATE users SET email = $2, email_key = $3 WHERE id = $1";
        tx.run(sql, args![row.id, address.text(), address.key()]).await?;
    }
    Ok(())
}
