//! A service on its own port, and a client of it.

use crate::{Identity, Person, Reply, Wire, sure};
use backing::Clock;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder};
use runtime::server::ServerLimits;
use runtime::{Running, Service};
use std::net::SocketAddr;
use tokio::net::TcpListener;

/// A served service.
pub struct Site {
    /// A client that follows no redirect.
    pub client: Client,
    /// The clock of [`Site::identity`].
    pub clock: Clock,
    /// The callers.
    pub identity: Identity,
    /// The service's address.
    pub address: SocketAddr,
    /// The running tasks; tests may start more.
    pub running: Running,
}

impl Site {
    /// Serves a service whose table of routes is correct.
    pub async fn serve(identity: Identity, service: Service, limits: ServerLimits) -> Self {
        assert_eq!(service.routes.check(), Ok(()));
        let listener = sure(TcpListener::bind("127.0.0.1:0").await);
        let address = sure(listener.local_addr());
        let mut running = Running::new();
        let routes = running.add(service);
        running.serve(listener, routes, limits);
        Self {
            client: sure(Client::builder().redirect(Policy::none()).build()),
            clock: identity.clock.clone(),
            identity,
            address,
            running,
        }
    }

    /// Shuts the service down and waits for its end.
    pub async fn stop(self) {
        self.running.shutdown().request();
        drop(self.client);
        sure(self.running.wait().await);
    }

    /// The URL of an absolute path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// A token of a person, valid for five minutes.
    #[must_use]
    pub fn token(&self, person: &Person) -> String {
        self.identity.token(person)
    }

    /// A request without a sign-in.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, self.url(path))
    }

    /// A request by a person.
    pub fn request_by(&self, person: &Person, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(self.token(person))
    }

    /// Sends a request and reads the response.
    pub async fn send(&self, request: RequestBuilder) -> Reply {
        Reply::read(sure(request.send().await)).await
    }

    /// Sends a request without a body by a person.
    pub async fn ask(&self, person: &Person, method: Method, path: &str) -> Reply {
        self.send(self.request_by(person, method, path)).await
    }

    /// Gets a path without a sign-in.
    pub async fn get(&self, path: &str) -> Reply {
        self.send(self.request(Method::GET, path)).await
    }

    /// A connection for requests that no client library sends.
    pub async fn connect(&self) -> Wire {
        Wire::connect(self.address).await
    }
}
