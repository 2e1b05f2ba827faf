//! Configuration: defaults, then a file, then the environment.
//!
//! The defaults files name every key there is, so a key that none of them has is a mistake: an error in
//! a file, a warning in the environment (where another program's variable may stand). An empty text
//! means that a key is not set. A section `"*"` has the keys of sections that operators name themselves. A fault takes
//! nothing from the search for others: all are reported at once.

mod faults;

pub use faults::Faults;

use serde::de::DeserializeOwned;
use std::fmt::Write;
use std::path::Path;
use toml::{Table, Value};
use url::Url;

/// What every variable of ours begins with.
const PREFIX: &str = "MOOCFLIX_";
/// The section whose copies get the names that operators choose.
const ANY: &str = "*";
/// Variables of ours that are no configuration.
const OTHERS: [&str; 5] = [
    "MOOCFLIX_TOKEN",
    "MOOCFLIX_TEST_POSTGRES",
    "MOOCFLIX_TEST_REDIS",
    "MOOCFLIX_TEST_KAFKA",
    "MOOCFLIX_BIN",
];

/// A configuration with what is worth telling about it.
#[derive(Debug)]
pub struct Loaded<T> {
    /// The configuration.
    pub value: T,
    /// What was found and not understood.
    pub warnings: Vec<String>,
    tree: Table,
}

/// The variables of this process that may be configuration.
#[must_use]
pub fn environment() -> Vec<(String, String)> {
    variables(PREFIX)
}

/// The environment variables whose names begin with `prefix`, with their values.
#[must_use]
pub fn variables(prefix: &str) -> Vec<(String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .filter(|(name, _)| name.starts_with(prefix))
        .collect()
}

/// Puts defaults, file and environment together, the later over the earlier.
///
/// Errors: all faults
pub fn load<T: DeserializeOwned>(
    defaults: &[&str],
    file: Option<&Path>,
    environment: &[(String, String)],
) -> Result<Loaded<T>, Faults> {
    load_checked(defaults, file, environment, |_| Ok(()))
}

/// Puts them together and checks the result. A value that can't be read counts as its default for the check, which thus
/// finds the faults of all other keys.
///
/// Errors: all faults
pub fn load_checked<T: DeserializeOwned>(
    defaults: &[&str],
    file: Option<&Path>,
    environment: &[(String, String)],
    check: impl FnOnce(&T) -> Result<(), Faults>,
) -> Result<Loaded<T>, Faults> {
    let mut all = Table::new();
    for text in defaults {
        let table = text.parse::<Table>();
        let table = table.map_err(|error| Faults::from(format!("a defaults file is broken: {error}")))?;
        join(&mut all, table);
    }
    let (mut tree, mut faults) = (all.clone(), Faults::default());
    if let Some(file) = file {
        read_file(&mut tree, file, &mut faults);
    }
    let warnings = read_environment(&mut tree, environment, &mut faults);
    let value = read_tree(&mut tree, &mut all, &mut faults);
    if let Some(value) = &value {
        faults.include(check(value));
    }
    match (value, faults.is_empty()) {
        (Some(value), true) => Ok(Loaded { value, warnings, tree }),
        _ => Err(faults),
    }
}

fn read_file(tree: &mut Table, file: &Path, faults: &mut Faults) {
    let name = file.display().to_string();
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {name}: {error}"));
    let table = text.and_then(|text| {
        let table = text.parse::<Table>();
        table.map_err(|error| format!("{name} is not TOML: {error}"))
    });
    if let Some(table) = faults.take(table) {
        overlay(tree, table, "", &name, faults);
    }
}

/// Returns warnings about variables that are no keys.
fn read_environment(tree: &mut Table, environment: &[(String, String)], faults: &mut Faults) -> Vec<String> {
    let mut warnings = Vec::new();
    for (name, value) in environment {
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        let key = name.trim_start_matches(PREFIX).to_lowercase().replace("__", ".");
        match find(tree, &key).map(|place| (read_variable(place, value), place)) {
            Some((Ok(read), place)) => *place = read,
            Some((Err(must), _)) => faults.add(wrong(name, &key, must)),
            None => warnings.push(unknown(tree, name, &key)),
        }
    }
    warnings
}

