//! Opens sessions; those that are asked for at the same time are written together.

use super::{PlaybackRow, end_open};
use crate::metric;
use backing::audit::{self, NewEntry};
use backing::db::{Sql, Value};
use backing::space::Space;
use backing::{Db, DbError, Tx, args, outbox};
use contracts::{NewEvent, PlaybackId, Timestamp, UserId};
use entitlements::models::grounds::Viewing;
use entitlements::models::rights::goes_on;
use entitlements::models::session::{LiveSession, NewPlayback};
use entitlements::repositories::grounds_repository::{Situation, held};
use entitlements::repositories::lease_repository::{Live, live};
use runtime::{Gather, Spawner};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many sessions of a user live at once.
pub(super) const MAX_OF_USER: i64 = 100;
/// How many sessions of a lecture that viewers from one network opened without a sign-in wait for their first media request.
pub(super) const MAX_OPENED: i64 = 250;
/// How long an ended session of a user is kept who opens others; nodes learn of an end within seconds.
const KEEP_ENDED: Duration = Duration::from_secs(60);

const INSERT: &str = "INSERT INTO playbacks (id, video_id, user_id, session_id, user_version, policy_version, \
    created_at, expires_at, last_seen_at, as_admin, share_key, device, network, client_id) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $7, $9, $10, $11, $12, $13)";
/// Of some users, those who have more open sessions than these.
pub(super) const CROWDED: Sql = Sql::both(
    "SELECT p.user_id FROM json_each($1) CROSS JOIN playbacks p INDEXED BY playbacks_of_user \
     ON p.user_id = unhex(json_each.value) AND p.ended_at IS NULL GROUP BY p.user_id HAVING COUNT(*) > $2",
    "SELECT user_id FROM playbacks WHERE user_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) \
     AND ended_at IS NULL GROUP BY user_id HAVING COUNT(*) > $2",
);
pub(super) const OLDEST: &str = "SELECT id FROM playbacks \
    WHERE user_id = $1 AND ended_at IS NULL ORDER BY last_seen_at DESC, id DESC LIMIT 1000 OFFSET $2";
pub(super) const FORGET_ENDED: Sql = Sql::both(
    concat!(
        "DELETE FROM playbacks INDEXED BY playbacks_of_user \
         WHERE user_id IN (SELECT unhex(value) FROM json_each($1)) AND ended_at < $2 AND NOT ",
        is_attendance!()
    ),
    delete_on_postgres!(
        "user_id = ANY (ARRAY(SELECT json_array_elements_text($1::json)::uuid)) AND ended_at < $2 AND NOT ",
        is_attendance!()
    ),
);
/// Those of them that are too many. No process has served one of these, so nothing else has to know of their end.
pub(super) const FORGET_OPENED: Sql = delete!(
    "started_at IS NULL AND id IN (SELECT id FROM playbacks \
     WHERE video_id = $1 AND network IS NOT NULL AND started_at IS NULL AND network = $2 \
     ORDER BY created_at DESC, id DESC LIMIT 1000 OFFSET $3)"
);

/// A session that is to be opened.
#[derive(Debug, Clone)]
pub(crate) struct Order {
    /// The session.
    pub(crate) playback: NewPlayback,
    /// What else is told of it.
    pub(crate) audit: Option<(Option<NewEvent>, NewEntry)>,
}

/// What has become of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The session is open. Of its user's sessions, these were too many and have ended.
    Open(Vec<PlaybackId>),
    /// The viewer's right has ended meanwhile, or the video's policy has changed.
    NoRight,
    /// These sessions of the same user hold all places.
    NoPlace(Vec<LiveSession>),
}

/// Opens sessions in the content database; clones share what they write.
#[derive(Debug, Clone)]
pub(crate) struct Openings(Gather<Order, Outcome>);

impl Openings {
    /// At most `of_user` sessions of a user hold a place; 0 is no limit. Sessions are opened on a full disk, too, as long as
    /// there is ballast.
    pub(crate) fn new(db: Db, of_user: u32, (space, spawner): (Space, Spawner)) -> Self {
        Self(Gather::new(spawner, move |orders| {
            let (db, space) = (db.clone(), space.clone());
            Box::pin(async move {
                let mut opened = open_all(&db, &orders, of_user).await;
                if matches!(opened, Err(DbError::Full)) && space.release_ballast().await {
                    opened = open_all(&db, &orders, of_user).await;
                }
                opened
            })
        }))
    }

    /// Opens a session.
    pub(crate) async fn open(&self, order: Order) -> Result<Outcome, DbError> {
        self.0.ask(order).await
    }
}

