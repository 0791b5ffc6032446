//! Just enough HTTP/1.1 to load a server cheaply: requests that are rendered once, answers that
//! are parsed in place, one connection that is kept.
//!
//! The mesh's own client is `mesh-client`; a load generator must cost less than what it measures.

use std::fmt::Write as _;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// What a server answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpAnswer {
    /// The status code.
    pub status: u16,
    /// The body, without its framing.
    pub body: Vec<u8>,
}

impl HttpAnswer {
    /// The body as text; what is not UTF-8 is replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// Renders a request that keeps its connection open.
#[must_use]
pub fn request(method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: mesh\r\naccept: */*\r\n");
    if !body.is_empty() || method == "POST" {
        write!(
            head,
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        )
        .expect("a string takes everything");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Length(usize),
    Chunked,
}

/// Parses the answers of one connection, one at a time, as their bytes arrive.
#[derive(Debug, Default)]
pub struct AnswerParser {
    buffer: Vec<u8>,
    cursor: usize,
    head: Option<(u16, Framing)>,
    body: Vec<u8>,
    bodiless: bool,
}

impl AnswerParser {
    /// Forgets the answer before; `bodiless` when the request is a HEAD, whose answer announces a
    /// length and sends nothing.
    pub fn expect(&mut self, bodiless: bool) {
        self.buffer.clear();
        self.cursor = 0;
        self.head = None;
        self.body.clear();
        self.bodiless = bodiless;
    }

    /// Takes what arrived; the answer's status once it is complete.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Option<u16>> {
        // The bulk of a large body is copied once.
        if let Some((status, Framing::Length(length))) = self.head {
            self.body.extend_from_slice(bytes);
            return Ok((self.body.len() >= length).then_some(status));
        }
        self.buffer.extend_from_slice(bytes);
        let (status, framing) = match self.head {
            Some(head) => head,
            None => match parse_head(&self.buffer)? {
                None => return Ok(None),
                Some((status, framing, end)) => {
                    self.cursor = end;
                    let framing = if self.bodiless || status == 204 || status == 304 {
                        Framing::Length(0)
                    } else {
                        framing
                    };
                    self.head = Some((status, framing));
                    (status, framing)
                }
            },
        };
        let complete = match framing {
            Framing::Length(length) => {
                self.body.reserve(length);
                self.body.extend_from_slice(&self.buffer[self.cursor..]);
                self.body.len() >= length
            }
            Framing::Chunked => self.take_chunks()?,
        };
        Ok(complete.then_some(status))
    }

    /// The body of the answer that [`Self::push`] called complete.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        &self.body
    }

    fn take_chunks(&mut self) -> io::Result<bool> {
        loop {
            let rest = &self.buffer[self.cursor..];
            let Some(line_end) = find(rest, b"\r\n") else {
                return Ok(false);
            };
            let size = std::str::from_utf8(&rest[..line_end])
                .ok()
                .and_then(|line| usize::from_str_radix(line.split(';').next()?.trim(), 16).ok())
                .ok_or_else(|| malformed("a chunk without a size", rest))?;
            let end = line_end + 2 + size + 2;
            if rest.len() < end {
                return Ok(false);
            }
            self.body
                .extend_from_slice(&rest[line_end + 2..line_end + 2 + size]);
            self.cursor += end;
            if size == 0 {
                return Ok(true);
            }
        }
    }
}

fn parse_head(buffer: &[u8]) -> io::Result<Option<(u16, Framing, usize)>> {
    let Some(end) = find(buffer, b"\r\n\r\n") else {
        return Ok(None);
    };
    let status = buffer
        .get(9..12)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| digits.parse().ok())
        .filter(|_| buffer.starts_with(b"HTTP/1."))
        .ok_or_else(|| malformed("an answer without a status", buffer))?;
    let mut framing = Framing::Length(0);
    for line in buffer[..end].split(|byte| *byte == b'\n').skip(1) {
        let Some(colon) = line.iter().position(|byte| *byte == b':') else {
            continue;
        };
        let value = line[colon + 1..].trim_ascii();
        if line[..colon].eq_ignore_ascii_case(b"content-length") {
            let length = std::str::from_utf8(value)
                .ok()
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(|| malformed("a length that is no number", value))?;
            framing = Framing::Length(length);
        } else if line[..colon].eq_ignore_ascii_case(b"transfer-encoding") {
            framing = Framing::Chunked;
        }
    }
    Ok(Some((status, framing, end + 4)))
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack
        .windows(needle.len())
        .position(|window| window == needle)
}

fn malformed(what: &str, bytes: &[u8]) -> io::Error {
    let start = String::from_utf8_lossy(&bytes[..bytes.len().min(80)]).into_owned();
    io::Error::new(io::ErrorKind::InvalidData, format!("{what}: `{start}`"))
}

/// A blocking connection that is kept between requests.
#[derive(Debug)]
pub struct HttpConnection {
    stream: TcpStream,
    parser: AnswerParser,
    chunk: Vec<u8>,
}

impl HttpConnection {
    /// Connects; no read or write on it takes longer than `limit`.
    pub fn open(address: SocketAddr, limit: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, limit)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(limit))?;
        stream.set_write_timeout(Some(limit))?;
        Ok(Self {
            stream,
            parser: AnswerParser::default(),
            chunk: vec![0; 256 * 1024],
        })
    }

    /// Sends one request and waits for its answer.
    pub fn send(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<HttpAnswer> {
        self.send_rendered(&request(method, path, body))
    }

    /// Sends what [`request`] rendered and waits for its answer.
    pub fn send_rendered(&mut self, request: &[u8]) -> io::Result<HttpAnswer> {
        let status = self.exchange(request)?;
        Ok(HttpAnswer {
            status,
            body: self.parser.body().to_vec(),
        })
    }

    /// Like [`Self::send_rendered`], but leaves the body where it is: see [`Self::body`].
    pub fn exchange(&mut self, request: &[u8]) -> io::Result<u16> {
        self.stream.write_all(request)?;
        self.parser.expect(request.starts_with(b"HEAD "));
        loop {
            let read = match self.stream.read(&mut self.chunk) {
                // A read with a time limit ends at any signal, such as that of somebody's child.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if read == 0 {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            if let Some(status) = self.parser.push(&self.chunk[..read])? {
                return Ok(status);
            }
        }
    }

    /// The body of the last answer.
    #[must_use]
    pub fn body(&self) -> &[u8] {
        self.parser.body()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse_in_pieces(answer: &[u8], piece: usize, bodiless: bool) -> (u16, Vec<u8>) {
        let mut parser = AnswerParser::default();
        parser.expect(bodiless);
        for bytes in answer.chunks(piece) {
            if let Some(status) = parser.push(bytes).unwrap() {
                return (status, parser.body().to_vec());
            }
        }
        panic!("the answer never became complete");
    }

    #[test]
    fn an_answer_may_arrive_in_any_pieces() {
        let plain = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nx: y\r\n\r\nhello";
        let chunked =
            b"HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n";
        for piece in 1..plain.len() {
            assert_eq!(
                parse_in_pieces(plain, piece, false),
                (200, b"hello".to_vec())
            );
        }
        for piece in 1..chunked.len() {
            assert_eq!(
                parse_in_pieces(chunked, piece, false),
                (202, b"hello".to_vec())
            );
        }
    }

    #[test]
    fn the_answer_to_a_head_has_no_body() {
        let answer = b"HTTP/1.1 410 Gone\r\ncontent-length: 500\r\n\r\n";
        assert_eq!(parse_in_pieces(answer, 7, true), (410, Vec::new()));
    }

    #[test]
    fn what_is_no_http_is_refused() {
        let mut parser = AnswerParser::default();
        let error = parser.push(b"SSH-2.0-x\r\n\r\n").unwrap_err();
        assert!(error.to_string().contains("SSH-2.0"), "{error}");
    }
}
