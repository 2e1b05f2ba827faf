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

/// A cell. Spreadsheets run what begins like a formula; an apostrophe before it makes it a text.
fn safe(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    let text = if is_formula {
        format!("'{text}")
    } else {
        text.to_owned()
    };
    if text.contains([',', '"', '\r', '\n', ';', '\t']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text
    }
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
        ] {
            let cell = line(&[text]);
            let cell = cell.trim_start_matches('"');
            assert!(cell.starts_with('\''), "{text:?} became {cell:?}");
        }
        assert_eq!(line(&["a=1"]), "a=1\r\n");
    }
}