/// Opens those sessions whose viewers have a right and a place, and commits.
async fn open_all(db: &Db, orders: &[Order], of_user: u32) -> Result<Vec<Outcome>, DbError> {
    let mut tx = db.write().await?;
    let viewers = orders.iter().map(|order| &order.playback);
    let pairs: Vec<_> = viewers.map(|it| (it.video_id, viewer(it))).collect();
    // A change that takes a right away waits for these sessions and ends them, or is seen here.
    let situations = held(&mut tx, &pairs).await?;
    let signed_in = orders.iter().filter(|order| order.playback.network.is_none());
    let users: BTreeSet<UserId> = signed_in.map(|order| order.playback.user_id).collect();
    let now = orders.iter().map(|order| order.playback.created_at).max();
    let now = now.unwrap_or(Timestamp(0));
    let live = match of_user {
        0 => Vec::new(),
        _ => live(&mut tx, list(&users), now).await?,
    };
    let judged = orders.iter().zip(&situations);
    let mut outcomes: Vec<Outcome> = judged
        .map(|(order, situation)| judge(&order.playback, situation.as_ref(), (&live, of_user)))
        .collect();
    let opened = orders.iter().zip(&outcomes);
    let opened = opened.filter_map(|(order, outcome)| matches!(outcome, Outcome::Open(_)).then_some(order));
    let mut opened: Vec<&Order> = opened.collect();
    // In one order everywhere: the event of a lecture locks the lecture's sequence.
    opened.sort_by_key(|order| order.playback.video_id);
    if opened.is_empty() {
        return Ok(outcomes);
    }
    let rows = opened.iter().map(|order| values(&order.playback));
    tx.run_all(INSERT, rows.collect()).await?;
    for (order, (event, entry)) in opened.iter().filter_map(|order| Some((order, order.audit.as_ref()?))) {
        let at = order.playback.created_at;
        if let Some(event) = event {
            outbox::push(&mut tx, event, at).await?;
        }
        audit::record(&mut tx, entry, at).await?;
    }
    let mut too_many = make_room(&mut tx, &opened, now).await?;
    tx.commit().await?;
    for (order, outcome) in orders.iter().zip(&mut outcomes) {
        if let Outcome::Open(ended) = outcome {
            *ended = too_many.remove(&order.playback.user_id).unwrap_or_default();
        }
    }
    Ok(outcomes)
}

fn viewer(playback: &NewPlayback) -> Option<UserId> {
    Some(playback.user_id).filter(|user| !user.0.is_nil())
}

/// Whether a viewer has a right and a place.
fn judge(playback: &NewPlayback, situation: Option<&Situation>, (live, of_user): (&[Live], u32)) -> Outcome {
    let may_watch = situation.is_some_and(|situation| {
        let viewing = || Viewing {
            playback: playback.id,
            user: playback.user_id,
            key: playback.share_key.clone(),
            expires_at: playback.expires_at,
            grounds: situation.grounds.clone(),
        };
        situation.policy == Some(playback.policy_version)
            && (playback.regardless || goes_on(&viewing(), playback.created_at))
    });
    if !may_watch {
        return Outcome::NoRight;
    }
    // A session of the same sign-in and video leaves its place to this one.
    let slot = (playback.session_id, playback.video_id);
    let others = live.iter().filter(|it| it.user == playback.user_id);
    let others = others.filter(|it| (it.sign_in, it.session.video_id) != slot);
    let others: Vec<&Live> = others.collect();
    if of_user > 0 && playback.network.is_none() && others.len() >= usize::try_from(of_user).unwrap_or(usize::MAX) {
        return Outcome::NoPlace(others.into_iter().map(|it| it.session.clone()).collect());
    }
    Outcome::Open(Vec::new())
}

fn values(playback: &NewPlayback) -> Vec<Value> {
    args![
        playback.id,
        playback.video_id,
        playback.user_id,
        playback.session_id,
        playback.user_version,
        playback.policy_version,
        playback.created_at,
        playback.expires_at,
        playback.regardless,
        playback.share_key.clone(),
        playback.device.as_str(),
        playback.network,
        playback.client_id
    ]
}

/// Ends the sessions of users that are too many, and forgets those that ended before the other nodes looked last, but for
/// attendance. Of viewers without a sign-in, it forgets those that have asked for no media and are too many of their lecture
/// and network.
async fn make_room(
    tx: &mut Tx,
    opened: &[&Order],
    now: Timestamp,
) -> Result<BTreeMap<UserId, Vec<PlaybackId>>, DbError> {
    let playbacks = opened.iter().map(|order| &order.playback);
    let (of_users, of_nobody): (Vec<_>, Vec<_>) = playbacks.partition(|it| it.network.is_none());
    let users: BTreeSet<UserId> = of_users.into_iter().map(|it| it.user_id).collect();
    let mut too_many = BTreeMap::new();
    if !users.is_empty() {
        for (user,) in tx.all::<(UserId,)>(CROWDED, args![list(&users), MAX_OF_USER]).await? {
            let oldest = tx.all::<PlaybackRow>(OLDEST, args![user, MAX_OF_USER]).await?;
            too_many.insert(user, oldest.into_iter().map(|row| row.id).collect::<Vec<PlaybackId>>());
        }
    }
    // A transaction locks once in the order of ids; what locks in no order comes last, because it waits for nobody.
    let all: Vec<PlaybackId> = too_many.values().flatten().copied().collect();
    let ended = end_open(tx, &all, now).await?;
    metrics::counter!(metric::PLAYBACKS_ENDED).increment(u64::try_from(ended.len()).unwrap_or(0));
    if !users.is_empty() {
        tx.run(FORGET_ENDED, args![list(&users), now - KEEP_ENDED]).await?;
    }
    for of in of_nobody {
        tx.run(FORGET_OPENED, args![of.video_id, of.network, MAX_OPENED])
            .await?;
    }
    Ok(too_many)
}

fn list(users: &BTreeSet<UserId>) -> serde_json::Value {
    users.iter().map(|user| user.0.as_simple().to_string()).collect()
}
