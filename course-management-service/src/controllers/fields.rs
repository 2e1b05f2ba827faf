//! Checks all fields of a request at once, so that a person can correct them all together.

use crate::services::error::CourseError;
use serde::{Deserialize, Deserializer};

/// The fields that are wrong so far, and why.
#[derive(Debug, Default)]
pub(crate) struct Fields(Vec<(&'static str, &'static str)>);

impl Fields {
    /// The checked value of a field; none if it is wrong.
    pub(crate) fn check<T>(&mut self, field: &'static str, value: Result<T, &'static str>) -> Option<T> {
        value.map_err(|why| self.0.push((field, why))).ok()
    }

    /// Fails if a field is wrong.
    pub(crate) fn finish(self) -> Result<(), CourseError> {
        if self.0.is_empty() {
            Ok(())
        } else {
            Err(CourseError::Invalid(self.0))
        }
    }
}

/// Reads a field that may be absent, `null` or a value, and keeps the three apart.
pub(crate) fn present<'de, D, T>(deserializer: D) -> Result<Option<Option<T>>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    Option::<T>::deserialize(deserializer).map(Some)
}
