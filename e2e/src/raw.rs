//! HTTP byte by byte, for requests that no client library sends.

use anyhow::{Context, Result};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection that accepts any bytes.
#[derive(Debug)]
pub struct Wire(TcpStream);

impl Wire {
    /// Connects.
    pub async fn open(address: &str) -> Result<Self> {
        Ok(Self(TcpStream::connect(address).await?))
    }

    /// Writes bytes unchanged.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.0.write_all(bytes).await?)
    }

    /// Reads until the server closes the connection; fails after `within`.
    pub async fn rest(&mut self, within: Duration) -> Result<String> {
        let mut bytes = Vec::new();
        let read = timeout(within, self.0.read_to_end(&mut bytes)).await;
        match read.with_context(|| format!("the server kept the connection for {within:?}"))? {
            // a reset closes the connection, too
            Ok(_) | Err(_) => Ok(String::from_utf8_lossy(&bytes).into_owned()),
        }
    }

    /// Reads the head of one response, up to its empty line.
    pub async fn head(&mut self, within: Duration) -> Result<String> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let byte = timeout(within, self.0.read_u8()).await.context("no answer came")??;
            bytes.push(byte);
        }
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// Sends one request with a path exactly as given and returns the status and the body.
pub async fn get(address: &str, method: &str, path: &str, headers: &str) -> Result<(u16, String)> {
    let mut wire = Wire::open(address).await?;
    let request = format!("{method} {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n{headers}\r\n");
    wire.write(request.as_bytes()).await?;
    let answer = wire.rest(Duration::from_secs(20)).await?;
    let status = answer.split(' ').nth(1).and_then(|it| it.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body).to_owned();
    Ok((status.with_context(|| format!("no status in {answer:?}"))?, body))
}
