//! `moocflix serve`: runs all roles, or some.

use super::print;
use crate::compose::{self, Composed};
use crate::roles::Duties;
use crate::settings::{self, Overrides, Settings};
use crate::{data_dir, topology};
use anyhow::{Context, Result, anyhow, bail};
use backing::Db;
use clap::Args;
use futures::future::join_all;
use runtime::server::ServerLimits;
use runtime::{Running, telemetry};
use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;
use tokio::net::TcpListener;

/// How long the schemas may take to close.
const CLOSING: Duration = Duration::from_secs(3);

#[derive(Debug, Args)]
pub(crate) struct ServeArgs {
    #[command(flatten)]
    overrides: Overrides,
    /// The address to serve at; port 0 chooses a free port.
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// The roles to run, separated by commas; default: all.
    #[arg(long, value_name = "ROLES", value_delimiter = ',')]
    roles: Vec<String>,
}

pub(super) async fn run(args: ServeArgs) -> Result<()> {
    let duties = Duties::parse(&args.roles)?;
    let check = |settings: &Settings| topology::check(&duties, settings);
    let loaded = settings::load_for(&args.overrides, args.listen.as_deref(), check)?;
    let settings = loaded.value;
    telemetry::init(settings.log_format, &settings.log_filter)?;
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    // The addresses come first: if one is taken, nothing has been written.
    let listener = bind("listen", &settings.listen, &settings.data_dir).await?;
    let address = listener.local_addr()?;
    let metrics_listener = match &settings.metrics_listen {
        Some(listen) => Some(bind("metrics_listen", listen, &settings.data_dir).await?),
        None => None,
    };
    data_dir::prepare(&settings.data_dir)?;
    data_dir::keep_private(&settings.data_dir)?;
    // A worker shares the folder with its server.
    let _lock = if duties.is_worker() {
        None
    } else {
        Some(data_dir::lock(&settings.data_dir)?)
    };
    raise_open_files();
    close_memory();
    let mut running = Running::new();
    running.start(runtime::signals(running.shutdown()));
    let Composed {
        handlers,
        metrics,
        tasks,
        schemas,
    } = Box::pin(compose::compose(&settings, &duties, address, running.shutdown())).await?;
    if let Some(listener) = metrics_listener {
        tracing::info!(address = %listener.local_addr()?, "serving /metrics at an address of its own");
        // Whoever collects metrics may know the server by any name.
        let limits = ServerLimits {
            public_host: None,
            ..settings.limits()?
        };
        running.serve(listener, metrics, limits);
    }
    for task in tasks {
        running.start(task);
    }
    running.serve(listener, handlers, settings.limits()?);
    print(&format!("listening on http://{address}\n"))?;
    for face in duties.faces() {
        tracing::info!(role = face.name, does = face.does, "running a role");
    }
    tracing::info!(%address, data_dir = %settings.data_dir.display(), "serving");
    let result = running.wait().await.map_err(|why| anyhow!(why));
    close(&schemas, CLOSING).await;
    result
}

/// Closes the schemas, so that SQLite writes all data into their main files; a query that never ends can't hold the end up.
async fn close(schemas: &[Db], within: Duration) {
    let closing = schemas.iter().map(|db| async move {
        if tokio::time::timeout(within, db.close()).await.is_err() {
            tracing::warn!(
                service = db.service(),
                "the database was not closed in time; the next start recovers it"
            );
        }
    });
    join_all(closing).await;
}

async fn bind(key: &str, address: &str, data_dir: &Path) -> Result<TcpListener> {
    match TcpListener::bind(address).await {
        Ok(listener) => Ok(listener),
        Err(error) if error.kind() == ErrorKind::AddrInUse => match data_dir::holder(data_dir) {
            Some(process) => {
                bail!("{key}: {address} is taken; MoocFlix (process {process}) is running with this data directory")
            }
            None => bail!(
                "{key}: {address} is taken by another program; stop it, or choose another port (0 chooses a free one)"
            ),
        },
        Err(error) => Err(error).with_context(|| format!("{key}: cannot listen on {address}")),
    }
}

/// Keeps other processes of the same user, such as an encoder that a file has taken over, from reading this process's memory.
fn close_memory() {
    if let Err(error) = set_dumpable_behavior(DumpableBehavior::NotDumpable) {
        tracing::warn!(%error, "other processes of this user can read this process's memory");
    }
}

/// Every connection is an open file, and the usual soft limit of 1024 is too low for a server.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_query_that_does_not_end_holds_up_neither_the_end_nor_other_databases() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", folder.path().display());
        let stuck = Db::open(&url, "stuck", &[]).await.unwrap();
        let other = Db::open(&url, "other", &[]).await.unwrap();
        let _endless = stuck.write().await.unwrap();
        let schemas = [stuck, other];
        let closed = close(&schemas, Duration::from_millis(300));
        tokio::time::timeout(Duration::from_secs(30), closed).await.unwrap();
        let is_left = |name: &str| folder.path().join(name).exists();
        assert!(is_left("stuck.sqlite-wal") && !is_left("other.sqlite-wal") && !is_left("other.sqlite-shm"));
    }
}