/// Reads the typed configuration; each value that can't be read is a fault and counts as its default from then on.
fn read_tree<T: DeserializeOwned>(tree: &mut Table, defaults: &mut Table, faults: &mut Faults) -> Option<T> {
    let mut wrong = Vec::new();
    loop {
        let mut set = tree.clone();
        drop_unset(&mut set);
        let error = match serde_path_to_error::deserialize(Value::Table(set)) {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        let path = error.path().to_string();
        faults.add(format!("`{path}`: {}", error.inner().message()));
        // Of a list, the whole value is replaced.
        let key = path.split('[').next().unwrap_or_default().to_owned();
        let default = find(defaults, &key).cloned();
        let (Some(place), Some(default)) = (find(tree, &key), default.filter(|_| !wrong.contains(&key))) else {
            return None;
        };
        *place = default;
        wrong.push(key);
    }
}

impl<T> Loaded<T> {
    /// All keys with their values, secrets hidden.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = String::new();
        for (key, value) in flatten(&self.tree) {
            let shown = match value {
                Value::String(secret) if !secret.is_empty() && is_secret(&key) => Value::from("(hidden)"),
                value => without_passwords(value),
            };
            // Writing into a string cannot fail.
            let _ = writeln!(text, "{key} = {shown}");
        }
        text
    }

    /// The names of all keys.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        flatten(&self.tree).into_iter().map(|(key, _)| key).collect()
    }
}

/// What to say of a variable that is no setting; with the one that is meant, if it is near.
fn unknown(tree: &Table, name: &str, key: &str) -> String {
    let keys = flatten(tree).into_iter().filter(|(key, _)| !key.contains(ANY));
    let variables = keys.map(|(key, _)| variable(&key));
    let near = variables
        .map(|known| (strsim::damerau_levenshtein(name, &known), known))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, _)| distance * 3 <= name.len().saturating_sub(PREFIX.len()));
    let hint = near.map_or_else(String::new, |(_, known)| format!("; do you mean {known}?"));
    format!("the environment variable {name} is not a MoocFlix setting (`{key}`){hint}")
}

/// The environment variable of a key.
fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_uppercase())
}

fn is_secret(key: &str) -> bool {
    ["secret", "password", "token_key"]
        .iter()
        .any(|word| key.rsplit('.').next().is_some_and(|name| name.contains(word)))
}

/// The same value with the passwords of its URLs hidden.
fn without_passwords(value: Value) -> Value {
    match value {
        Value::String(text) => Value::from(without_password(&text)),
        Value::Array(values) => values.into_iter().map(without_passwords).collect::<Vec<_>>().into(),
        other => other,
    }
}

fn without_password(text: &str) -> String {
    match Url::parse(text) {
        Ok(mut url) if url.password().is_some() => {
            let hidden = url.set_password(Some("hidden")).is_ok();
            if hidden { url.to_string() } else { "(hidden)".to_owned() }
        }
        Ok(_) => text.to_owned(),
        Err(_) => without_password_of_several(text).unwrap_or_else(|| text.to_owned()),
    }
}

/// A URL with several hosts, as Kafka has them, which is none by the standard.
fn without_password_of_several(text: &str) -> Option<String> {
    let (scheme, rest) = text.split_once("://")?;
    let (user, _) = rest.rsplit_once('@')?;
    let (name, _) = user.split_once(':')?;
    Some(format!("{scheme}://{name}:hidden{}", rest.get(user.len()..)?))
}

fn flatten(table: &Table) -> Vec<(String, Value)> {
    let mut all = Vec::new();
    for (name, value) in table {
        match value {
            Value::Table(inner) => {
                all.extend(
                    flatten(inner)
                        .into_iter()
                        .map(|(key, value)| (format!("{name}.{key}"), value)),
                );
            }
            value => all.push((name.clone(), value.clone())),
        }
    }
    all
}

