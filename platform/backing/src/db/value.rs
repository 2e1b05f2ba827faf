//! Arguments of statements, bound with their exact type on both engines.

use super::DbError;
use contracts::{Id, RenditionName, Roles, Timestamp};
use sqlx::Arguments as _;
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use uuid::Uuid;

/// One argument; [`args!`](crate::args) makes it from any column type.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// A whole number or a time.
    I64(Option<i64>),
    /// A boolean.
    Bool(Option<bool>),
    /// A floating-point number.
    F64(Option<f64>),
    /// A text or JSON.
    Text(Option<String>),
    /// Bytes.
    Bytes(Option<Vec<u8>>),
    /// An id.
    Uuid(Option<Uuid>),
}

/// Makes the list of a statement's arguments: `args![id, name, 3i64]`.
#[macro_export]
macro_rules! args {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Value::from($value)),*] };
}

macro_rules! from {
    ($($type:ty => $variant:ident($convert:expr)),* $(,)?) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Self {
                Self::$variant(Some($convert(value)))
            }
        }

        impl From<Option<$type>> for Value {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map($convert))
            }
        }
    )*};
}

from! {
    i64 => I64(std::convert::identity),
    i32 => I64(i64::from),
    u32 => I64(i64::from),
    Timestamp => I64(|moment: Timestamp| moment.0),
    bool => Bool(std::convert::identity),
    f64 => F64(std::convert::identity),
    String => Text(std::convert::identity),
    &str => Text(str::to_owned),
    &String => Text(|text: &String| text.clone()),
    serde_json::Value => Text(|json: serde_json::Value| json.to_string()),
    &serde_json::Value => Text(|json: &serde_json::Value| json.to_string()),
    RenditionName => Text(|name: RenditionName| name.to_string()),
    &RenditionName => Text(|name: &RenditionName| name.to_string()),
    Roles => Text(|roles: Roles| roles.to_string()),
    &Roles => Text(|roles: &Roles| roles.to_string()),
    Vec<u8> => Bytes(std::convert::identity),
    &[u8] => Bytes(<[u8]>::to_vec),
    Uuid => Uuid(std::convert::identity),
}

impl<K> From<Id<K>> for Value {
    fn from(id: Id<K>) -> Self {
        Self::Uuid(Some(id.0))
    }
}

impl<K> From<Option<Id<K>>> for Value {
    fn from(id: Option<Id<K>>) -> Self {
        Self::Uuid(id.map(Uuid::from))
    }
}

impl<const N: usize> From<[u8; N]> for Value {
    fn from(bytes: [u8; N]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

impl<const N: usize> From<&[u8; N]> for Value {
    fn from(bytes: &[u8; N]) -> Self {
        Self::Bytes(Some(bytes.to_vec()))
    }
}

/// The bound of a page, the latest first: the last id of the page before, or an id above all others.
///
/// The condition `id < $1` lets both engines begin at the bound. With `$1 IS NULL OR id < $1`, they would read all rows of the
/// pages before.
#[must_use]
pub fn before<K>(last: Option<Id<K>>) -> Value {
    Value::Uuid(Some(last.map_or(Uuid::max(), Uuid::from)))
}

/// The bound of a page, the oldest first: the last id of the page before, or an id below all others; see [`before`].
#[must_use]
pub fn after<K>(last: Option<Id<K>>) -> Value {
    Value::Uuid(Some(last.map_or(Uuid::nil(), Uuid::from)))
}

pub(super) fn sqlite(values: Vec<Value>) -> Result<SqliteArguments, DbError> {
    let mut arguments = SqliteArguments::default();
    for value in values {
        match value {
            Value::I64(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::F64(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

pub(super) fn postgres(values: Vec<Value>) -> Result<PgArguments, DbError> {
    let mut arguments = PgArguments::default();
    for value in values {
        match value {
            Value::I64(value) => arguments.add(value),
            Value::Bool(value) => arguments.add(value),
            Value::F64(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Bytes(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}
