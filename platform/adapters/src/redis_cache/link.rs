//! One connection to a Redis server, which all requests share.
//!
//! The `ConnectionManager` of `redis` would let requests wait while it connects, and keep a connection that no longer
//! answers.

use backing::cache::CacheError;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, Cmd, ErrorKind, FromRedisValue, RedisError, RedisResult, ServerErrorKind};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

/// How long a request waits for its answer.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long a connection may take to open; no request waits for it.
const CONNECT_TIME: Duration = Duration::from_secs(2);
/// How long the server is left alone after a failure, while requests fail at once.
const REST: Duration = Duration::from_secs(1);

/// A connection that is opened again after failures.
pub(super) struct Link {
    client: Client,
    state: Mutex<State>,
    lost: Notify,
}

struct State {
    /// Counts the connections, so that a late failure on an old one does not close a new one.
    number: u64,
    /// The connection, or the reason why there is none.
    connection: Result<MultiplexedConnection, String>,
}

impl Link {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            state: Mutex::new(State {
                number: 0,
                connection: Err("it is not connected".to_owned()),
            }),
            lost: Notify::new(),
        }
    }

    /// Opens the connection.
    pub(super) async fn connect(&self) -> Result<(), CacheError> {
        // `ask` limits the time of requests
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIME))
            .set_response_timeout(None);
        let opened = self.client.get_multiplexed_async_connection_with_config(&config);
        let connection = Box::pin(opened).await.map_err(|error| error.to_string());
        let failed = connection.as_ref().err().cloned();
        let mut state = self.state();
        state.number += 1;
        state.connection = connection;
        failed.map_or(Ok(()), |why| Err(CacheError(why)))
    }

    /// Opens the connection whenever there is none.
    pub(super) async fn keep(&self) {
        loop {
            while self.state().connection.is_ok() {
                self.lost.notified().await;
            }
            sleep(REST).await;
            match self.connect().await {
                Ok(()) => tracing::info!("the cache's server answers again"),
                Err(error) => tracing::debug!(%error, "the cache's server is still away"),
            }
        }
    }

    /// Sends a request and returns the answer.
    ///
    /// Errors: no connection, no answer in time, or an error that the server answered
    pub(super) async fn ask<T: FromRedisValue>(&self, request: &Cmd) -> Result<T, CacheError> {
        let (number, mut connection) = self.connection()?;
        let answer: RedisResult<T> = match timeout(PATIENCE, request.query_async(&mut connection)).await {
            Ok(answer) => answer,
            Err(_) => {
                let why = format!("no answer in {PATIENCE:?}");
                self.close(number, &why);
                return Err(CacheError(why));
            }
        };
        answer.map_err(|error| {
            let why = error.to_string();
            if !is_answer(&error) {
                self.close(number, &why);
            }
            CacheError(why)
        })
    }

    fn connection(&self) -> Result<(u64, MultiplexedConnection), CacheError> {
        let state = self.state();
        match &state.connection {
            Ok(connection) => Ok((state.number, connection.clone())),
            Err(why) => Err(CacheError(why.clone())),
        }
    }

    /// Gives a connection up, unless there is another one by now.
    fn close(&self, number: u64, why: &str) {
        let mut state = self.state();
        if state.number == number && state.connection.is_ok() {
            tracing::warn!(why, "the cache's server is away; MoocFlix goes on without it");
            state.connection = Err(why.to_owned());
            self.lost.notify_one();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether the server answered this error, so that its connection works.
fn is_answer(error: &RedisError) -> bool {
    match error.kind() {
        // after a failover, the server's name leads to another one
        ErrorKind::Server(kind) => kind != ServerErrorKind::ReadOnly,
        kind => kind == ErrorKind::Extension,
    }
}
