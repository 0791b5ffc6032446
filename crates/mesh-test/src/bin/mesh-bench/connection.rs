//! One kept connection, without the cost of an HTTP client.

use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context as _, ensure};
use mesh_test::http1::AnswerParser;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A connection that is used for one request after the other.
pub(crate) struct Connection {
    stream: TcpStream,
    parser: AnswerParser,
    chunk: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .await
            .with_context(|| format!("failed to connect to {address}"))?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            parser: AnswerParser::default(),
            chunk: vec![0; 64 * 1024],
        })
    }

    /// Sends a rendered request; its answer's status, and when its last byte was there.
    pub(crate) async fn send(&mut self, request: &[u8]) -> anyhow::Result<(u16, Instant)> {
        self.parser.expect(request.starts_with(b"HEAD "));
        self.stream.write_all(request).await?;
        loop {
            let read = self.stream.read(&mut self.chunk).await?;
            ensure!(read > 0, "the server closed the connection");
            if let Some(status) = self.parser.push(&self.chunk[..read])? {
                return Ok((status, Instant::now()));
            }
        }
    }

    /// The body of the last answer.
    pub(crate) fn body(&self) -> &[u8] {
        self.parser.body()
    }

    /// What is left when an answer is read otherwise.
    pub(crate) fn into_stream(self) -> TcpStream {
        self.stream
    }
}
