//! The playback sessions that this process has seen a token of, found by the token itself: a digest of it would cost more
//! than all the rest of the look-up.
//!
//! The hot path is one shared lock for the time of a look-up, and a few atomic loads.
//! An end that arrives while a token's session is still being looked up in the database is kept
//! for a while, so that the older answer cannot bring the session back.

use contracts::{PlaybackId, Timestamp, VideoId};
use entitlements::models::playback_token::Claims;
use entitlements::models::session::RENEWAL;
use media_store::unread_media::{MOST, MOST_OF_NETWORK, UnreadMedia};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, Weak};
use std::time::Duration;

const SHARDS: usize = 16;
const PER_SHARD: usize = 4_096;
const KEEP_ENDS: Duration = Duration::from_secs(600);

/// A user, or a network, as tokens name them.
type Viewer = [u8; 8];
type Shard = RwLock<HashMap<Box<str>, Arc<OpenPlayback>>>;

/// One session's state, shared by all requests that carry its token.
pub(crate) struct OpenPlayback {
    /// The claims of its token.
    pub(crate) claims: Claims,
    /// What its viewer has not read yet, in this and in other sessions.
    pub(crate) unread: Arc<UnreadMedia>,
    ended: AtomicBool,
    seen: AtomicI64,
    /// What others know of that, from the database.
    reported: AtomicI64,
}

impl OpenPlayback {
    /// Whether media may be sent: not ended and not run out.
    pub(crate) fn lives(&self, now: Timestamp) -> bool {
        !self.ended.load(Ordering::Acquire) && now < self.claims.expires_at
    }

    /// Whether it lives, but the others may soon believe that it was left.
    pub(crate) fn is_due(&self, now: Timestamp) -> bool {
        self.lives(now) && now.since(Timestamp(self.reported.load(Ordering::Relaxed))) >= RENEWAL
    }

    /// Whether it lives and is of this video; if so, its player has given a sign of life.
    pub(crate) fn is_for(&self, video: VideoId, now: Timestamp) -> bool {
        let good = self.claims.video == video && self.lives(now);
        if good {
            self.touch(now);
        }
        good
    }

    fn touch(&self, now: Timestamp) {
        self.seen.store(now.0, Ordering::Relaxed);
    }
}

/// All sessions that were seen here, bounded.
#[derive(Default)]
pub(crate) struct OpenPlaybacks {
    shards: [Shard; SHARDS],
    admissions: [tokio::sync::Mutex<()>; SHARDS],
    ends: Mutex<Ends>,
    viewers: Mutex<HashMap<Viewer, Weak<UnreadMedia>>>,
}

#[derive(Default)]
struct Ends {
    playbacks: HashMap<PlaybackId, Timestamp>,
    videos: HashMap<VideoId, (u32, Timestamp)>,
}

impl Ends {
    fn cover(&self, claims: &Claims) -> bool {
        self.playbacks.contains_key(&claims.playback)
            || self
                .videos
                .get(&claims.video)
                .is_some_and(|(from, _)| claims.policy_version < *from)
    }

    fn forget_before(&mut self, moment: Timestamp) {
        self.playbacks.retain(|_, at| *at >= moment);
        self.videos.retain(|_, (_, at)| *at >= moment);
    }
}

/// Which part of the table a token stands in: its last letters are of its signature, and as good as random.
fn shard(token: &str) -> usize {
    let letters = token.as_bytes();
    let letter = letters.len().checked_sub(2).and_then(|at| letters.get(at));
    usize::from(letter.copied().unwrap_or_default()) % SHARDS
}

impl OpenPlaybacks {
    /// The session of a token that was admitted before.
    pub(crate) fn find(&self, token: &str) -> Option<Arc<OpenPlayback>> {
        let shard = self.shards[shard(token)].read().unwrap_or_else(PoisonError::into_inner);
        shard.get(token).cloned()
    }

