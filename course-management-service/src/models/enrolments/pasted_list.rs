//! A list of people that a teacher pastes: one e-mail address or user id in each line.

use contracts::UserId;
use std::collections::BTreeSet;

/// Whom a line names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Named {
    /// A user, by id.
    User(UserId),
    /// Whoever has this e-mail address, which is not checked yet.
    Address(String),
    /// Somebody whom an earlier line names.
    Repeated,
}

/// A line as it was pasted, and whom it names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) text: String,
    pub(crate) named: Named,
}

/// Reads a list; empty lines are left out. `Ada <ada@example.org>` is read as the address in the brackets, and of columns of a
/// table, the first that names somebody is read.
pub(crate) fn read(pasted: &str) -> Vec<Line> {
    let mut seen = BTreeSet::new();
    // A file may begin with a mark of its byte order, and old ones end lines with a carriage return alone.
    let is_blank = |letter: char| letter.is_whitespace() || letter == '\u{feff}';
    let lines = pasted.split(['\n', '\r']).map(|line| line.trim_matches(is_blank));
    let lines = lines.filter(|line| !line.is_empty());
    let line = |line: &str| {
        let plain = plain(line);
        let named = if seen.insert(plain.to_lowercase()) {
            named(plain)
        } else {
            Named::Repeated
        };
        Line {
            text: line.to_owned(),
            named,
        }
    };
    lines.map(line).collect()
}

/// Whom a single text names.
pub(crate) fn named(text: &str) -> Named {
    text.parse()
        .map_or_else(|_| Named::Address(text.to_owned()), Named::User)
}

/// What stands in a line besides a name, brackets, commas and other columns.
fn plain(line: &str) -> &str {
    let names = |column: &&str| column.contains('@') || column.parse::<UserId>().is_ok();
    let line = line.split('\t').map(str::trim).find(names).unwrap_or(line);
    let line = line.trim_end_matches([',', ';']).trim();
    match line.rsplit_once('<') {
        Some((_, rest)) if rest.ends_with('>') => rest.trim_end_matches('>').trim(),
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_line_by_line() {
        let id = UserId::generate();
        let pasted = format!("ada@example.org\r\n\n  Eve <eve@example.org>,\nADA@example.org\n{id}\nnonsense;\n");
        let found: Vec<_> = read(&pasted).into_iter().map(|line| line.named).collect();
        let address = |text: &str| Named::Address(text.to_owned());
        let expected = [
            address("ada@example.org"),
            address("eve@example.org"),
            Named::Repeated,
            Named::User(id),
            address("nonsense"),
        ];
        assert_eq!(found, expected);
        assert_eq!(read(&pasted)[1].text, "Eve <eve@example.org>,");
        assert!(read(" \n\n").is_empty());
    }

    #[test]
    fn a_list_may_come_from_a_spreadsheet_or_an_old_file() {
        let id = UserId::generate();
        let pasted =
            format!("\u{feff}ada@example.org\rEve Example\teve@example.org\rbob@example.org\tBob\t3\r\nAnn\t{id}\n");
        let found: Vec<_> = read(&pasted).into_iter().map(|line| line.named).collect();
        let address = |text: &str| Named::Address(text.to_owned());
        let expected = [
            address("ada@example.org"),
            address("eve@example.org"),
            address("bob@example.org"),
            Named::User(id),
        ];
        assert_eq!(found, expected);
    }
}
