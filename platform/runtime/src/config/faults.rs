//! What is wrong with a configuration: all of it, so that an operator corrects it once.

use std::fmt;

/// The faults of a configuration, each in a line that names its key.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<String>);

impl Faults {
    /// Adds a fault.
    pub fn add(&mut self, fault: impl Into<String>) {
        self.0.push(fault.into());
    }

    /// Adds a fault unless this holds.
    pub fn unless(&mut self, holds: bool, fault: impl FnOnce() -> String) {
        if !holds {
            self.0.push(fault());
        }
    }

    /// Adds a fault unless the key's value is in its range.
    pub fn within(&mut self, key: &str, value: u64, low: u64, high: u64) {
        self.unless((low..=high).contains(&value), || {
            format!("{key} = {value}: must be {low} to {high}")
        });
    }

    /// The value of a result; its error is a fault.
    pub fn take<T, E: fmt::Display>(&mut self, result: Result<T, E>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.add(error.to_string());
                None
            }
        }
    }

    /// The same for a result whose errors don't name the key.
    pub fn take_of<T, E: fmt::Display>(&mut self, key: &str, result: Result<T, E>) -> Option<T> {
        self.take(result.map_err(|error| format!("{key}: {error}")))
    }

    /// Adds the faults of a section.
    pub fn include(&mut self, section: Result<(), Self>) {
        if let Err(faults) = section {
            self.0.extend(faults.0);
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Nothing if there is none.
    ///
    /// Errors: the faults
    pub fn into_result(self) -> Result<(), Self> {
        if self.0.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl From<String> for Faults {
    fn from(fault: String) -> Self {
        Self(vec![fault])
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_slice() {
            [one] => f.write_str(one),
            many => {
                write!(f, "the configuration has {} faults:", many.len())?;
                many.iter().try_for_each(|fault| write!(f, "\n  {fault}"))
            }
        }
    }
}

impl std::error::Error for Faults {}
