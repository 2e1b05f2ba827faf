//! Roles in other processes: what a process needs to work without them, and how it reaches them.

use crate::roles::{Duties, FACES};
use crate::settings::Settings;
use anyhow::{Result, anyhow};
use runtime::config::Faults;
use runtime::process::Check;
use runtime::remote::{LiveNodes, Peer};
use runtime::{Face, InternalKeys, Questions, Routes};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Checks that a process with these roles has all that it needs of others.
///
/// Errors: each key that is missing
pub(crate) fn check(duties: &Duties, settings: &Settings) -> Result<(), Faults> {
    let mut faults = Faults::default();
    let [content, live, transcode] = [
        content_delivery_service::NAME,
        live_server::NAME,
        transcoding_jobs::NAME,
    ]
    .map(|role| duties.include(role));
    let apart = duties.first_apart();
    if settings.has_embedded_bus() {
        if let Some((apart, missing)) = apart {
            faults.add(format!(
                "--roles: with the embedded bus `{apart}` needs `{missing}` in the same process; only `transcode` can run in a \
                process of its own, on the same data directory. Set bus_url (kafka:) to run roles apart"
            ));
        }
        return faults.into_result();
    }
    // Nobody needs `transcode`, and it needs nobody, but it has to find what `content` stores.
    if apart.is_none() && content == transcode {
        return Ok(());
    }
    let has_data = duties.faces().any(|face| face.name != web::NAME);
    faults.unless(!has_data || !settings.has_embedded_database(), || {
        "database_url: must be postgres:, the same in all processes, because roles run apart".to_owned()
    });
    let asked = asked(duties);
    for (role, asker) in asked.iter().filter(|(role, _)| !duties.include(role)) {
        faults.unless(settings.base_url(role).is_some(), || {
            format!("{role}.base_url: must be set, because `{asker}` asks `{role}`, which this process does not run")
        });
    }
    // The page and the workers neither ask nor are asked.
    if !asked.is_empty() || duties.include(user_management_service::NAME) {
        let shared = "must be set, the same in all processes, because roles run apart";
        faults.unless(settings.secret_key.is_some(), || format!("secret_key: {shared}"));
        faults.unless(settings.public_url.is_some(), || format!("public_url: {shared}"));
    }
    let keep_objects_together = content == transcode && (content || !live);
    faults.unless(keep_objects_together || settings.has_named_storage(), || {
        "storage_url: must be set, the same for `content`, `live` and `transcode`, because they run apart".to_owned()
    });
    faults.into_result()
}

/// The roles that these roles ask, each with the first that asks it.
fn asked(duties: &Duties) -> BTreeMap<&'static str, &'static str> {
    let asks = duties
        .faces()
        .flat_map(|face| face.asks.iter().map(|role| (*role, face.name)));
    let mut all = BTreeMap::new();
    for (role, asker) in asks {
        all.entry(role).or_insert(asker);
    }
    all
}

/// The roles in other processes.
pub(crate) struct Peers {
    by_role: BTreeMap<&'static str, Arc<Peer>>,
    /// Set where other processes may ask this one.
    door: Option<InternalKeys>,
}

impl Peers {
    /// The way to each role that is elsewhere and has an address.
    pub(crate) fn new(duties: &Duties, settings: &Settings, keys: InternalKeys) -> Result<Self> {
        let (mut by_role, mut door) = (BTreeMap::new(), None);
        if !settings.has_embedded_bus() {
            let askers: Vec<&'static str> = duties.faces().map(|face| face.name).collect();
            for Face { name, .. } in FACES.iter().filter(|face| !duties.include(face.name)) {
                let Some(base) = settings.base_url(name) else { continue };
                let base = base.map_err(|why| anyhow!(why))?;
                let peer = Peer::new(name, base, askers.clone(), keys.clone());
                by_role.insert(*name, Arc::new(peer.map_err(|why| anyhow!(why))?));
            }
            door = Some(keys);
        }
        Ok(Self { by_role, door })
    }

    /// A role, if it is elsewhere.
    pub(crate) fn get(&self, role: &str) -> Option<Arc<Peer>> {
        self.by_role.get(role).cloned()
    }

    /// The way to other nodes of live lectures, where there may be any.
    pub(crate) fn live_nodes(&self) -> Result<Option<LiveNodes>> {
        let nodes = self.door.clone().map(LiveNodes::new).transpose();
        nodes.map_err(|why| anyhow!(why))
    }

    /// The questions that other processes may ask this one.
    pub(crate) fn answering(&self, questions: Questions) -> Routes {
        match &self.door {
            Some(keys) => questions.behind(keys),
            None => Routes::none(),
        }
    }

    /// Notes which of them is away: what this process does without them, it goes on doing.
    pub(crate) fn checks(&self) -> Vec<Check> {
        let check = |peer: &Arc<Peer>| {
            let (role, peer) = (peer.role, Arc::clone(peer));
            let probe = move || {
                let peer = Arc::clone(&peer);
                async move { peer.probe().await }
            };
            Check::new(role, probe).noted()
        };
        self.by_role.values().map(check).collect()
    }
}
