//! `moocflix events dead`: lists and replays events that a service's consumer could not handle.
//!
//! Both commands work while the server runs, because they use its database. They create no data: a wrong directory is an
//! error, not an empty list.

use super::print;
use crate::settings::{self, Overrides};
use crate::{backends, roles};
use anyhow::{Result, bail};
use backing::bus::dead_letters::{self, DeadLetter};
use backing::{Clock, Db};
use clap::{Args, Subcommand};
use contracts::EventId;
use contracts::events::Envelope;
use std::fmt::Write;

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    #[command(subcommand)]
    command: EventsCommand,
}

#[derive(Debug, Subcommand)]
enum EventsCommand {
    /// Dead letters: events that a consumer could not handle.
    #[command(subcommand)]
    Dead(DeadCommand),
}

#[derive(Debug, Subcommand)]
enum DeadCommand {
    /// List dead letters with their reasons.
    List(ListArgs),
    /// Deliver dead letters to their consumers again.
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    overrides: Overrides,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The events' ids, as in the list.
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    ids: Vec<EventId>,
    /// Replay every dead letter.
    #[arg(long)]
    all: bool,
}

pub(super) async fn run(args: EventsArgs) -> Result<()> {
    match args.command {
        EventsCommand::Dead(DeadCommand::List(args)) => list(&args).await,
        EventsCommand::Dead(DeadCommand::Replay(args)) => replay(&args).await,
    }
}

async fn list(args: &ListArgs) -> Result<()> {
    let (schemas, found) = all(&args.overrides).await?;
    close(&schemas).await;
    let letters: Vec<DeadLetter> = found.into_iter().map(|(_, letter)| letter).collect();
    if letters.is_empty() {
        return print("no dead letters\n");
    }
    print(&table(&letters))
}

async fn replay(args: &ReplayArgs) -> Result<()> {
    let (schemas, letters) = all(&args.overrides).await?;
    let dead = |id: &EventId| letters.iter().any(|(_, letter)| letter.event_id == *id);
    let unknown: Vec<String> = args.ids.iter().filter(|id| !dead(id)).map(EventId::to_string).collect();
    if !unknown.is_empty() {
        bail!(
            "not among the dead letters: {}; nothing was replayed",
            unknown.join(", ")
        );
    }
    let (mut replayed, now) = (0, Clock::system().now());
    for (db, letter) in &letters {
        let wanted = args.all || args.ids.contains(&letter.event_id);
        if wanted && dead_letters::replay(db, letter, now).await? {
            replayed += 1;
        }
    }
    close(&schemas).await;
    print(&match replayed {
        1 => "1 event will be delivered again\n".to_owned(),
        count => format!("{count} events will be delivered again\n"),
    })
}

/// The schemas of all services, and their dead letters, each with its schema.
async fn all(overrides: &Overrides) -> Result<(Vec<Db>, Vec<(Db, DeadLetter)>)> {
    let settings = settings::load(overrides, None)?.value;
    let (mut schemas, mut all) = (Vec::new(), Vec::new());
    for face in roles::with_schema() {
        let Some(db) = backends::existing_schema(&settings, face).await? else {
            continue;
        };
        let letters = dead_letters::list(&db).await?;
        all.extend(letters.into_iter().map(|letter| (db.clone(), letter)));
        schemas.push(db);
    }
    if schemas.is_empty() {
        return Err(backends::no_data(&settings));
    }
    Ok((schemas, all))
}

async fn close(schemas: &[Db]) {
    for db in schemas {
        db.close().await;
    }
}

/// One line per event, below a header.
fn table(letters: &[DeadLetter]) -> String {
    let head = ["GIVEN UP", "EVENT", "CONSUMER", "TYPE", "SUBJECT", "TRIES", "REASON"].map(str::to_owned);
    let rows: Vec<[String; 7]> = std::iter::once(head).chain(letters.iter().map(row)).collect();
    let mut text = String::new();
    for row in &rows {
        for (column, cell) in row.iter().enumerate() {
            let width = rows
                .iter()
                .filter_map(|row| row.get(column))
                .map(|cell| cell.chars().count())
                .max();
            let last = column + 1 == row.len();
            // writing to a string cannot fail
            let _ = match width {
                Some(width) if !last => write!(text, "{cell:<width$}  "),
                _ => writeln!(text, "{cell}"),
            };
        }
    }
    text
}

fn row(letter: &DeadLetter) -> [String; 7] {
    let kind = Envelope::read(&letter.event).map_or_else(|_| "?".to_owned(), |envelope| envelope.kind);
    [
        letter.died_at.to_string(),
        letter.event_id.to_string(),
        letter.consumer.clone(),
        kind,
        letter.subject.to_string(),
        letter.attempts.to_string(),
        format!("{}: {}", letter.code, printable(&letter.reason)),
    ]
}

/// A reason may contain anything; its control characters must not reach the terminal.
fn printable(text: &str) -> String {
    text.chars()
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::Timestamp;

    fn letter(consumer: &str, event: &str, reason: &str) -> DeadLetter {
        DeadLetter {
            consumer: consumer.to_owned(),
            event_id: EventId::generate(),
            subject: EventId::generate().into(),
            event: event.as_bytes().to_vec(),
            code: "poison".to_owned(),
            reason: reason.to_owned(),
            attempts: 3,
            died_at: Timestamp::from_seconds(1_800_000_000),
        }
    }

    #[test]
    fn the_table_has_a_line_per_event_with_aligned_columns() {
        let id = EventId::generate();
        let event = format!(r#"{{"id": "{id}", "source": "/moocflix/users", "type": "moocflix.users.user.updated"}}"#);
        let letters = [
            letter("content-playbacks", &event, "two\nlines\u{1b}"),
            letter("x", "no event", ""),
        ];
        let table = table(&letters);
        let lines: Vec<&str> = table.lines().collect();
        assert_eq!(lines.len(), 3, "{table}");
        for name in ["EVENT", "CONSUMER", "TYPE", "SUBJECT", "TRIES", "REASON"] {
            let column = lines[0].find(name).unwrap();
            assert!(
                lines[1..].iter().all(|line| line.as_bytes()[column - 1] == b' '),
                "{table}"
            );
        }
        assert!(lines[1].contains("moocflix.users.user.updated") && lines[1].ends_with("poison: two lines "));
        assert!(lines[2].contains(" ? "), "{table}");
    }
}