fn join(into: &mut Table, from: Table) {
    for (name, value) in from {
        match (into.get_mut(&name), value) {
            (Some(Value::Table(old)), Value::Table(new)) => join(old, new),
            (_, value) => {
                into.insert(name, value);
            }
        }
    }
}

fn overlay(into: &mut Table, from: Table, section: &str, file: &str, faults: &mut Faults) {
    for (name, value) in from {
        let key = if section.is_empty() {
            name.clone()
        } else {
            format!("{section}.{name}")
        };
        let known: Vec<String> = into.keys().cloned().collect();
        match (place(into, &name), value) {
            (None, _) => {
                let known = known.join(", ");
                faults.add(format!("{file}: unknown key `{key}` (known here: {known})"));
            }
            (Some(Value::Table(old)), Value::Table(new)) => overlay(old, new, &key, file, faults),
            (Some(old), new) => match convert(old, new) {
                Ok(value) => *old = value,
                Err(must) => faults.add(wrong(file, &key, must)),
            },
        }
    }
}

fn wrong(place: &str, key: &str, must: &str) -> String {
    format!("{place}: `{key}` must be {must}")
}

/// Takes a file's value where it is of the default's kind.
fn convert(old: &Value, new: Value) -> Result<Value, &'static str> {
    match (old, new) {
        (Value::Float(_), Value::Integer(whole)) => {
            let whole = i32::try_from(whole).map_err(|_| "a number in a sensible range")?;
            Ok(Value::Float(f64::from(whole)))
        }
        (old, new) if old.same_type(&new) => Ok(new),
        (old, _) => Err(kind(old)),
    }
}

/// Reads a variable as the default's kind.
fn read_variable(old: &Value, text: &str) -> Result<Value, &'static str> {
    let text = text.trim();
    let read = match old {
        Value::Integer(_) => text.parse().ok().map(Value::Integer),
        Value::Float(_) => text.parse().ok().map(Value::Float),
        Value::Boolean(_) => text.parse().ok().map(Value::Boolean),
        Value::Array(old) => {
            let parts: Vec<&str> = text.split(',').map(str::trim).filter(|part| !part.is_empty()).collect();
            let numbers: Option<Vec<Value>> = parts.iter().map(|part| part.parse().ok().map(Value::Integer)).collect();
            // The default's first entry decides the type of all entries; an empty default allows both types.
            match old.first() {
                Some(Value::Integer(_)) => numbers.map(Value::Array),
                Some(_) => Some(Value::Array(parts.into_iter().map(Value::from).collect())),
                None => Some(Value::Array(
                    numbers.unwrap_or_else(|| parts.into_iter().map(Value::from).collect()),
                )),
            }
        }
        Value::String(_) | Value::Datetime(_) | Value::Table(_) => Some(Value::from(text)),
    };
    read.ok_or(kind(old))
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::String(_) | Value::Datetime(_) => "a text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number",
        Value::Boolean(_) => "true or false",
        Value::Array(all) if all.first().is_some_and(Value::is_integer) => "a list of whole numbers",
        Value::Array(_) => "a list of texts",
        Value::Table(_) => "a section",
    }
}

fn find<'a>(table: &'a mut Table, key: &str) -> Option<&'a mut Value> {
    match key.split_once('.') {
        Some((section, rest)) => find(place(table, section)?.as_table_mut()?, rest),
        None => place(table, key).filter(|value| !value.is_table()),
    }
}

/// The value of a name; a name that an operator has chosen gets the keys that such sections have.
fn place<'a>(table: &'a mut Table, name: &str) -> Option<&'a mut Value> {
    let is_name = (1..=32).contains(&name.len())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_'));
    if !table.contains_key(name)
        && let Some(keys) = table.get(ANY).filter(|_| is_name).cloned()
    {
        table.insert(name.to_owned(), keys);
    }
    table.get_mut(name).filter(|_| is_name)
}

fn drop_unset(table: &mut Table) {
    table.remove(ANY);
    table.retain(|_, value| value.as_str() != Some(""));
    for (_, value) in table.iter_mut() {
        if let Value::Table(inner) = value {
            drop_unset(inner);
        }
    }
}
