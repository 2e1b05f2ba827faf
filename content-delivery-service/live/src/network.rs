//! The sockets of WebRTC: one port for everybody, by UDP and by TCP.
//!
//! `mux` knows which session a packet belongs to: a new address names it by the user name of its first STUN request, and later
//! packets come from an address that did. `udp` and `tcp` read packets and send them, `addresses` knows what to offer to
//! browsers.

mod addresses;
mod mux;
mod newcomers;
mod tcp;
mod udp;

pub(crate) use addresses::PublicAddress;
pub(crate) use mux::{Mux, Registration};

use live::webrtc::{Connector, Departure, Transport};
use runtime::Shutdown;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tcp::TcpPort;
use tokio::net::{TcpListener, UdpSocket};
use udp::UdpPort;

/// The usual port of media.
const PORT: u16 = 8_189;
/// How often a free port is looked for that both protocols can have.
const ATTEMPTS: usize = 16;

/// The open sockets, with what is offered to browsers.
pub(crate) struct Network {
    pub(crate) connector: Connector,
    mux: Mux,
    udp: UdpPort,
    tcp: TcpPort,
}

impl Network {
    /// Opens the sockets.
    ///
    /// Errors: the address is taken or is none of this machine's
    pub(crate) async fn open(
        udp_listen: Option<&str>,
        listen: &str,
        public_addresses: &[String],
        mux: Mux,
    ) -> Result<Self, String> {
        let (socket, listener) = match udp_listen {
            Some(address) => bind(address)
                .await
                .map_err(|error| format!("live.udp_listen: cannot listen on {address}: {error}"))?,
            None => bind_default(listen)
                .await
                .map_err(|error| format!("live.udp_listen: no port is free on the host of {listen}: {error}"))?,
        };
        let local = socket.local_addr().map_err(|error| error.to_string())?;
        let public = addresses::offered(local, public_addresses);
        let both = public
            .iter()
            .flat_map(|address| [(Transport::Udp, *address), (Transport::Tcp, *address)]);
        let connector = Connector::new(both.collect()).map_err(|error| error.to_string())?;
        tracing::info!(%local, offered = ?public, "WebRTC's media by UDP and TCP");
        Ok(Self {
            connector,
            udp: UdpPort::new(socket).map_err(|error| error.to_string())?,
            tcp: TcpPort::new(listener, local),
            mux,
        })
    }

    /// Receives until the shutdown is asked for.
    pub(crate) async fn receive(self: Arc<Self>, shutdown: Shutdown) {
        tokio::select! {
            () = shutdown.requested() => {}
            () = self.udp.receive(&self.mux, &self.connector) => {}
            () = self.tcp.receive(&self.mux, &self.connector) => {}
        }
    }

    /// Sends packets and forgets them; returns whether a peer's connection was too full for some.
    pub(crate) async fn send(&self, packets: &mut Vec<Departure>) -> bool {
        let mut full = false;
        let is_tcp = |packet: &Departure| packet.transport == Transport::Tcp;
        if packets.iter().any(is_tcp) {
            for packet in packets.extract_if(.., |packet| is_tcp(packet)) {
                full |= !self.tcp.send(&packet);
            }
        }
        self.udp.send(packets).await;
        packets.clear();
        full
    }
}

/// Both protocols on one port number.
async fn bind(address: &str) -> io::Result<(UdpSocket, TcpListener)> {
    let mut failed = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..ATTEMPTS {
        let socket = UdpSocket::bind(address).await?;
        let local: SocketAddr = socket.local_addr()?;
        match TcpListener::bind(local).await {
            Ok(listener) => return Ok((socket, listener)),
            Err(error) => failed = error,
        }
        if !address.ends_with(":0") {
            break;
        }
    }
    Err(failed)
}

/// The host of the web server, at the usual port or a free one.
async fn bind_default(listen: &str) -> io::Result<(UdpSocket, TcpListener)> {
    let host = listen.rsplit_once(':').map_or(listen, |(host, _)| host);
    match bind(&format!("{host}:{PORT}")).await {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
            tracing::info!("the port {PORT} of live.udp_listen is taken: choosing a free one");
            bind(&format!("{host}:0")).await
        }
        bound => bound,
    }
}
