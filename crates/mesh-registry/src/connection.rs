//! One connection: what it serves, and how long its peer may take.
//!
//! hyper has one timer, from the moment it waits for a request until its head is complete. It covers the
//! pause between two requests, so it must be long, while a head that has begun arrives at once from
//! anybody who means well. [`Watched`] therefore notices the first byte of a head and gives the rest of it
//! a deadline of its own.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::http::Request;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulConnection;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};
use tower::ServiceExt as _;

use crate::stall::Impatient;

/// What a peer may ask for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A connection on which nothing is asked for this long is closed. It must exceed every client's
    /// heartbeat interval.
    idle: Duration,
    /// A request head is complete this long after its first byte.
    head: Duration,
    /// A connection whose peer takes nothing of what is sent to it for this long is closed.
    stall: Duration,
    /// The largest request head, in bytes. A head that comes in one piece may be larger by that piece,
    /// which is never larger than this.
    head_size: usize,
}

impl Limits {
    pub(crate) const PROTOCOL: Self = Self {
        idle: Duration::from_mins(2),
        head: Duration::from_secs(10),
        stall: Duration::from_secs(30),
        head_size: 64 << 10,
    };
}

/// Serves the requests of one connection, one after the other.
pub(crate) fn serve(
    stream: TcpStream,
    router: Router,
    limits: Limits,
) -> impl GracefulConnection<Error = hyper::Error> + Send + 'static {
    let phase = Arc::new(Phase::default());
    let watched = Watched {
        stream: Impatient::new(stream, limits.stall),
        phase: phase.clone(),
        limit: limits.head,
        deadline: None,
    };
    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
        let asked = Asked::begin(&phase);
        let answer = router.clone().oneshot(request);
        async move {
            let Ok(answer) = answer.await;
            Ok::<_, Infallible>(answer.map(|body| Answer {
                body,
                _asked: asked,
            }))
        }
    });
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.idle)
        .max_buf_size(limits.head_size)
        .serve_connection(TokioIo::new(watched), service)
}

/// What the peer is about: nothing, a head, or a request whose head is complete.
#[derive(Debug, Default)]
struct Phase(AtomicU8);

const NOTHING: u8 = 0;
const HEAD: u8 = 1;
const REQUEST: u8 = 2;

impl Phase {
    // The connection's task alone reads and writes it.
    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, phase: u8) {
        self.0.store(phase, Ordering::Relaxed);
    }
}

/// A request, from its complete head to the end of its answer.
#[derive(Debug)]
struct Asked(Arc<Phase>);

impl Asked {
    fn begin(phase: &Arc<Phase>) -> Self {
        phase.set(REQUEST);
        Self(phase.clone())
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        self.0.set(NOTHING);
    }
}

/// The body of an answer, which ends the request with it.
struct Answer {
    body: Body,
    _asked: Asked,
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that ends when a head that has begun is not complete in time.
struct Watched {
    stream: Impatient<TcpStream>,
    phase: Arc<Phase>,
    limit: Duration,
    /// Set when the rest of a head has to be waited for, which is rare: most come in one piece.
    deadline: Option<Pin<Box<Sleep>>>,
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let outcome = Pin::new(&mut self.stream).poll_read(context, buffer);
        match self.phase.get() {
            NOTHING if buffer.filled().len() > before => {
                self.phase.set(HEAD);
                self.deadline = None;
            }
            HEAD if outcome.is_pending() => {
                let limit = self.limit;
                let deadline = self.deadline.get_or_insert_with(|| Box::pin(sleep(limit)));
                ready!(deadline.as_mut().poll(context));
                return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
            }
            _ => {}
        }
        outcome
    }
}

impl AsyncWrite for Watched {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error as _;
    use std::sync::atomic::AtomicUsize;

    use axum::routing::{get, post};
    use futures_util::stream;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(300);

    /// A server that echoes at `/`, under `limits`, and connections to it.
    struct Server(std::net::SocketAddr);

