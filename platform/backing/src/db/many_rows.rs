//! Statements for many rows, made from the statement for one.

use super::{DbError, Value};
use std::fmt::Write as _;

/// How many values a statement may have.
///
/// Source: <https://sqlite.org/limits.html>, `SQLITE_MAX_VARIABLE_NUMBER`
pub(super) const SQLITE_VALUES: usize = 32_766;
/// Source: PostgreSQL 15, "Message Formats": Bind counts its parameters in 16 bits
pub(super) const POSTGRES_VALUES: usize = 65_535;

/// How many rows a statement has at most: more would save nothing, and its text would be long.
const MOST_ROWS: usize = 1_000;

/// A statement for one row.
#[derive(Debug)]
pub(super) struct Template {
    /// The text before the group of placeholders.
    head: &'static str,
    group: Vec<Part>,
    tail: &'static str,
    /// How many values a row has.
    values: usize,
}

#[derive(Debug)]
enum Part {
    Text(&'static str),
    /// A placeholder, from 1.
    Value(usize),
}

impl Template {
    /// Errors: a statement without `VALUES (…)`, or with placeholders outside of it
    pub(super) fn of(text: &'static str) -> Result<Self, DbError> {
        const VALUES: &str = "VALUES ";
        let wrong = || mistake(format!("not a statement for many rows: {text}"));
        let begin = text.find("VALUES (").ok_or_else(wrong)? + VALUES.len();
        let (head, rest) = text.split_at(begin);
        let (group, tail) = rest.split_at(end_of_group(rest).ok_or_else(wrong)?);
        let group = parts(group).ok_or_else(wrong)?;
        let numbers = group.iter().filter_map(|part| match part {
            Part::Value(number) => Some(*number),
            Part::Text(_) => None,
        });
        let values = numbers.max().unwrap_or(0);
        if values == 0 || head.contains('$') || tail.contains('$') {
            return Err(wrong());
        }
        Ok(Self {
            head,
            group,
            tail,
            values,
        })
    }

    /// How many rows fit into a statement with at most `limit` values.
    pub(super) fn rows_within(&self, limit: usize) -> usize {
        let placeholders = self.group.iter().filter(|part| matches!(part, Part::Value(_)));
        (limit / placeholders.count().max(1)).clamp(1, MOST_ROWS)
    }

    /// Errors: a row that lacks values or has too many
    pub(super) fn check(&self, rows: &[Vec<Value>]) -> Result<(), DbError> {
        match rows.iter().find(|row| row.len() != self.values) {
            Some(row) => Err(mistake(format!(
                "{} values for {} placeholders",
                row.len(),
                self.values
            ))),
            None => Ok(()),
        }
    }

    /// The statement for this many rows, with numbered placeholders.
    pub(super) fn repeated(&self, rows: usize) -> String {
        self.text(rows, |text, row, number| {
            // writing to a String can't fail
            let _ = write!(text, "${}", row * self.values + number);
        })
    }

    /// The statement and its values for SQLite, which would look for each name of a placeholder among all others: they have none.
    pub(super) fn unnamed(&self, rows: &[Vec<Value>]) -> (String, Vec<Value>) {
        let text = self.text(rows.len(), |text, _, _| text.push('?'));
        let numbers = || {
            let group = self.group.iter();
            group.filter_map(|part| match part {
                Part::Value(number) => Some(number - 1),
                Part::Text(_) => None,
            })
        };
        let values = rows
            .iter()
            .flat_map(|row| numbers().filter_map(|number| row.get(number).cloned()));
        (text, values.collect())
    }

    fn text(&self, rows: usize, placeholder: impl Fn(&mut String, usize, usize)) -> String {
        let mut text = self.head.to_owned();
        for row in 0..rows {
            if row > 0 {
                text.push_str(", ");
            }
            for part in &self.group {
                match part {
                    Part::Text(words) => text.push_str(words),
                    Part::Value(number) => placeholder(&mut text, row, *number),
                }
            }
        }
        text.push_str(self.tail);
        text
    }
}

fn mistake(what: String) -> DbError {
    DbError::Other(sqlx::Error::InvalidArgument(what))
}

/// The length of a group in parentheses, which may contain others and texts in quotes.
fn end_of_group(text: &str) -> Option<usize> {
    let (mut depth, mut quoted) = (0_usize, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'\'' => quoted = !quoted,
            b'(' if !quoted => depth += 1,
            b')' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

fn parts(group: &'static str) -> Option<Vec<Part>> {
    let mut pieces = group.split('$');
    let mut parts: Vec<Part> = pieces.next().map(Part::Text).into_iter().collect();
    for piece in pieces {
        let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = piece.split_at(digits);
        parts.push(Part::Value(number.parse().ok().filter(|number| *number > 0)?));
        parts.push(Part::Text(rest));
    }
    Some(parts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args;

    #[test]
    fn the_group_is_repeated_with_placeholders_of_its_own() {
        let text = "INSERT INTO t (a, b, c) VALUES ($1, $1, lower($2) || ')') ON CONFLICT (a) DO NOTHING";
        let template = Template::of(text).unwrap();
        assert_eq!(
            template.repeated(2),
            "INSERT INTO t (a, b, c) VALUES ($1, $1, lower($2) || ')'), ($3, $3, lower($4) || ')') \
             ON CONFLICT (a) DO NOTHING"
        );
        assert_eq!(template.repeated(1), text);
        let rows = [("a", 1_i64), ("b", 2)].map(|(one, other)| args![one, other]);
        let (text, values) = template.unnamed(&rows);
        assert_eq!(
            text,
            "INSERT INTO t (a, b, c) VALUES (?, ?, lower(?) || ')'), (?, ?, lower(?) || ')') ON CONFLICT (a) DO NOTHING"
        );
        assert_eq!(values, args!["a", "a", 1_i64, "b", "b", 2_i64]);
    }

    #[test]
    fn other_statements_are_refused() {
        for text in [
            "DELETE FROM t WHERE a = $1",
            "INSERT INTO t (a) VALUES (1)",
            "INSERT INTO t (a) VALUES ($1",
            "INSERT INTO t (a) VALUES ($1, '$')",
            "INSERT INTO t (a) VALUES ($1) ON CONFLICT (a) DO UPDATE SET b = $2",
        ] {
            assert!(Template::of(text).is_err(), "{text}");
        }
    }
}
