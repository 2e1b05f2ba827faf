//! A UDP proxy before a server's media port that behaves like a bad network: it loses packets, delays them, or lets nothing
//! through.

use crate::random::Random;
use anyhow::Result;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

/// What a network does to packets, in each direction.
#[derive(Debug, Clone, Copy, Default)]
pub struct Weather {
    /// Of a thousand packets, so many are lost.
    pub lost: u64,
    /// Packets take so long,
    pub delay: Duration,
    /// and up to so much longer; they keep their order.
    pub jitter: Duration,
    /// Nothing comes through.
    pub is_cut: bool,
}

#[derive(Debug)]
struct Sky {
    weather: Mutex<Weather>,
    random: Mutex<Random>,
}

/// A running proxy; it ends when it is dropped.
#[derive(Debug)]
pub struct BadNetwork {
    address: SocketAddr,
    sky: Arc<Sky>,
    _serving: JoinSet<()>,
}

impl BadNetwork {
    /// Starts a proxy before a server, which lets everything through for the moment.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let outside = Arc::new(UdpSocket::bind("127.0.0.1:0").await?);
        let sky = Arc::new(Sky {
            weather: Mutex::default(),
            random: Mutex::new(Random::start("a bad network")),
        });
        let (address, mut serving) = (outside.local_addr()?, JoinSet::new());
        serving.spawn(serve(outside, server, Arc::clone(&sky)));
        Ok(Self {
            address,
            sky,
            _serving: serving,
        })
    }

    /// Where clients send.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes the weather.
    pub fn set(&self, weather: Weather) {
        *held(&self.sky.weather) = weather;
    }
}

fn held<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

type Due = (Instant, Vec<u8>);

/// One direction of one client's packets.
struct Way {
    sky: Arc<Sky>,
    queue: mpsc::UnboundedSender<Due>,
    /// When the last packet arrives.
    last: Instant,
}

impl Way {
    fn new(sky: &Arc<Sky>) -> (Self, mpsc::UnboundedReceiver<Due>) {
        let (queue, due) = mpsc::unbounded_channel();
        let (sky, now) = (Arc::clone(sky), Instant::now());
        let way = Self { sky, queue, last: now };
        (way, due)
    }

    fn take(&mut self, packet: &[u8]) {
        let (weather, now) = (*held(&self.sky.weather), Instant::now());
        let mut random = held(&self.sky.random);
        if weather.is_cut || random.within(0..1_000) < weather.lost {
            return;
        }
        let jitter = u64::try_from(weather.jitter.as_micros()).unwrap_or(0);
        let at = now + weather.delay + Duration::from_micros(random.within(0..jitter + 1));
        self.last = self.last.max(at);
        // without a receiver, the proxy ends
        let _ = self.queue.send((self.last, packet.to_vec()));
    }
}

async fn serve(outside: Arc<UdpSocket>, server: SocketAddr, sky: Arc<Sky>) {
    let (mut legs, mut clients) = (JoinSet::new(), HashMap::new());
    let mut buffer = vec![0; 2_048];
    loop {
        let Ok((length, client)) = outside.recv_from(&mut buffer).await else {
            continue;
        };
        let way = match clients.entry(client) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(place) => {
                let Ok(inside) = UdpSocket::bind("127.0.0.1:0").await else {
                    return;
                };
                let (way, due) = Way::new(&sky);
                legs.spawn(leg(
                    (Arc::clone(&outside), client),
                    (inside, server),
                    due,
                    Arc::clone(&sky),
                ));
                place.insert(way)
            }
        };
        way.take(buffer.get(..length).unwrap_or_default());
    }
}

/// Sends a client's packets on, and brings the answers.
async fn leg(
    (outside, client): (Arc<UdpSocket>, SocketAddr),
    (inside, server): (UdpSocket, SocketAddr),
    mut up: mpsc::UnboundedReceiver<Due>,
    sky: Arc<Sky>,
) {
    let (mut way, mut down) = Way::new(&sky);
    let mut buffer = vec![0; 2_048];
    let to_server = async {
        while let Some((at, packet)) = up.recv().await {
            sleep_until(at).await;
            // a network reports no errors
            let _ = inside.send_to(&packet, server).await;
        }
    };
    let from_server = async {
        loop {
            if let Ok((length, _)) = inside.recv_from(&mut buffer).await {
                way.take(buffer.get(..length).unwrap_or_default());
            }
        }
    };
    let to_client = async {
        while let Some((at, packet)) = down.recv().await {
            sleep_until(at).await;
            let _ = outside.send_to(&packet, client).await;
        }
    };
    tokio::select! {
        () = to_server => {}
        () = from_server => {}
        () = to_client => {}
    }
}
