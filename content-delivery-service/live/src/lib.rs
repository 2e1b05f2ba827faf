//! The role `live`: holds the rooms of live lectures, and gives `media/live` its sockets.
//!
//! A request of WHIP or WHEP (`controllers`) asks the door of the content service for the right and opens a session
//! (`sessions`), which is a task of its own. `network` has the sockets that all sessions share. A publisher's session puts
//! frames into the lecture's room (`rooms`); viewers' sessions, and the room's own stream, take them from there. `rtmp` is the
//! other way to publish. `encoders` make of a publisher's sound and pictures what one kind of viewers needs. `nodes` is the way
//! to lectures that another process holds.

mod config;
mod controllers;
pub mod encoders;
mod ice_servers;
mod metric;
mod network;
pub mod nodes;
pub mod rooms;
mod routes;
pub mod rtmp;
mod second_sound;
mod sessions;

pub use config::Config;

use backing::Clock;
use contracts::questions::live::LiveDoor;
use controllers::state::Api;
use ice_servers::IceServer;
use network::{Mux, Network};
use nodes::{Answering, Nodes};
use rooms::Rooms;
use rtmp::Ingest;
use runtime::config::Faults;
use runtime::{Authenticator, Background, Face, Questions, Service, Shutdown};
use sessions::Sessions;
use std::sync::Arc;
use tokio::sync::watch;

/// The role's name.
pub const NAME: &str = "live";

/// What the role states about itself.
pub const FACE: Face = Face {
    name: NAME,
    defaults: include_str!("../config/default.toml"),
    migrations: &[],
    metrics: metric::METRICS,
    does: "takes live lectures, streams and records them",
    needs: &["content"],
    asks: &["users", "content"],
};

/// What the role is built from.
pub struct Deps {
    /// The rooms of the lectures that are live on this node.
    pub rooms: Rooms,
    /// Answers who may publish and watch.
    pub door: Arc<dyn LiveDoor>,
    /// The way to other nodes; none if there is only this one.
    pub nodes: Option<Nodes>,
    /// Checks access tokens.
    pub authenticator: Authenticator,
    /// The time.
    pub clock: Clock,
    /// Where the process serves HTTP, `HOST:PORT`.
    pub listen: String,
    /// The section `live` of the settings.
    pub config: Config,
}

/// Builds the role.
///
/// Errors: a key that is out of its range
pub fn service(deps: Deps) -> Result<Service, Faults> {
    let Deps {
        rooms,
        door,
        nodes,
        authenticator,
        clock,
        listen,
        config,
    } = deps;
    config.validate()?;
    let servers = config.ice_servers.iter().filter_map(|server| server.parse().ok());
    let ice_servers: Arc<[IceServer]> = servers.collect();
    let rtmp = config.rtmp_address().map(|address| {
        let (rooms, door) = (rooms.clone(), Arc::clone(&door));
        Ingest { door, rooms }.listen(address)
    });
    let mux = Mux::default();
    let (opened, network) = watch::channel(None);
    let questions = Questions::none().live_media(Arc::new(Answering(rooms.clone())));
    let (sessions, tasks) = Sessions::new(
        (rooms, Arc::clone(&door)),
        (mux.clone(), network),
        config.webrtc_viewers,
    );
    let api = Api {
        sessions,
        door,
        nodes,
        address: config.address().map(str::to_owned),
        authenticator: authenticator.clone(),
        ice_servers,
        clock,
    };
    let sockets = Background::new("live-sockets", move |shutdown| {
        receive(opened, (config, listen), mux, shutdown)
    });
    Ok(Service {
        name: NAME,
        routes: routes::table(api, &authenticator),
        questions,
        tasks: tasks.into_iter().chain([sockets]).chain(rtmp).collect(),
    })
}

/// Opens the sockets and receives until the shutdown is asked for.
async fn receive(
    opened: watch::Sender<Option<Arc<Network>>>,
    (config, listen): (Config, String),
    mux: Mux,
    shutdown: Shutdown,
) -> Result<(), String> {
    let network = Network::open(config.udp_listen.as_deref(), &listen, &config.public_addresses, mux);
    let network = Arc::new(network.await?);
    opened.send_replace(Some(Arc::clone(&network)));
    network.receive(shutdown).await;
    Ok(())
}
