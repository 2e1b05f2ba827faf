//! The metrics of this crate, each name once.

use backing::Metric;
use http::{Method, StatusCode};
use metrics::{Counter, Histogram};
use std::cell::RefCell;
use std::collections::HashMap;
use std::time::Duration;

pub(crate) const REQUESTS: &str = "moocflix_http_requests_total";
const SECONDS: &str = "moocflix_http_request_seconds";
const CONNECTIONS: &str = "moocflix_http_connections";
pub(crate) const CUT: &str = "moocflix_http_connections_cut_total";
pub(crate) const REFUSED: &str = "moocflix_http_refused_total";
const QUESTIONS: &str = "moocflix_questions_total";
const QUESTION_SECONDS: &str = "moocflix_question_seconds";
const ASKED_AGAIN: &str = "moocflix_questions_asked_again_total";
const LEFT_ALONE: &str = "moocflix_roles_left_alone";
const QUESTIONS_REFUSED: &str = "moocflix_questions_refused_total";
/// Why connections and requests are refused before a handler sees them.
pub(crate) const REFUSALS: [&str; 7] = [
    "connections",
    "connections_of_address",
    "head",
    "host",
    "body",
    "memory",
    "memory_of_address",
];

/// Every metric of this crate.
pub const METRICS: &[Metric] = &[
    Metric {
        name: REQUESTS,
        help: "requests answered; the route is the pattern, never the path",
    },
    Metric {
        name: SECONDS,
        help: "seconds from a request's head to its answer's head",
    },
    Metric {
        name: CONNECTIONS,
        help: "connections that are open",
    },
    Metric {
        name: CUT,
        help: "connections and bodies cut by a time limit: head, body, idle, write",
    },
    Metric {
        name: REFUSED,
        help: "connections and requests refused by a limit, by reason: connections, connections_of_address, head, host, \
               body, memory, memory_of_address",
    },
    Metric {
        name: QUESTIONS,
        help: "questions to roles in other processes, by role and result: answered, unanswered",
    },
    Metric {
        name: QUESTION_SECONDS,
        help: "seconds from a question to a role in another process to its answer, by question",
    },
    Metric {
        name: ASKED_AGAIN,
        help: "questions that were asked a second time because a role did not answer, by role",
    },
    Metric {
        name: LEFT_ALONE,
        help: "1 while a role in another process is left alone because it did not answer, by role",
    },
    Metric {
        name: QUESTIONS_REFUSED,
        help: "questions of other processes that were refused: signature, role",
    },
];

thread_local! {
    /// The two metrics of a request by route, method and status: making their labels costs more than counting. Patterns of
    /// routes, known methods and statuses are few, so the map stays small.
    static OF_ROUTES: RefCell<HashMap<String, OfRoute>> = RefCell::default();
}

/// By method and status; so few that looking through them is quicker than hashing.
type OfRoute = Vec<((&'static str, u16), OfRequests)>;

struct OfRequests {
    count: Counter,
    seconds: Histogram,
}

impl OfRequests {
    fn of(method: &'static str, route: &str, status: u16) -> Self {
        let route = route.to_owned();
        Self {
            count: metrics::counter!(REQUESTS, "method" => method, "route" => route.clone(), "status" => status.to_string()),
            seconds: metrics::histogram!(SECONDS, "route" => route),
        }
    }
}

/// A request was answered.
pub(crate) fn request(method: &Method, route: &str, status: StatusCode, elapsed: Duration) {
    let (method, status) = (known(method), status.as_u16());
    OF_ROUTES.with_borrow_mut(|routes| {
        let found = match routes.get_mut(route) {
            Some(found) => found,
            None => routes.entry(route.to_owned()).or_default(),
        };
        let at = found.iter().position(|(key, _)| *key == (method, status));
        let at = at.unwrap_or_else(|| {
            found.push(((method, status), OfRequests::of(method, route, status)));
            found.len() - 1
        });
        if let Some((_, metrics)) = found.get(at) {
            metrics.count.increment(1);
            metrics.seconds.record(elapsed.as_secs_f64());
        }
    });
}

/// A stranger can make methods up: they share one label.
fn known(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

/// A connection was cut by a time limit.
pub(crate) fn cut(reason: &'static str) {
    metrics::counter!(CUT, "reason" => reason).increment(1);
}

/// A connection or a request was refused by a limit.
pub(crate) fn refused(reason: &'static str) {
    metrics::counter!(REFUSED, "reason" => reason).increment(1);
}

/// A role in another process was asked.
pub(crate) fn question(path: &'static str, role: &'static str, elapsed: Duration, is_answered: bool) {
    let result = if is_answered { "answered" } else { "unanswered" };
    metrics::counter!(QUESTIONS, "role" => role, "result" => result).increment(1);
    metrics::histogram!(QUESTION_SECONDS, "question" => path).record(elapsed.as_secs_f64());
}

/// A role was asked a second time.
pub(crate) fn asked_again(role: &'static str) {
    metrics::counter!(ASKED_AGAIN, "role" => role).increment(1);
}

/// Whether a role is left alone.
pub(crate) fn left_alone(role: &'static str, is_left: bool) {
    metrics::gauge!(LEFT_ALONE, "role" => role).set(f64::from(u8::from(is_left)));
}

/// A question of another process was refused.
pub(crate) fn question_refused(reason: &'static str) {
    metrics::counter!(QUESTIONS_REFUSED, "reason" => reason).increment(1);
}

/// Something that is open and counted as long as the value lives.
pub(crate) struct Open(metrics::Gauge);

impl Open {
    pub(crate) fn connection() -> Self {
        let gauge = metrics::gauge!(CONNECTIONS);
        gauge.increment(1.0);
        Self(gauge)
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.decrement(1.0);
    }
}
