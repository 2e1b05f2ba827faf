//! One log event as one JSON object.
//!
//! Source: Elastic Common Schema 8.11 (`@timestamp`, `log.level`, `message`, `labels`, `http.request.id`)

use super::current;
use contracts::Timestamp;
use serde_json::{Map, Value};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::{DefaultFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent};
use tracing_subscriber::registry::LookupSpan;

/// Writes events as ECS JSON.
pub(super) struct Ecs;

impl<S> FormatEvent<S, DefaultFields> for Ecs
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, DefaultFields>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        line.0.insert("@timestamp".to_owned(), now().into());
        line.0.insert(
            "log.level".to_owned(),
            event.metadata().level().as_str().to_lowercase().into(),
        );
        line.0.insert("log.logger".to_owned(), event.metadata().target().into());
        line.0.insert("ecs.version".to_owned(), "8.11.0".into());
        line.0.insert("service.name".to_owned(), "moocflix".into());
        current::look(|request| {
            line.0.insert("http.request.id".to_owned(), request.id.as_str().into());
            line.0
                .insert("http.request.method".to_owned(), request.method.as_str().into());
        });
        event.record(&mut line);
        let text = serde_json::to_string(&line.0).map_err(|_| fmt::Error)?;
        writeln!(writer, "{text}")
    }
}

#[derive(Default)]
struct Line(Map<String, Value>);

impl Line {
    /// Fields that ECS has a name for get it; the others are labels.
    fn put(&mut self, name: &str, value: Value) {
        let known = match name {
            "message" => "message".to_owned(),
            "route" => "http.route".to_owned(),
            "status" => "http.response.status_code".to_owned(),
            "error" | "why" => "error.message".to_owned(),
            _ => format!("labels.{name}"),
        };
        self.0.insert(known, value);
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field.name(), format!("{value:?}").into());
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field.name(), value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field.name(), value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field.name(), value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field.name(), value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field.name(), value.into());
    }
}

fn now() -> String {
    let now: Timestamp = backing::Clock::system().now();
    now.to_string()
}
