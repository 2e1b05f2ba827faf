//! Tickets with which a node sends clients to another one: sealed, so that nobody reads or changes them, for one node, for a
//! minute, and for one use.

use backing::Clock;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contracts::questions::live::{Publisher, Watch};
use contracts::{Timestamp, VideoId};
use runtime::secrets::{Sealer, derive};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use uuid::Uuid;

/// How long a ticket is good for.
const GOOD_FOR: Duration = Duration::from_secs(60);
/// What the key of the seal is for.
const PURPOSE: &str = "tickets to live lectures";

/// What a ticket allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Pass {
    /// To publish a lecture, as far as this publisher may.
    Publish(VideoId, Publisher),
    /// To watch by a playback session that is open.
    Watch(Watch),
}

#[derive(Serialize, Deserialize)]
struct Ticket {
    /// Tells two tickets of the same content apart.
    id: Uuid,
    /// The address of the node that takes it.
    node: String,
    /// Units: microseconds of UTC
    until: i64,
    pass: Pass,
}

/// Issues tickets for other nodes, and takes those for this one.
pub(super) struct Tickets {
    /// None if the system gives no key, which then has no tickets.
    sealer: Option<Sealer>,
    clock: Clock,
    /// Until when the tickets were good that were used.
    used: Mutex<HashMap<Uuid, Timestamp>>,
}

impl Tickets {
    pub(super) fn new(secret: &[u8], clock: Clock) -> Self {
        Self {
            sealer: Sealer::new(&derive(secret, PURPOSE)).ok(),
            clock,
            used: Mutex::default(),
        }
    }

    /// A ticket for a node.
    pub(super) fn issue(&self, node: &str, pass: Pass) -> Option<String> {
        let ticket = Ticket {
            id: Uuid::new_v4(),
            node: node.to_owned(),
            until: (self.clock.now() + GOOD_FOR).0,
            pass,
        };
        let text = serde_json::to_vec(&ticket).ok()?;
        let sealed = self.sealer.as_ref()?.seal(PURPOSE.as_bytes(), &text).ok()?;
        Some(URL_SAFE_NO_PAD.encode(sealed))
    }

    /// What a ticket for the node at this address allows, once.
    pub(super) fn redeem(&self, node: &str, ticket: &str) -> Option<Pass> {
        let sealed = URL_SAFE_NO_PAD.decode(ticket).ok()?;
        let text = self.sealer.as_ref()?.open(PURPOSE.as_bytes(), &sealed).ok()?;
        let ticket: Ticket = serde_json::from_slice(&text).ok()?;
        let (now, until) = (self.clock.now(), Timestamp(ticket.until));
        if ticket.node != node || until <= now {
            return None;
        }
        let mut used = self.used();
        used.retain(|_, until| *until > now);
        used.insert(ticket.id, until).is_none().then_some(ticket.pass)
    }

    fn used(&self) -> MutexGuard<'_, HashMap<Uuid, Timestamp>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NODE: &str = "https://one.example.org/";

    fn tickets(secret: &[u8], at: i64) -> Tickets {
        Tickets::new(secret, Clock::fixed(Timestamp::from_seconds(at)))
    }

    fn pass() -> Pass {
        Pass::Publish(VideoId::generate(), Publisher::Key("the-stream-key".to_owned()))
    }

    #[test]
    fn a_ticket_is_good_once_for_a_minute_at_its_node() {
        let (issuing, pass) = (tickets(b"secret", 1_000), pass());
        let ticket = issuing.issue(NODE, pass.clone()).unwrap();
        assert_eq!(tickets(b"other", 1_000).redeem(NODE, &ticket), None);
        let taking = tickets(b"secret", 1_059);
        assert_eq!(taking.redeem("https://two.example.org/", &ticket), None);
        assert_eq!(taking.redeem(NODE, &ticket), Some(pass.clone()));
        assert_eq!(taking.redeem(NODE, &ticket), None, "a second use");
        // The nonce of a seal may stand at either end.
        let mut turned = URL_SAFE_NO_PAD.decode(&ticket).unwrap();
        turned.rotate_left(12);
        assert_eq!(taking.redeem(NODE, &URL_SAFE_NO_PAD.encode(turned)), None);
        assert_eq!(tickets(b"secret", 1_060).redeem(NODE, &ticket), None, "too late");
        let again = issuing.issue(NODE, pass.clone()).unwrap();
        assert_eq!(taking.redeem(NODE, &again), Some(pass));
    }

    #[test]
    fn a_ticket_shows_nothing_of_the_key_that_it_stands_for() {
        let ticket = tickets(b"secret", 1_000).issue(NODE, pass()).unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(&ticket).unwrap();
        assert!(!ticket.contains("stream") && !bytes.windows(6).any(|it| it == b"stream"));
    }
}
