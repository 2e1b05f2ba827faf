//! Programs that start on a schema that a newer program has brought up to date.

use backing::db::{DbError, Inspected, Migration};
use backing::{Db, args};
use testing::places;

const FIRST: Migration = Migration {
    number: 1,
    name: "notes",
    fill: None,
    sqlite: "CREATE TABLE notes (n INTEGER NOT NULL PRIMARY KEY) STRICT;",
    postgres: "CREATE TABLE notes (n BIGINT NOT NULL PRIMARY KEY);",
};
const SECOND: Migration = Migration {
    number: 2,
    name: "words",
    fill: None,
    sqlite: "-- compatible-from: 1\nALTER TABLE notes ADD COLUMN words TEXT NOT NULL DEFAULT '';",
    postgres: "-- compatible-from: 1\nALTER TABLE notes ADD COLUMN words TEXT NOT NULL DEFAULT '';",
};
const THIRD: Migration = Migration {
    number: 3,
    name: "an index",
    fill: None,
    sqlite: "-- compatible-from: 2\nCREATE INDEX notes_by_words ON notes (words);",
    postgres: "-- compatible-from: 2\nCREATE INDEX notes_by_words ON notes (words);",
};
const FOURTH: Migration = Migration {
    number: 4,
    name: "another name",
    fill: None,
    sqlite: "ALTER TABLE notes RENAME COLUMN words TO text;",
    postgres: "ALTER TABLE notes RENAME COLUMN words TO text;",
};
static ONE: &[Migration] = &[FIRST];
static TWO: &[Migration] = &[FIRST, SECOND];
static THREE: &[Migration] = &[FIRST, SECOND, THIRD];
static FOUR: &[Migration] = &[FIRST, SECOND, THIRD, FOURTH];

async fn open(url: &str, migrations: &'static [Migration]) -> Result<Db, DbError> {
    let db = Db::open(url, "notes", migrations).await?;
    db.close().await;
    Ok(db)
}

#[tokio::test]
async fn an_older_program_starts_if_every_migration_that_it_does_not_know_lets_it() {
    for place in places().await.unwrap() {
        open(&place.url, TWO).await.unwrap();
        let older = Db::open(&place.url, "notes", ONE).await.unwrap();
        let mut tx = older.write().await.unwrap();
        tx.run("INSERT INTO notes (n) VALUES ($1)", args![7]).await.unwrap();
        tx.commit().await.unwrap();
        older.close().await;
        let looked = Db::inspect(&place.url, "notes", ONE).await.unwrap();
        assert_eq!(looked, Inspected::Outstanding(0), "{}", place.name);
        // the newer one goes on where it was
        open(&place.url, TWO).await.unwrap();

        open(&place.url, THREE).await.unwrap();
        open(&place.url, TWO).await.unwrap();
        refuses(&place.url, ONE).await;
        open(&place.url, FOUR).await.unwrap();
        for older in [ONE, TWO, THREE] {
            refuses(&place.url, older).await;
        }
        open(&place.url, FOUR).await.unwrap();
    }
}

async fn refuses(url: &str, migrations: &'static [Migration]) {
    let why = "notes's tables were made by a newer version";
    for refused in [
        open(url, migrations).await.err(),
        // the refused program has closed the schema
        Db::inspect(url, "notes", migrations).await.err(),
    ] {
        assert!(
            matches!(&refused, Some(DbError::Migration(text)) if text == why),
            "{url}: {refused:?}"
        );
    }
}

#[tokio::test]
async fn a_schema_from_before_migrations_spoke_of_older_programs_is_brought_up_to_date() {
    for place in places().await.unwrap() {
        let db = Db::open(&place.url, "notes", THREE).await.unwrap();
        let mut tx = db.write().await.unwrap();
        let drop = "ALTER TABLE schema_migrations DROP COLUMN compatible_from";
        tx.run(drop, args![]).await.unwrap();
        tx.commit().await.unwrap();
        db.close().await;
        let looked = Db::inspect(&place.url, "notes", THREE).await.unwrap();
        assert_eq!(looked, Inspected::Outstanding(0), "{}", place.name);
        let looked = Db::inspect(&place.url, "notes", TWO).await;
        assert!(matches!(looked, Err(DbError::Migration(_))), "{}", place.name);
        open(&place.url, FOUR).await.unwrap();
        refuses(&place.url, THREE).await;
    }
}

#[tokio::test]
async fn a_migration_that_speaks_unclearly_of_older_programs_is_refused() {
    const UNREADABLE: Migration = Migration {
        sqlite: "-- compatible-from: one\nSELECT 1;",
        postgres: "-- compatible-from: one\nSELECT 1;",
        ..SECOND
    };
    const AHEAD: Migration = Migration {
        sqlite: "-- compatible-from: 2\nSELECT 1;",
        postgres: "-- compatible-from: 2\nSELECT 1;",
        ..SECOND
    };
    const DIFFERENT: Migration = Migration {
        sqlite: "SELECT 1;",
        ..SECOND
    };
    static WRONG: [&[Migration]; 3] = [&[FIRST, UNREADABLE], &[FIRST, AHEAD], &[FIRST, DIFFERENT]];
    let [sqlite, _] = places().await.unwrap();
    for wrong in WRONG {
        let refused = open(&sqlite.url, wrong).await;
        assert!(matches!(refused, Err(DbError::Migration(_))), "{refused:?}");
    }
}