    /// Waits until no other request admits a token of the same shard, so that a crowd asks the database once.
    pub(crate) async fn admission(&self, token: &str) -> tokio::sync::MutexGuard<'_, ()> {
        self.admissions[shard(token)].lock().await
    }

    /// Adds a token whose signature is good, with the last sign of life of its session that the database has; none if the
    /// session does not live.
    pub(crate) fn admit(
        &self,
        token: &str,
        claims: Claims,
        seen_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Arc<OpenPlayback> {
        let unread = self.unread(&claims);
        let ends = self.ends();
        let known = seen_at.map_or(0, |at| at.0);
        let open = Arc::new(OpenPlayback {
            unread,
            ended: AtomicBool::new(seen_at.is_none() || ends.cover(&claims)),
            seen: AtomicI64::new(known),
            reported: AtomicI64::new(known),
            claims,
        });
        let mut shard = self.shards[shard(token)]
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if shard.len() >= PER_SHARD {
            make_room(&mut shard, now);
        }
        shard.insert(token.into(), Arc::clone(&open));
        open
    }

    /// Ends sessions by their ids, from now on and for requests that are being admitted.
    pub(crate) fn end(&self, playbacks: &[PlaybackId], now: Timestamp) {
        if playbacks.is_empty() {
            return;
        }
        let mut ends = self.ends();
        ends.forget_before(now - KEEP_ENDS);
        ends.playbacks.extend(playbacks.iter().map(|id| (*id, now)));
        self.mark(&ends);
    }

    /// Ends every session of a video that was opened under a policy before `policy_version`.
    pub(crate) fn end_below(&self, videos: &[(VideoId, u32)], now: Timestamp) {
        if videos.is_empty() {
            return;
        }
        let mut ends = self.ends();
        ends.forget_before(now - KEEP_ENDS);
        for (video, version) in videos {
            let known = ends.videos.entry(*video).or_insert((0, now));
            *known = (known.0.max(*version), now);
        }
        self.mark(&ends);
    }

    /// When each session was last seen, of those that were seen since this was last asked.
    pub(crate) fn take_seen(&self) -> Vec<(PlaybackId, Timestamp)> {
        let mut seen = Vec::new();
        self.for_each(|open| {
            let at = open.seen.load(Ordering::Relaxed);
            if open.reported.swap(at, Ordering::Relaxed) != at {
                seen.push((open.claims.playback, Timestamp(at)));
            }
        });
        seen
    }

    /// How many tokens are remembered.
    pub(crate) fn len(&self) -> usize {
        let lengths = self
            .shards
            .iter()
            .map(|shard| shard.read().unwrap_or_else(PoisonError::into_inner).len());
        lengths.sum()
    }

    fn mark(&self, ends: &Ends) {
        self.for_each(|open| {
            if ends.cover(&open.claims) {
                open.ended.store(true, Ordering::Release);
            }
        });
    }

    fn for_each(&self, mut act: impl FnMut(&OpenPlayback)) {
        for shard in &self.shards {
            let shard = shard.read().unwrap_or_else(PoisonError::into_inner);
            shard.values().for_each(|open| act(open));
        }
    }

    /// What a viewer has not read yet.
    fn unread(&self, claims: &Claims) -> Arc<UnreadMedia> {
        let viewer = claims.viewer;
        let mut viewers = self.viewers.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(unread) = viewers.get(&viewer).and_then(Weak::upgrade) {
            return unread;
        }
        if viewers.len() >= SHARDS * PER_SHARD {
            viewers.retain(|_, unread| unread.strong_count() > 0);
        }
        let signed_in = !claims.session.0.is_nil();
        let unread = Arc::new(UnreadMedia::new(if signed_in { MOST } else { MOST_OF_NETWORK }));
        viewers.insert(viewer, Arc::downgrade(&unread));
        unread
    }

    fn ends(&self) -> MutexGuard<'_, Ends> {
        self.ends.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Removes sessions that have run out; if those are few, some of the rest too: their next request looks them up again.
fn make_room(shard: &mut HashMap<Box<str>, Arc<OpenPlayback>>, now: Timestamp) {
    shard.retain(|_, open| now < open.claims.expires_at);
    if shard.len() > PER_SHARD / 4 * 3 {
        let mut keep = false;
        shard.retain(|_, _| {
            keep = !keep;
            keep
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use contracts::SessionId;
    use entitlements::models::playback_token::USE_MEDIA;

    fn claims(expires_at: Timestamp) -> Claims {
        Claims {
            video: VideoId::generate(),
            policy_version: 1,
            viewer: [0; 8],
            playback: PlaybackId::generate(),
            session: SessionId::generate(),
            uses: USE_MEDIA,
            max_height: 0,
            expires_at,
        }
    }

    const NOW: Timestamp = Timestamp::from_seconds(1_000);
    const LATER: Timestamp = Timestamp::from_seconds(2_000);

    #[test]
    fn a_session_lives_until_it_runs_out_or_is_ended() {
        let table = OpenPlaybacks::default();
        let open = table.admit("a", claims(LATER), Some(NOW), NOW);
        assert!(table.find("b").is_none());
        assert!(table.find("a").unwrap().lives(NOW));
        assert!(!open.lives(LATER));
        table.end(&[open.claims.playback], NOW);
        assert!(!table.find("a").unwrap().lives(NOW));
    }

    #[test]
    fn a_new_policy_ends_what_was_opened_before_it_and_nothing_else() {
        let table = OpenPlaybacks::default();
        let old = table.admit("old", claims(LATER), Some(NOW), NOW);
        let new = Claims {
            policy_version: 2,
            ..old.claims.clone()
        };
        let new = table.admit("new", new, Some(NOW), NOW);
        let other = table.admit("other", claims(LATER), Some(NOW), NOW);
        table.end_below(&[(old.claims.video, 2)], NOW);
        assert_eq!([old.lives(NOW), new.lives(NOW), other.lives(NOW)], [false, true, true]);
    }

    #[test]
    fn an_end_that_arrives_during_the_admission_counts() {
        let table = OpenPlaybacks::default();
        let (one, two) = (claims(LATER), claims(LATER));
        table.end(&[one.playback], NOW);
        table.end_below(&[(two.video, 2)], NOW);
        assert!(!table.admit("one", one, Some(NOW), NOW).lives(NOW));
        assert!(!table.admit("two", two, Some(NOW), NOW).lives(NOW));
    }

    #[test]
    fn the_table_stays_bounded() {
        let table = OpenPlaybacks::default();
        for n in 0..SHARDS * PER_SHARD * 2 {
            table.admit(&n.to_string(), claims(LATER), Some(NOW), NOW);
        }
        assert!(table.len() <= SHARDS * PER_SHARD);
    }

    #[test]
    fn a_sign_of_life_is_reported_once() {
        let table = OpenPlaybacks::default();
        let open = table.admit("a", claims(LATER), Some(NOW), NOW);
        assert!(table.take_seen().is_empty());
        open.touch(LATER);
        assert_eq!(table.take_seen(), [(open.claims.playback, LATER)]);
        assert!(table.take_seen().is_empty());
    }

    #[test]
    fn a_sign_of_life_that_others_do_not_know_of_is_due_before_they_give_the_session_up() {
        let table = OpenPlaybacks::default();
        let open = table.admit("a", claims(LATER), Some(NOW), NOW);
        assert!(!open.is_due(NOW) && open.is_due(NOW + RENEWAL));
        open.touch(NOW + RENEWAL / 2);
        assert!(open.is_due(NOW + RENEWAL), "nobody else knows");
        table.take_seen();
        assert!(!open.is_due(NOW + RENEWAL));
        table.end(&[open.claims.playback], NOW);
        assert!(!open.is_due(NOW + RENEWAL * 2), "what has ended is not looked up");
        let dead = table.admit("b", claims(LATER), None, NOW);
        assert!(!dead.is_due(NOW + RENEWAL * 2) && !dead.lives(NOW));
    }
}
