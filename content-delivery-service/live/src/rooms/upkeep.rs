//! What rooms need while time passes: their packagers' clock, the check of their publishers' rights, their leases, and the end
//! of lectures that nobody ends.

use super::Rooms;
use super::recorder::{Recorded, Recorder, Store};
use super::room::Room;
use backing::DbError;
use broadcasts::models::broadcast::{Broadcast, NEVER_HELD};
use contracts::VideoId;
use contracts::questions::live::PublishGrant;
use runtime::{Background, Shutdown, Spawner};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{interval, timeout};

const TICK: Duration = Duration::from_millis(250);
/// Every so many ticks, the rights of publishers are checked, and whether a lecture was ended or taken elsewhere.
const CHECK: u64 = 2;
/// Every so many ticks, leases are renewed, and lectures are looked after that no living node holds.
const RENEW: u64 = 8;
/// How long the last segments may take when the process ends.
const LAST: Duration = Duration::from_secs(5);

impl Rooms {
    /// The work in the background; `end_after` is how long a lecture waits for its publisher to come back.
    #[must_use]
    pub fn background(&self, end_after: Duration) -> Vec<Background> {
        let (upkeep, recording) = (self.clone(), self.clone());
        vec![
            Background::new("live-rooms", move |shutdown| upkeep.keep(end_after, shutdown)),
            Background::new("live-recordings", move |shutdown| recording.record(shutdown)),
        ]
    }

    async fn keep(self, end_after: Duration, shutdown: Shutdown) -> Result<(), String> {
        let mut ticks = interval(TICK);
        for tick in 0_u64.. {
            tokio::select! {
                () = shutdown.requested() => break,
                _ = ticks.tick() => {}
            }
            let now = self.0.clock.now().0;
            for room in self.rooms() {
                room.tick(now);
            }
            if tick.is_multiple_of(CHECK) {
                self.check().await;
            }
            if let Some(store) = &self.0.store
                && let Err(error) = self.look(store, tick, end_after).await
            {
                tracing::warn!(%error, "live lectures could not be looked after");
            }
        }
        Ok(())
    }

    /// Sends publishers away whose right was withdrawn.
    async fn check(&self) {
        let Some(door) = self.0.door.get() else { return };
        let published = |room: &Arc<Room>| Some((room.grant()?, Arc::clone(room)));
        let (grants, rooms): (Vec<PublishGrant>, Vec<_>) = self.rooms().iter().filter_map(published).unzip();
        if grants.is_empty() {
            return;
        }
        match door.withdrawn(grants.clone()).await {
            Ok(withdrawn) => {
                for at in withdrawn {
                    if let (Some(room), Some(grant)) = (rooms.get(at), grants.get(at)) {
                        room.withdraw(grant);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "the rights of publishers could not be checked"),
        }
    }

    /// Renews the leases of this node, leaves lectures that other nodes have taken, and ends those that are over.
    async fn look(&self, store: &Store, tick: u64, end_after: Duration) -> Result<(), DbError> {
        let (rooms, is_renewing) = (self.rooms(), tick.is_multiple_of(RENEW));
        if is_renewing {
            for room in &rooms {
                let (of, now) = ((room.video, room.lease), store.clock.now());
                if !store.broadcasts.renew(of, room.is_published(), now).await? {
                    self.leave(room);
                }
            }
        }
        if is_renewing || !rooms.is_empty() && tick.is_multiple_of(CHECK) {
            // whether nobody publishes a lecture any more can only be told after the leases were renewed
            let end_after = if is_renewing { end_after } else { Duration::MAX };
            for broadcast in store.broadcasts.open().await? {
                self.look_after(store, &broadcast, end_after).await?;
            }
        }
        Ok(())
    }

    /// Leaves a lecture that is another node's, or deleted.
    fn leave(&self, room: &Arc<Room>) {
        self.forget(room);
        room.abandon();
    }

    /// Completes the recording of a lecture that has ended and that no node holds.
    pub(super) async fn finish(&self, video: VideoId, end_after: Duration) {
        let Some(store) = &self.0.store else { return };
        let finished = async {
            match store.broadcasts.find(video).await? {
                Some(broadcast) if broadcast.recorded_at.is_none() => {
                    self.look_after(store, &broadcast, end_after).await
                }
                _ => Ok(()),
            }
        };
        if let Err(error) = finished.await {
            // it is tried again in a moment
            tracing::warn!(%video, %error, "a recording could not be completed yet");
        }
    }

    async fn look_after(&self, store: &Store, broadcast: &Broadcast, end_after: Duration) -> Result<(), DbError> {
        let now = store.clock.now();
        let lease = broadcast.lease.as_ref();
        let is_taken = |room: &Arc<Room>| lease.is_some_and(|lease| lease.number > room.lease);
        if let Some(room) = self.held(broadcast.id).filter(is_taken) {
            self.leave(&room);
        }
        if broadcast.is_overdue(end_after, now) {
            store.broadcasts.end(broadcast.id, now).await?;
        } else if broadcast.ended_at.is_none() {
            return Ok(());
        }
        if let Some(room) = self.held(broadcast.id) {
            room.end();
            return Ok(());
        }
        // Its node has died, or nobody has published it here since this process began.
        let is_held = lease.is_some_and(|lease| lease.until > now && lease.node != store.node);
        if !is_held {
            let number = lease.map_or(NEVER_HELD, |lease| lease.number);
            store.complete((broadcast.id, number)).await?;
        }
        Ok(())
    }

    /// Stores the recordings of all rooms until the process ends, and then what is left of them.
    async fn record(self, shutdown: Shutdown) -> Result<(), String> {
        let Some(mut recorders) = self.take_recorders() else {
            return Ok(());
        };
        let running = Spawner::new();
        loop {
            tokio::select! {
                () = shutdown.requested() => break,
                recorder = recorders.recv() => match recorder {
                    // it comes to its end whether or not somebody waits for it
                    Some((recorder, room)) => drop(running.run(self.clone().follow(recorder, room))),
                    None => break,
                },
            }
        }
        for room in self.rooms() {
            room.abandon();
        }
        let _ = timeout(LAST, running.finished()).await;
        Ok(())
    }

    async fn follow(self, recorder: Recorder, room: Arc<Room>) {
        let recorded = recorder.run().await;
        if recorded != Recorded::Completely {
            room.abandon();
        }
        self.forget(&room);
        room.is_stored.send_replace(true);
    }
}
