//! Logs: readable on a terminal, ECS JSON otherwise; on standard error, since standard output is the
//! program's own.

mod current;
mod ecs;

use current::AfterRequest;
use serde::Deserialize;
use std::io::IsTerminal;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::DefaultFields;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

pub(crate) use current::Current;

/// The form of the logs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// Text on a terminal, JSON otherwise.
    #[default]
    Auto,
    /// Lines for people.
    Text,
    /// One JSON object a line, in Elastic's common schema.
    Json,
}

/// Why logs cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter is not one.
    #[error("the log filter `{0}` is not valid: use a level, or `crate=level` with commas between")]
    Filter(String),
    /// Something logs already.
    #[error("logs were started before")]
    Twice,
}

/// Starts the logs of this process, panics among them.
///
/// Shape: `filter` as in `info,runtime=debug`
pub fn init(format: LogFormat, filter: &str) -> Result<(), TelemetryError> {
    let filter: Targets = filter.parse().map_err(|_| TelemetryError::Filter(filter.to_owned()))?;
    let terminal = std::io::stderr().is_terminal();
    let as_text = match format {
        LogFormat::Auto => terminal,
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let layer = if as_text {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(terminal)
            .with_target(false)
            .fmt_fields(AfterRequest(DefaultFields::new()))
            .boxed()
    } else {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(false)
            .event_format(ecs::Ecs)
            .boxed()
    };
    tracing_subscriber::registry()
        .with(layer)
        .with(filter)
        .try_init()
        .map_err(|_| TelemetryError::Twice)?;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let text = payload.downcast_ref::<&str>().copied();
        let why = text
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("unknown");
        tracing::error!(place, why, "a panic");
    }));
    Ok(())
}
