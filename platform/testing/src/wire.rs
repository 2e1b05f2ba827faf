//! HTTP byte by byte.

use crate::sure;
use crate::waiting::PATIENCE;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// A connection.
pub struct Wire(pub TcpStream);

impl Wire {
    /// Connects to an address.
    pub async fn connect(address: SocketAddr) -> Self {
        Self(sure(TcpStream::connect(address).await))
    }

    /// Sends bytes as they are.
    pub async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        sure(self.0.write_all(bytes.as_ref()).await);
        sure(self.0.flush().await);
    }

    /// Reads to the end of the connection; a reset is an end, too.
    pub async fn rest(&mut self) -> String {
        let mut bytes = Vec::new();
        let ended = timeout(PATIENCE, self.0.read_to_end(&mut bytes)).await;
        assert!(ended.is_ok(), "the connection stays open");
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Reads up to the end of the text, and not a byte more.
    pub async fn until(&mut self, text: &str) -> String {
        let mut all = Vec::new();
        while !String::from_utf8_lossy(&all).contains(text) {
            let byte = sure(timeout(PATIENCE, self.0.read_u8()).await);
            assert!(byte.is_ok(), "closed after {}", String::from_utf8_lossy(&all));
            all.extend(byte);
        }
        String::from_utf8_lossy(&all).into_owned()
    }

    /// Reads the first line of a response and returns its status.
    pub async fn status(&mut self) -> u16 {
        let line = self.until("\r\n").await;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        assert!(status.is_some(), "no answer: {line}");
        status.unwrap_or_default()
    }
}
