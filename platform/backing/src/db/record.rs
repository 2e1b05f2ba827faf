//! Rows of both engines, read into plain structs without derive macros.
//!
//! sqlx's derive macros would compile sqlx twice, and this crate can't implement sqlx's traits for the
//! ids of `contracts`; so a column type is any type that implements [`Column`].

use super::DbError;
use contracts::{Id, RenditionName, Roles, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{ColumnIndex, Row as _, TypeInfo as _, ValueRef as _};
use uuid::Uuid;

/// A row of either engine.
#[derive(Clone, Copy)]
pub enum Row<'r> {
    /// From SQLite.
    Sqlite(&'r SqliteRow),
    /// From PostgreSQL.
    Postgres(&'r PgRow),
}

impl Row<'_> {
    /// Reads a column by its name.
    pub fn named<T: Column>(&self, name: &str) -> Result<T, sqlx::Error> {
        let index = match self {
            Self::Sqlite(row) => name.index(*row)?,
            Self::Postgres(row) => name.index(*row)?,
        };
        self.at(index)
    }

    /// Reads a column by its index, from 0.
    pub fn at<T: Column>(&self, index: usize) -> Result<T, sqlx::Error> {
        T::read(self, index)
    }

    fn is_null(&self, index: usize) -> Result<bool, sqlx::Error> {
        Ok(match self {
            Self::Sqlite(row) => row.try_get_raw(index)?.is_null(),
            Self::Postgres(row) => row.try_get_raw(index)?.is_null(),
        })
    }
}

impl std::fmt::Debug for Row<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Row") // values may be secrets
    }
}

/// A type for the values of a column.
pub trait Column: Sized {
    /// Reads the value at an index.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error>;
}

macro_rules! plain {
    ($($type:ty),*) => {$(
        impl Column for $type {
            fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
                match row {
                    Row::Sqlite(row) => row.try_get(index),
                    Row::Postgres(row) => row.try_get(index),
                }
            }
        }
    )*};
}
plain!(bool, f64, String, Vec<u8>, Uuid);

impl Column for i64 {
    /// Also reads PostgreSQL's narrower numbers, which literals and some functions return.
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        match row {
            Row::Sqlite(row) => row.try_get(index),
            Row::Postgres(row) => match row.try_get_raw(index)?.type_info().name() {
                "INT4" => row.try_get::<i32, _>(index).map(Self::from),
                "INT2" => row.try_get::<i16, _>(index).map(Self::from),
                _ => row.try_get(index),
            },
        }
    }
}

impl<K> Column for Id<K> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        Uuid::read(row, index).map(Self::from)
    }
}

impl Column for Timestamp {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        i64::read(row, index).map(Self)
    }
}

impl Column for RenditionName {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        parse(row, index)
    }
}

impl Column for Roles {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        parse(row, index)
    }
}

impl Column for serde_json::Value {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        parse(row, index)
    }
}

impl<T: Column> Column for Option<T> {
    fn read(row: &Row<'_>, index: usize) -> Result<Self, sqlx::Error> {
        if row.is_null(index)? {
            Ok(None)
        } else {
            T::read(row, index).map(Some)
        }
    }
}

/// Reads a text column into a type that parses itself; for [`text_column!`](crate::text_column).
///
/// Errors: an invalid text is a decoding error that names the column
pub fn parse<T>(row: &Row<'_>, index: usize) -> Result<T, sqlx::Error>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    String::read(row, index)?
        .parse()
        .map_err(|error| sqlx::Error::ColumnDecode {
            index: index.to_string(),
            source: Box::new(error),
        })
}

/// A struct for rows, declared with [`record!`](crate::record). Tuples are read by index.
pub trait Record: Sized + Send {
    /// Reads the whole row.
    fn read(row: &Row<'_>) -> Result<Self, sqlx::Error>;
}

macro_rules! tuple {
    ($($type:ident $index:literal),*) => {
        impl<$($type: Column + Send),*> Record for ($($type,)*) {
            fn read(row: &Row<'_>) -> Result<Self, sqlx::Error> {
                Ok(($(row.at::<$type>($index)?,)*))
            }
        }
    };
}
tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);

pub(super) fn read<T: Record>(row: &Row<'_>) -> Result<T, DbError> {
    Ok(T::read(row)?)
}

/// Declares a struct for rows of both engines, read by column names.
#[macro_export]
macro_rules! record {
    ($(#[$meta:meta])* $vis:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_vis:vis $field:ident : $type:ty),* $(,)?
    }) => {
        $(#[$meta])*
        $vis struct $name { $($(#[$field_meta])* $field_vis $field: $type),* }

        impl $crate::db::Record for $name {
            fn read(row: &$crate::db::Row<'_>) -> ::std::result::Result<Self, $crate::db::ColumnError> {
                Ok(Self { $($field: row.named::<$type>(stringify!($field))?),* })
            }
        }
    };
}

/// Allows a type with `as_str` and `FromStr` in text columns and arguments.
#[macro_export]
macro_rules! text_column {
    ($($type:ty),* $(,)?) => {$(
        impl $crate::db::Column for $type {
            fn read(row: &$crate::db::Row<'_>, index: usize) -> ::std::result::Result<Self, $crate::db::ColumnError> {
                $crate::db::parse(row, index)
            }
        }

        impl ::std::convert::From<$type> for $crate::db::Value {
            fn from(value: $type) -> Self {
                Self::Text(Some(value.as_str().to_owned()))
            }
        }
    )*};
}
