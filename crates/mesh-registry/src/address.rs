//! Which addresses a host to bind stands for, and where a registry that is bound to them is reached.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::net::lookup_host;

/// The addresses to bind for `host`.
///
/// `localhost` is not looked up: it is the two loopback addresses by definition (RFC 6761), and a
/// container may have neither `/etc/hosts` nor a name server that knows it.
pub(crate) async fn to_bind(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if is_localhost(host) {
        return Ok(vec![
            (Ipv4Addr::LOCALHOST, port).into(),
            (Ipv6Addr::LOCALHOST, port).into(),
        ]);
    }
    Ok(lookup_host((bare(host), port)).await?.collect())
}

/// Where a client on this machine finds what is bound to `host`.
pub(crate) async fn to_ask(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    let bound = to_bind(host, port).await?;
    Ok(bound.into_iter().flat_map(reached_at).collect())
}

/// The host of a URL for a client on this machine.
pub(crate) fn in_url(host: &str) -> String {
    match bare(host).parse() {
        Ok(address) if is_wildcard(address) => "localhost".to_owned(),
        Ok(IpAddr::V6(address)) => format!("[{address}]"),
        Ok(IpAddr::V4(_)) | Err(_) => host.to_owned(),
    }
}

fn reached_at(bound: SocketAddr) -> Vec<SocketAddr> {
    let loopback: &[IpAddr] = match bound.ip() {
        address if !is_wildcard(address) => return vec![bound],
        IpAddr::V4(_) => &[IpAddr::V4(Ipv4Addr::LOCALHOST)],
        // It takes IPv4 as well, and IPv6 may be turned off with the wildcard still there to bind.
        IpAddr::V6(_) => &[
            IpAddr::V6(Ipv6Addr::LOCALHOST),
            IpAddr::V4(Ipv4Addr::LOCALHOST),
        ],
    };
    let port = bound.port();
    loopback.iter().map(|&ip| (ip, port).into()).collect()
}

/// An IPv6 address as it stands in a URL is understood too.
fn bare(host: &str) -> &str {
    host.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(host)
}

fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host.eq_ignore_ascii_case("localhost")
}

fn is_wildcard(address: IpAddr) -> bool {
    address.to_canonical().is_unspecified()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn asked(host: &str) -> Vec<String> {
        let addresses = to_ask(host, 8000).await.unwrap();
        addresses.iter().map(ToString::to_string).collect()
    }

    #[tokio::test]
    async fn a_wildcard_is_reached_at_the_loopback_address_of_its_family() {
        assert_eq!(asked("0.0.0.0").await, ["127.0.0.1:8000"]);
        for host in ["::", "[::]", "0:0:0:0:0:0:0:0"] {
            assert_eq!(
                asked(host).await,
                ["[::1]:8000", "127.0.0.1:8000"],
                "{host}"
            );
        }
        assert_eq!(
            asked("::ffff:0.0.0.0").await,
            ["[::1]:8000", "127.0.0.1:8000"]
        );
    }

    #[tokio::test]
    async fn an_address_is_reached_where_it_is() {
        for (host, address) in [
            ("127.0.0.1", "127.0.0.1:8000"),
            ("10.1.2.3", "10.1.2.3:8000"),
            ("::1", "[::1]:8000"),
            ("[::1]", "[::1]:8000"),
        ] {
            assert_eq!(asked(host).await, [address], "{host}");
        }
    }

    #[tokio::test]
    async fn localhost_is_both_loopback_addresses_whoever_is_asked() {
        for host in ["localhost", "LocalHost", "localhost."] {
            assert_eq!(
                asked(host).await,
                ["127.0.0.1:8000", "[::1]:8000"],
                "{host}"
            );
        }
    }

    #[test]
    fn a_url_has_a_host_that_a_client_can_use() {
        for (host, expected) in [
            ("0.0.0.0", "localhost"),
            ("::", "localhost"),
            ("::1", "[::1]"),
            ("[fd00::1]", "[fd00::1]"),
            ("127.0.0.1", "127.0.0.1"),
            ("mesh.example", "mesh.example"),
        ] {
            assert_eq!(in_url(host), expected, "{host}");
        }
    }
}
