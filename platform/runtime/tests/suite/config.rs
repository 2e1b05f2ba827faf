//! Configuration from defaults, a file and the environment.

use runtime::config::{Faults, Loaded, load, load_checked};
use serde::Deserialize;
use std::path::PathBuf;

const TOP: &str = r#"
listen = "127.0.0.1:8080"
database_url = ""
secret_key = ""
trusted_proxies = []
"#;
const CONTENT: &str = r#"
[content.upload]
max_bytes = 100
sizes = [240, 360]
[content.instant]
max_gap_seconds = 10.0
fast = true
"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    listen: String,
    database_url: Option<String>,
    #[serde(rename = "secret_key")]
    _secret_key: Option<String>,
    trusted_proxies: Vec<String>,
    content: Content,
}

#[derive(Debug, Deserialize)]
struct Content {
    upload: Upload,
    instant: Instant,
}

#[derive(Debug, Deserialize)]
struct Upload {
    max_bytes: u32,
    sizes: Vec<u32>,
}

#[derive(Debug, Deserialize)]
struct Instant {
    max_gap_seconds: f64,
    fast: bool,
}

fn loaded(file: &str, environment: &[(&str, &str)]) -> Result<Loaded<Config>, Faults> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("moocflix.toml");
    std::fs::write(&path, file).unwrap();
    let environment: Vec<_> = environment
        .iter()
        .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
        .collect();
    load(&[TOP, CONTENT], Some(&path), &environment)
}

#[test]
fn the_environment_overrides_the_file_and_the_file_overrides_the_defaults() {
    let file = "listen = \"file:1\"\n[content.upload]\nmax_bytes = 7\n[content.instant]\nmax_gap_seconds = 3";
    let environment = [
        ("MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES", "8"),
        ("MOOCFLIX_CONTENT__INSTANT__FAST", "false"),
        ("MOOCFLIX_TRUSTED_PROXIES", "10.0.0.1, 10.0.0.2"),
        ("MOOCFLIX_DATABASE_URL", "postgres://u@h/d"),
    ];
    let config = loaded(file, &environment).unwrap();
    assert_eq!(config.warnings, Vec::<String>::new());
    assert_eq!(config.value.listen, "file:1");
    assert_eq!(config.value.content.upload.max_bytes, 8);
    assert!((config.value.content.instant.max_gap_seconds - 3.0).abs() < f64::EPSILON);
    assert!(!config.value.content.instant.fast);
    assert_eq!(config.value.trusted_proxies, ["10.0.0.1", "10.0.0.2"]);
    assert_eq!(config.value.database_url.as_deref(), Some("postgres://u@h/d"));
    let defaults = loaded("", &[]).unwrap().value;
    assert_eq!(
        (defaults.listen.as_str(), defaults.database_url),
        ("127.0.0.1:8080", None)
    );
}

#[test]
fn a_list_in_the_environment_has_the_element_type_of_the_default() {
    let sizes = |file: &str, value: &str| {
        let variable = ("MOOCFLIX_CONTENT__UPLOAD__SIZES", value);
        loaded(file, &[variable]).map(|it| it.value.content.upload.sizes)
    };
    assert_eq!(sizes("", "90, 180").unwrap(), [90, 180]);
    assert!(sizes("", "").unwrap().is_empty());
    assert_eq!(sizes("[content.upload]\nsizes = []", "90").unwrap(), [90]);
    let error = sizes("", "90,tall").unwrap_err().to_string();
    assert!(error.contains("a list of whole numbers"), "{error}");
}

#[test]
fn an_unknown_key_in_a_file_is_an_error_that_names_it() {
    for (file, key) in [
        ("listne = \"x\"", "listne"),
        ("[content.upload]\nmax_byte = 1", "content.upload.max_byte"),
        ("[contents]\nx = 1", "contents"),
    ] {
        let error = loaded(file, &[]).unwrap_err().to_string();
        assert!(
            error.contains(&format!("`{key}`")) && error.contains("moocflix.toml"),
            "{error}"
        );
    }
}

#[test]
fn an_unknown_variable_is_a_warning_and_the_variables_of_tests_and_tools_are_none() {
    let config = loaded("", &[("MOOCFLIX_LISTNE", "x"), ("MOOCFLIX_CONTENT", "x")]).unwrap();
    assert_eq!(config.warnings.len(), 2);
    assert!(config.warnings[0].contains("MOOCFLIX_LISTNE"));
    let others = [
        ("MOOCFLIX_TOKEN", "x"),
        ("MOOCFLIX_TEST_POSTGRES", "x"),
        ("MOOCFLIX_TEST_REDIS", "x"),
        ("MOOCFLIX_TEST_KAFKA", "x"),
        ("MOOCFLIX_BIN", "x"),
    ];
    assert!(loaded("", &others).unwrap().warnings.is_empty());
}