    impl Server {
        async fn start(limits: Limits) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            let router = Router::new().route("/", post(async |body: String| body));
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, router.clone(), limits));
                }
            });
            Self(address)
        }

        async fn connect(&self) -> TcpStream {
            TcpStream::connect(self.0).await.unwrap()
        }
    }

    /// What comes back until the connection is closed.
    async fn rest(stream: &mut TcpStream) -> String {
        let mut text = String::new();
        let read = timeout(LONG, stream.read_to_string(&mut text)).await;
        // A reset is as good an end as any.
        let _ = read.expect("the server closes the connection");
        text
    }

    /// Reads one answer of a connection that is kept.
    async fn answer(stream: &mut TcpStream, end: &str) -> String {
        let mut text = Vec::new();
        while !text.ends_with(end.as_bytes()) {
            let byte = timeout(LONG, stream.read_u8()).await.expect("an answer");
            text.push(byte.expect("the connection is kept"));
        }
        String::from_utf8(text).unwrap()
    }

    const LIMITS: Limits = Limits {
        idle: LONG,
        head: SHORT,
        stall: LONG,
        head_size: 64 << 10,
    };

    #[tokio::test]
    async fn a_head_that_stops_halfway_is_given_up() {
        let server = Server::start(LIMITS).await;
        let mut half = server.connect().await;
        half.write_all(b"POST / HT").await.unwrap();
        assert_eq!(rest(&mut half).await, "");

        let mut second = server.connect().await;
        let request = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\nhi";
        second.write_all(request).await.unwrap();
        answer(&mut second, "\r\n\r\nhi").await;
        second.write_all(b"POST / HTTP/1.1\r\nho").await.unwrap();
        assert_eq!(
            rest(&mut second).await,
            "",
            "nor is the head of a later request"
        );
    }

    #[tokio::test]
    async fn neither_a_pause_between_requests_nor_a_slow_body_is_a_slow_head() {
        let server = Server::start(LIMITS).await;
        let mut stream = server.connect().await;
        for _ in 0..2 {
            tokio::time::sleep(SHORT * 2).await;
            let head = b"POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 2\r\n\r\n";
            stream.write_all(head).await.unwrap();
            stream.write_all(b"h").await.unwrap();
            tokio::time::sleep(SHORT * 2).await;
            stream.write_all(b"i").await.unwrap();
            let text = answer(&mut stream, "\r\n\r\nhi").await;
            assert!(text.starts_with("HTTP/1.1 200 "), "{text}");
        }
    }

    #[tokio::test]
    async fn a_connection_that_nobody_uses_is_closed() {
        let limits = Limits {
            idle: SHORT,
            head: LONG,
            ..LIMITS
        };
        let mut stream = Server::start(limits).await.connect().await;
        assert_eq!(rest(&mut stream).await, "");
    }

    #[tokio::test]
    async fn a_reader_who_takes_nothing_is_cut_off_and_little_is_kept_for_it() {
        /// 256 MB in all, more than the buffers of any system take.
        const PIECES: usize = 4096;
        static PIECE: [u8; 64 << 10] = [b'x'; 64 << 10];
        let taken = Arc::new(AtomicUsize::new(0));
        let flood = {
            let taken = taken.clone();
            async move || {
                let pieces = (0..PIECES).map(move |_| {
                    taken.fetch_add(1, Ordering::Relaxed);
                    Ok::<_, Infallible>(Bytes::from_static(&PIECE))
                });
                Body::from_stream(stream::iter(pieces))
            }
        };
        let limits = Limits {
            stall: SHORT,
            ..LIMITS
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let mut reader = TcpStream::connect(address).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: h\r\n\r\n";
        reader.write_all(request).await.unwrap();
        let router = Router::new().route("/", get(flood));
        let served = timeout(LONG, serve(stream, router, limits)).await;
        let error = served.expect("the server lets go of it").unwrap_err();
        assert_eq!(
            error.source().map(ToString::to_string).as_deref(),
            Some("the client read nothing for 300ms")
        );
        let taken = taken.load(Ordering::Relaxed);
        assert!(taken < PIECES / 4, "{taken} pieces were kept for it");
    }

    #[tokio::test]
    async fn a_head_far_beyond_64_kb_is_refused() {
        let server = Server::start(Limits::PROTOCOL).await;
        for (length, status) in [(60 << 10, "200"), (200 << 10, "431")] {
            let mut stream = server.connect().await;
            let padding = "x".repeat(length);
            let request = format!(
                "POST / HTTP/1.1\r\nhost: h\r\nx-padding: {padding}\r\ncontent-length: 0\r\n\
                 connection: close\r\n\r\n"
            );
            // The server may hang up before it has read everything.
            let _ = stream.write_all(request.as_bytes()).await;
            let text = rest(&mut stream).await;
            assert!(
                text.starts_with(&format!("HTTP/1.1 {status} ")),
                "{length}: {text}"
            );
        }
    }

    #[test]
    fn the_limits_are_those_of_the_protocol() {
        let Limits {
            idle,
            head,
            stall,
            head_size,
        } = Limits::PROTOCOL;
        assert_eq!(
            (idle.as_secs(), head.as_secs(), stall.as_secs(), head_size),
            (120, 10, 30, 65_536)
        );
    }
}
