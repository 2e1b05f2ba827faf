//! The page about limits names what exists.

use crate::server::{moocflix, run};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../../docs/limits.md");

/// The words in backticks of a cell.
fn words(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

/// The cells of each row: limit, value, what sets it, answer, metric.
fn rows() -> Vec<[&'static str; 5]> {
    let lines = PAGE.lines().filter(|line| line.starts_with('|'));
    let cells = lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect::<Vec<_>>());
    let rows = cells.filter(|cells| !matches!(cells[0], "limit" | "---"));
    rows.map(|cells| <[&str; 5]>::try_from(cells).unwrap_or_else(|cells| panic!("not five cells: {cells:?}")))
        .collect()
}

/// All code of the workspace that ships.
fn code(folder: &Path, text: &mut String) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let (path, name) = (entry.path(), entry.file_name());
        let skipped = ["target", "node_modules", "tests", "e2e", "bench", "house", "page"];
        if name
            .to_str()
            .is_some_and(|name| name.starts_with('.') || skipped.contains(&name))
        {
            continue;
        }
        if path.is_dir() {
            code(&path, text);
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            text.push_str(&fs::read_to_string(&path).unwrap());
        }
    }
}

fn keys() -> BTreeSet<String> {
    let folder = tempfile::tempdir().unwrap();
    let shown = run(
        moocflix().args(["config", "check", "--data-dir"]).arg(folder.path()),
        "",
    );
    let lines = String::from_utf8(shown.stdout).unwrap();
    lines
        .lines()
        .filter_map(|line| Some(line.split_once(" = ")?.0.to_owned()))
        .collect()
}

#[test]
fn each_key_constant_code_and_metric_of_a_limit_exists() {
    let mut text = String::new();
    code(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap(), &mut text);
    let (keys, metrics) = (keys(), include_str!("../../../docs/metrics.md"));
    let rows = rows();
    assert!(rows.len() > 30, "only {} rows were read", rows.len());
    for [limit, _, set_by, answer, metric] in rows {
        for word in words(set_by) {
            let is_constant = word
                .chars()
                .all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_');
            let exists = if is_constant {
                text.contains(&format!("const {word}: "))
            } else {
                keys.contains(word)
            };
            assert!(exists, "{limit}: there is no `{word}`");
        }
        for word in words(answer) {
            assert!(text.contains(&format!("\"{word}\"")), "{limit}: no answer is `{word}`");
        }
        for word in words(metric) {
            assert!(
                metrics.contains(&format!("| `{word}` |")),
                "{limit}: no metric is `{word}`"
            );
        }
    }
}
