//! Puts roles in several processes on one origin: `front HOST:PORT users=URL courses=URL content=URL web=URL live=URL`.

use anyhow::{Context, Result};
use e2e::front::{Roles, serve};
use std::io::Write;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let (address, roles) = words.split_first().context("HOST:PORT is missing")?;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}"))?;
    writeln!(std::io::stdout(), "listening on http://{}", listener.local_addr()?)?;
    serve(listener, Roles::read(roles)?).await
}
