//! A served role with a door that the test opens and closes.

use crate::peer::{Offered, Peer};
use async_trait::async_trait;
use contracts::questions::Unanswered;
use contracts::questions::live::{
    LiveDoor, PublishAsked, PublishGrant, Publisher, Refused, Watch, WatchAsked, WatchGrant,
};
use contracts::{PlaybackId, VideoId};
use live_server::rooms::Rooms;
use live_server::{Config, Deps};
use reqwest::Method;
use runtime::server::ServerLimits;
use std::sync::{Arc, Mutex};
use testing::{Identity, Person, Reply, Site};

/// The key that publishes.
pub(crate) const KEY: &str = "stream-key";

/// Lets in whoever has the key, or is signed in.
#[derive(Default)]
pub(crate) struct Door {
    living: Mutex<Vec<Watch>>,
}

impl Door {
    pub(crate) fn revoke_all(&self) {
        self.living.lock().unwrap().clear();
    }

    pub(crate) fn sessions(&self) -> usize {
        self.living.lock().unwrap().len()
    }
}

#[async_trait]
impl LiveDoor for Door {
    async fn publish(&self, asked: PublishAsked) -> Result<Result<PublishGrant, Refused>, Unanswered> {
        let right = match &asked.publisher {
            Publisher::Key(key) => key == KEY,
            Publisher::Person(_) => true,
        };
        let video = asked.video.unwrap();
        Ok(right
            .then_some(PublishGrant {
                video,
                publisher: asked.publisher,
                key_version: 1,
            })
            .ok_or(Refused::Unauthenticated))
    }

    async fn withdrawn(&self, _: Vec<PublishGrant>) -> Result<Vec<usize>, Unanswered> {
        Ok(Vec::new())
    }

    async fn watch(&self, asked: WatchAsked) -> Result<Result<WatchGrant, Refused>, Unanswered> {
        if asked.viewer.is_none() {
            return Ok(Err(Refused::Unauthenticated));
        }
        if asked.is_full {
            return Ok(Err(Refused::Full));
        }
        let session = PlaybackId::generate();
        let token = format!("token-{session}");
        let watch = Watch {
            video: asked.video,
            token: token.clone(),
        };
        self.living.lock().unwrap().push(watch);
        Ok(Ok(WatchGrant {
            session,
            token,
            expires_at: contracts::Timestamp::from_seconds(1_900_000_000),
        }))
    }

    async fn living(&self, watches: Vec<Watch>) -> Result<Vec<usize>, Unanswered> {
        let living = self.living.lock().unwrap();
        let all = watches.iter().enumerate();
        Ok(all.filter(|(_, it)| living.contains(it)).map(|(at, _)| at).collect())
    }

    async fn leave(&self, watch: Watch) -> Result<(), Unanswered> {
        self.living.lock().unwrap().retain(|it| *it != watch);
        Ok(())
    }
}

pub(crate) struct Classroom {
    pub(crate) site: Site,
    pub(crate) door: Arc<Door>,
    pub(crate) video: VideoId,
}

impl Classroom {
    pub(crate) async fn open() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config {
            udp_listen: Some("127.0.0.1:0".to_owned()),
            rtmp_listen: None,
            public_addresses: Vec::new(),
            ice_servers: Vec::new(),
            webrtc_viewers: 100,
            end_after: 300,
            base_url: None,
        };
        change(&mut config);
        let (identity, door) = (Identity::new(), Arc::new(Door::default()));
        let service = live_server::service(Deps {
            rooms: Rooms::default(),
            door: Arc::clone(&door) as Arc<dyn LiveDoor>,
            nodes: None,
            authenticator: identity.authenticator(),
            clock: identity.clock.clone(),
            listen: "127.0.0.1:0".to_owned(),
            config,
        });
        let site = Site::serve(identity, service.unwrap(), ServerLimits::default()).await;
        Self {
            site,
            door,
            video: VideoId::generate(),
        }
    }

    pub(crate) fn path(&self, end: &str) -> String {
        format!("/api/v1/content/live/{}/{end}", self.video)
    }

    /// Sends an offer.
    pub(crate) async fn offer(&self, end: &str, bearer: &str, offer: &str) -> Reply {
        let request = self.site.request(Method::POST, &self.path(end)).bearer_auth(bearer);
        let request = request.header("content-type", "application/sdp").body(offer.to_owned());
        self.site.send(request).await
    }

    /// A publisher, and the path of its session.
    pub(crate) async fn publish(&self) -> (Peer, String) {
        let offered = Offered::publisher().await;
        let reply = self.offer("whip", KEY, &offered.offer).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let location = reply.header("location").to_owned();
        (offered.answered(&reply.text).await, location)
    }

    /// A viewer, and the path of its session.
    pub(crate) async fn watch(&self, offered: Offered) -> (Peer, String) {
        let token = self.site.token(&Person::learner());
        let reply = self.offer("whep", &token, &offered.offer).await;
        assert_eq!(reply.status, 201, "{reply:?}");
        let location = reply.header("location").to_owned();
        (offered.answered(&reply.text).await, location)
    }
}
