//! Comma-separated values that spreadsheets read as text and numbers, and never as formulas.
//!
//! Source: RFC 4180

/// The media type, as `Accept` names it.
pub(super) const CSV: &str = "text/csv";

/// The beginning of a table. Without this mark, Excel takes UTF-8 for the letters of one language.
pub(super) const BEGINNING: &str = "\u{feff}";

/// One line, with its end.
pub(super) fn line(cells: &[&str]) -> String {
    let cells: Vec<String> = cells.iter().map(|cell| safe(cell)).collect();
    cells.join(",") + "\r\n"
}

/// What separates cells or lines for some spreadsheet or other: which of them it is depends on the country.
const SEPARATORS: [char; 5] = [',', ';', '\t', '\r', '\n'];

/// A cell. Spreadsheets run what begins like a formula; an apostrophe before it makes it a text. The same goes for what
/// follows a separator, because a spreadsheet that separates cells by semicolons heeds no quotes within its cells.
fn safe(text: &str) -> String {
    let parts = text.split_inclusive(SEPARATORS);
    let text: String = parts
        .flat_map(|part| [if is_formula(part) { "'" } else { "" }, part])
        .collect();
    if text.contains('"') || text.contains(SEPARATORS) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
}

/// Whether a spreadsheet runs this, perhaps without the spaces, the quotes and what is invisible before it.
fn is_formula(text: &str) -> bool {
    let visible = text.trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '"' | '\u{200b}' | '\u{feff}'));
    let shown = text.trim_start_matches([' ', '\u{a0}', '"']);
    shown.starts_with(['\t', '\r', '\n']) || visible.starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_and_quotes_are_quoted() {
        assert_eq!(line(&["Ada", "3", "4.5"]), "Ada,3,4.5\r\n");
        assert_eq!(
            line(&["Lovelace, Ada", "a\"b", ""]),
            "\"Lovelace, Ada\",\"a\"\"b\",\r\n"
        );
        assert_eq!(line(&["a\nb", "a;b"]), "\"a\nb\",\"a;b\"\r\n");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for text in [
            "=1+1",
            "+1",
            "-1",
            "@SUM(A1)",
            "=HYPERLINK(\"http://x\",\"y\")",
            "\t=1",
            "\r=1",
            "＝1",
            "\u{3000}=1",
            "\u{200b}+1",
            "\u{feff}@1",
        ] {
            let cell = line(&[text]);
            let cell = cell.trim_start_matches('"');
            assert!(cell.starts_with('\''), "{text:?} became {cell:?}");
        }
        assert_eq!(line(&["a=1"]), "a=1\r\n");
        for separator in SEPARATORS {
            let cells = line(&["Ada", &format!("a{separator} \"=1+1")]);
            assert!(cells.contains(&format!("{separator}' \"\"=1+1")), "{cells:?}");
        }
    }
}
