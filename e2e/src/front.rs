//! A small proxy that puts roles in several processes on one origin, as a gateway does.
//!
//! It is for tests and for a person who looks at the roles apart (`./run --production`): it has no limits of its own.

use anyhow::{Context, Result, bail};
use http::header::{CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response, StatusCode};
use http_body::Body as _;
use http_body_util::BodyDataStream;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use reqwest::{Body, Client, redirect};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Where the roles are.
///
/// Shape: `http://HOST:PORT`
#[derive(Debug, Clone)]
pub struct Roles {
    /// `/api/v1/users`, `/.well-known`
    pub users: String,
    /// `/api/v1/courses`
    pub courses: String,
    /// `/api/v1/content`, `/p`
    pub content: String,
    /// What of them is WebRTC's; none if that stays with them.
    pub live: Option<String>,
    /// Everything else.
    pub web: String,
}

/// What a path leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way<'a> {
    To(&'a str),
    /// What only processes of the installation may ask of each other.
    Nowhere,
}

impl Roles {
    /// Reads `users=URL courses=URL content=URL web=URL`, and `live=URL` if it is there.
    pub fn read(words: &[String]) -> Result<Self> {
        let of = |role: &str| {
            let named = words.iter().filter_map(|word| word.split_once('='));
            let url = named
                .into_iter()
                .find(|(name, _)| *name == role)
                .map(|(_, url)| url.to_owned());
            url.with_context(|| format!("{role}=http://HOST:PORT is missing"))
        };
        Ok(Self {
            users: of("users")?,
            courses: of("courses")?,
            content: of("content")?,
            live: of("live").ok(),
            web: of("web")?,
        })
    }

    fn way(&self, path: &str) -> Way<'_> {
        let below = |prefix: &str| {
            let rest = path.strip_prefix(prefix);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        if below("/internal") {
            Way::Nowhere
        } else if below("/api/v1/users") || below("/.well-known") {
            Way::To(&self.users)
        } else if below("/api/v1/courses") {
            Way::To(&self.courses)
        } else if let Some(live) = self.live.as_ref().filter(|_| is_webrtc(path)) {
            Way::To(live)
        } else if below("/api/v1/content") || below("/p") {
            Way::To(&self.content)
        } else {
            Way::To(&self.web)
        }
    }
}

/// `/api/v1/content/live/ID/whip`, `/api/v1/content/live/ID/whep`, `/p/TOKEN/ID/whep`, and what is below them.
fn is_webrtc(path: &str) -> bool {
    let step = |prefix: &str, at: usize| path.strip_prefix(prefix)?.split('/').nth(at);
    matches!(step("/api/v1/content/live/", 1), Some("whip" | "whep")) || step("/p/", 2) == Some("whep")
}

/// Serves an address until the future is dropped.
pub async fn serve(listener: TcpListener, roles: Roles) -> Result<()> {
    let client = Client::builder()
        .redirect(redirect::Policy::none())
        .no_proxy()
        .http1_only();
    let front = Arc::new((client.build()?, roles));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, peer) = accepted?;
                let front = Arc::clone(&front);
                connections.spawn(async move { connection(stream, peer, &front).await });
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn connection(stream: TcpStream, peer: SocketAddr, front: &(Client, Roles)) {
    // small answers must not wait for the client's acknowledgement of earlier ones
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| async move { Ok::<_, Infallible>(answer(request, peer, front).await) });
    // a client may leave at any time
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

async fn answer(request: Request<Incoming>, peer: SocketAddr, (client, roles): &(Client, Roles)) -> Response<Body> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str())
        .to_owned();
    let Way::To(base) = roles.way(request.uri().path()) else {
        return plain(StatusCode::NOT_FOUND, "not found");
    };
    let (head, body) = request.into_parts();
    let mut headers = head.headers;
    end_to_end(&mut headers);
    let forwarded = forwarded(headers.get("x-forwarded-for"), peer);
    headers.insert("x-forwarded-for", forwarded);
    let mut sent = client.request(head.method, format!("{base}{path}")).headers(headers);
    if !body.is_end_stream() {
        sent = sent.body(Body::wrap_stream(BodyDataStream::new(body)));
    }
    match sent.send().await {
        Ok(answer) => {
            let mut answer = Response::<Body>::from(answer);
            end_to_end(answer.headers_mut());
            answer
        }
        Err(_) => plain(StatusCode::BAD_GATEWAY, "a role does not answer"),
    }
}

/// Removes what is between two machines alone.
fn end_to_end(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|names| names.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    let always = ["keep-alive", "proxy-connection"].map(HeaderName::from_static);
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE]
        .into_iter()
        .chain(always)
    {
        headers.remove(name);
    }
}

fn forwarded(before: Option<&HeaderValue>, peer: SocketAddr) -> HeaderValue {
    let address = peer.ip().to_string();
    let all = match before.and_then(|value| value.to_str().ok()) {
        Some(before) => format!("{before}, {address}"),
        None => address,
    };
    HeaderValue::from_str(&all).unwrap_or(HeaderValue::from_static("unknown"))
}

fn plain(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut answer = Response::new(Body::from(text));
    *answer.status_mut() = status;
    answer
}

/// A proxy that runs in this process; it ends when it is dropped.
#[derive(Debug)]
pub struct Front {
    /// `http://127.0.0.1:PORT`
    pub url: String,
    _work: JoinSet<Result<()>>,
}

impl Front {
    /// Serves these roles on a socket.
    pub fn start(listener: TcpListener, roles: Roles) -> Result<Self> {
        let address = listener.local_addr()?;
        if !address.ip().is_loopback() {
            bail!("{address} is no address of this machine alone");
        }
        let mut work = JoinSet::new();
        work.spawn(serve(listener, roles));
        let url = format!("http://{address}");
        Ok(Self { url, _work: work })
    }
}
