//! Free ports that stay free.

use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below the range from which systems number outgoing connections, so that a port which its
/// server left for a moment is not taken by a connection, nor connected to itself.
const FIRST: u16 = 10_240;
const COUNT: u16 = 22_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// A port of the loop-back address on which nobody listens.
///
/// Nothing holds it back: whoever starts a server on it must be ready to try another.
pub fn free_port() -> io::Result<u16> {
    // Test processes that run side by side start looking at different places.
    let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT))
        .expect("a remainder of a u16");
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + step) % COUNT;
        if is_free(port) {
            return Ok(port);
        }
    }
    Err(io::Error::new(
        io::ErrorKind::AddrInUse,
        format!("no free port from {FIRST} to {}", FIRST + COUNT - 1),
    ))
}

/// Whether nobody listens on this port of the loop-back address.
pub(crate) fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_port_can_be_bound_and_comes_once() {
        let (first, second) = (free_port().unwrap(), free_port().unwrap());
        assert_ne!(first, second);
        TcpListener::bind((Ipv4Addr::LOCALHOST, first)).unwrap();
    }
}
