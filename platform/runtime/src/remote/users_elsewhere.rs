//! Follows what the users' service in another process says of access tokens: which keys sign them, and which are refused.
//!
//! Refused tokens come by events at once, and by a question every few seconds, which brings what an event has not. No
//! token is accepted before that was answered once.

use super::fetch::Fetch;
use super::key_source::KeySource;
use super::peer::Peer;
use crate::{Background, KeyFeed, RevocationFeed, Shutdown};
use backing::Clock;
use contracts::questions::{Refusal, Refusals, RefusedTokens};
use contracts::{ClientId, Event, EventData, Timestamp, UserId};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

/// How often refused tokens are asked for.
const EVERY: Duration = Duration::from_secs(2);
/// How far back each question goes, so that no slow transaction and no other process's clock hides one.
const OVERLAP: Duration = Duration::from_secs(60);
/// How long a refusal that an event brings lasts: longer than any access token does.
const LASTS: Duration = Duration::from_secs(3_600 + 60);
/// How long keys are not fetched again after a token named one that is unknown.
const REST: Duration = Duration::from_secs(2);
/// Where the keys are.
const KEYS: &str = "/.well-known/jwks.json";

/// What follows the users' service.
pub struct UsersElsewhere {
    /// Where it is.
    pub peer: Arc<Peer>,
    /// Takes the tokens that it refuses.
    pub revocations: RevocationFeed,
    /// The time.
    pub clock: Clock,
}

impl UsersElsewhere {
    /// Follows it until the process ends, and brings its keys; the events are those of the users' topic.
    ///
    /// Errors: TLS can't be set up
    pub fn follow(self, keys: KeyFeed, events: Receiver<Event>) -> Result<[Background; 2], String> {
        let fetch = Fetch::new()?;
        let revocations = self.revocations.clone();
        Ok([
            Background::new("users-elsewhere", move |shutdown| self.keep_up(fetch, keys, shutdown)),
            Background::new("users-events", move |shutdown| hear(events, revocations, shutdown)),
        ])
    }

    async fn keep_up(self, fetch: Fetch, keys: KeyFeed, shutdown: Shutdown) -> Result<(), String> {
        let mut last = Timestamp(i64::MIN);
        while !self.read(&mut last).await {
            if !shutdown.pause(EVERY / 2).await {
                return Ok(());
            }
        }
        let peer = &self.peer;
        let source = KeySource {
            name: peer.role,
            rest: REST,
            fetch: || {
                let fetched = fetch.bytes(peer.get(KEYS));
                async move { fetched.await.map(|(_, fetched)| fetched).map_err(|why| why.to_string()) }
            },
        };
        let reading = async {
            while shutdown.pause(EVERY).await {
                self.read(&mut last).await;
            }
        };
        tokio::join!(source.follow(keys, shutdown.clone()), reading).0
    }

    /// Takes the refusals since the last time; returns whether they came.
    async fn read(&self, last: &mut Timestamp) -> bool {
        let now = self.clock.now();
        match self.peer.written_after(*last - OVERLAP).await {
            Ok(refusals) => {
                refusals.iter().for_each(|refusal| apply(&self.revocations, refusal));
                *last = now;
                true
            }
            Err(error) => {
                tracing::warn!(%error, "refused tokens could not be asked for; trying again");
                false
            }
        }
    }
}

fn apply(feed: &RevocationFeed, refusal: &Refusal) {
    match refusal.refused {
        RefusedTokens::Session(session) => feed.end_session(session, refusal.until),
        RefusedTokens::Below(user, version) => feed.end_user_below(user, version, refusal.until),
        RefusedTokens::Client(client) => feed.end_client(client, refusal.until),
        RefusedTokens::Token(token) => feed.end_token(token, refusal.until),
    }
}

async fn hear(mut events: Receiver<Event>, feed: RevocationFeed, shutdown: Shutdown) -> Result<(), String> {
    loop {
        let event = tokio::select! {
            () = shutdown.requested() => return Ok(()),
            event = events.recv() => event,
        };
        match event {
            Ok(event) => {
                if let Some(refused) = refused_by(&event) {
                    let until = event.time + LASTS;
                    apply(&feed, &Refusal { refused, until });
                }
            }
            Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "events of users were missed"),
            Err(RecvError::Closed) => {
                shutdown.requested().await;
                return Ok(());
            }
        }
    }
}

/// Which tokens an event refuses.
fn refused_by(event: &Event) -> Option<RefusedTokens> {
    let below = |version| Some(RefusedTokens::Below(UserId::from(event.subject), version));
    match &event.data {
        EventData::UserSessionEnded(ended) => Some(RefusedTokens::Session(ended.session_id)),
        EventData::UserSessionsEnded(ended) => below(ended.version),
        EventData::UserRolesChanged(changed) => below(changed.version),
        EventData::UserDeactivated(deactivated) => below(deactivated.version),
        EventData::UserReactivated(reactivated) => below(reactivated.version),
        EventData::ClientDeleted(_) => Some(RefusedTokens::Client(ClientId::from(event.subject))),
        _ => None,
    }
}