#[test]
fn the_warning_of_an_unknown_variable_names_the_one_that_is_meant() {
    for (wrong, right) in [
        (
            "MOOCFLIX_CONTENT_UPLOAD_MAX_BYTES",
            "MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES",
        ),
        (
            "MOOCFLIX_CONTENT__UPLOAD__MAX_BYTE",
            "MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES",
        ),
        ("MOOCFLIX_LISTNE", "MOOCFLIX_LISTEN"),
    ] {
        let warnings = loaded("", &[(wrong, "7")]).unwrap().warnings;
        assert!(
            matches!(&warnings[..], [one] if one.contains(wrong) && one.ends_with(&format!("do you mean {right}?"))),
            "{warnings:?}"
        );
    }
    let warnings = loaded("", &[("MOOCFLIX_COLOUR_OF_THE_PAGE", "red")]).unwrap().warnings;
    assert!(!warnings[0].contains("do you mean"), "{warnings:?}");
}

#[test]
fn a_value_of_the_wrong_kind_is_an_error_that_names_its_key_and_place() {
    for (file, variable, parts) in [
        ("listen = 8080", None, ["`listen`", "a text"]),
        (
            "[content.upload]\nmax_bytes = \"many\"",
            None,
            ["`content.upload.max_bytes`", "a whole number"],
        ),
        (
            "",
            Some(("MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES", "many")),
            ["MOOCFLIX_CONTENT__UPLOAD__MAX_BYTES", "a whole number"],
        ),
        (
            "[content.upload]\nmax_bytes = -1",
            None,
            ["`content.upload.max_bytes`", "u32"],
        ),
        ("content = 1", None, ["`content`", "a section"]),
        ("listen = ", None, ["moocflix.toml", "TOML"]),
    ] {
        let error = loaded(file, variable.as_slice()).unwrap_err().to_string();
        assert!(parts.iter().all(|part| error.contains(part)), "{error}");
    }
}

#[test]
fn all_faults_are_reported_at_once_each_in_a_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("moocflix.toml");
    let file =
        "listne = \"x\"\nlisten = 8080\n[content.upload]\nmax_bytes = -1\nsizes = [-2]\n[content.instant]\nfast = 2";
    std::fs::write(&path, file).unwrap();
    let variables = [("MOOCFLIX_CONTENT__INSTANT__MAX_GAP_SECONDS", "long")];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    let loaded = load_checked::<Config>(&[TOP, CONTENT], Some(&path), &variables, |config| {
        let mut faults = Faults::default();
        faults.within(
            "content.upload.max_bytes",
            config.content.upload.max_bytes.into(),
            200,
            300,
        );
        faults.into_result()
    });
    let error = loaded.unwrap_err().to_string();
    let lines: Vec<_> = error.lines().collect();
    assert_eq!(lines.len(), 8, "{error}");
    for (line, part) in lines.iter().zip([
        "the configuration has 7 faults:",
        "unknown key `listne`",
        "`listen` must be a text",
        "`content.instant.fast` must be true or false",
        "`content.instant.max_gap_seconds` must be a number",
        "`content.upload.max_bytes`: ",
        "`content.upload.sizes[0]`: ",
        "content.upload.max_bytes = 100: must be 200 to 300",
    ]) {
        assert!(error.contains(part) && !line.is_empty(), "{part} in {error}");
    }
}

#[test]
fn secrets_and_passwords_are_hidden_where_the_configuration_is_shown() {
    let file = "secret_key = \"s3cr3t\"\ndatabase_url = \"postgres://u:pa55@h/d\"";
    let shown = loaded(file, &[]).unwrap().describe();
    assert!(!shown.contains("s3cr3t") && !shown.contains("pa55"), "{shown}");
    assert!(shown.contains("content.upload.max_bytes = 100"), "{shown}");
    assert!(shown.contains("u:hidden@h"), "{shown}");
    // several hosts
    let shown = loaded("database_url = \"kafkas://u:p@55@one:1,two:2?x=y\"", &[])
        .unwrap()
        .describe();
    assert!(shown.contains("\"kafkas://u:hidden@one:1,two:2?x=y\""), "{shown}");
    // a list
    let shown = loaded("trusted_proxies = [\"turn://:pa55@h:1\"]", &[])
        .unwrap()
        .describe();
    assert!(
        shown.contains("turn://:hidden@h:1") && !shown.contains("pa55"),
        "{shown}"
    );
}
