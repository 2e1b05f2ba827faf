//! Accepts connections, as many as there is room for.

use super::Ingest;
use super::session::Session;
use super::tries::Tries;
use crate::metric::{RTMP_CONNECTIONS, RTMP_REFUSED};
use runtime::{ClientAddress, Shutdown, TaskSet};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{Id, JoinError};
use tokio::time::{sleep, timeout};

/// Connections at once.
const MOST_PUBLISHERS: usize = 256;
/// Connections at once from one address.
const MOST_OF_ADDRESS: usize = 16;
/// How long to wait when no connection can be accepted: usually files have run out.
const PAUSE: Duration = Duration::from_millis(200);
/// How long sessions may take to say goodbye when the process stops.
const GRACE: Duration = Duration::from_secs(1);

/// Accepts connections until the process stops.
pub(super) async fn serve(listener: TcpListener, ingest: Ingest, shutdown: Shutdown) {
    let mut sessions = Sessions {
        ingest,
        tries: Arc::default(),
        running: TaskSet::new(),
        addresses: HashMap::new(),
        shutdown: shutdown.clone(),
    };
    loop {
        tokio::select! {
            () = shutdown.requested() => break,
            Some(ended) = sessions.running.ended() => sessions.ended(ended),
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => sessions.begin(stream, ClientAddress(peer.ip().to_canonical()).subnet()),
                Err(error) => {
                    tracing::warn!(%error, "no connection can be accepted by RTMP");
                    sleep(PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    let goodbye = sessions.running.finished();
    // Those that are left are dropped.
    let _ = timeout(GRACE, goodbye).await;
}

struct Sessions {
    ingest: Ingest,
    tries: Arc<Tries>,
    running: TaskSet,
    addresses: HashMap<Id, IpAddr>,
    shutdown: Shutdown,
}

impl Sessions {
    fn begin(&mut self, stream: TcpStream, address: IpAddr) {
        let same = self.addresses.values().filter(|known| **known == address).count();
        if self.running.count() >= MOST_PUBLISHERS || same >= MOST_OF_ADDRESS {
            metrics::counter!(RTMP_REFUSED, "reason" => "connections").increment(1);
            return;
        }
        let session = Session::new(stream, address, self.ingest.clone(), Arc::clone(&self.tries));
        let task = self.running.run(session.run(self.shutdown.clone()));
        self.addresses.insert(task, address);
        self.count();
    }

    fn ended(&mut self, ended: Result<Id, JoinError>) {
        let id = match &ended {
            Ok(id) => *id,
            Err(error) => error.id(),
        };
        if let Err(error) = ended {
            tracing::error!(%error, "a session of RTMP was lost");
        }
        self.addresses.remove(&id);
        self.count();
    }

    fn count(&self) {
        metrics::gauge!(RTMP_CONNECTIONS).set(self.running.count() as f64);
    }
}
