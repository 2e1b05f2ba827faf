//! Serves files from memory with one axum handler and nothing around it: the least that a segment can cost with this
//! framework.
//!
//! `bare FOLDER` prints the address that it listens on. `/NAME` is the file NAME of the folder.

use anyhow::{Context, Result};
use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::serve::ListenerExt;
use bytes::Bytes;
use std::collections::HashMap;
use std::io::Write;
use std::sync::Arc;

type Files = Arc<HashMap<String, Bytes>>;

async fn file(State(files): State<Files>, Path(name): Path<String>) -> Result<Bytes, StatusCode> {
    files.get(&name).cloned().ok_or(StatusCode::NOT_FOUND)
}

#[tokio::main]
async fn main() -> Result<()> {
    let folder = std::env::args().nth(1).context("usage: bare FOLDER")?;
    let mut files = HashMap::new();
    for entry in std::fs::read_dir(&folder).with_context(|| folder.clone())? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.insert(name, Bytes::from(std::fs::read(entry.path())?));
    }
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    writeln!(std::io::stdout(), "listening on http://{address}")?;
    std::io::stdout().flush()?;
    let router = Router::new()
        .route("/{name}", axum::routing::get(file))
        .with_state(Arc::new(files));
    let listener = listener.tap_io(|connection| {
        let _ = connection.set_nodelay(true);
    });
    axum::serve(listener, router).await?;
    Ok(())
}
