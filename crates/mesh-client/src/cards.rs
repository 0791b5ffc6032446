//! Fetches the card of an A2A agent outside of the mesh, from an address that somebody typed.
//!
//! A card says where to go on, and so does a redirect: neither leads to an address inside the
//! network unless that was allowed. What was looked at is what is connected to: names are resolved
//! once for a request, and proxies are not used.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use reqwest::header::{ACCEPT, LOCATION};
use reqwest::{Client, Response, StatusCode, redirect, retry};
use serde_json::Value;
use tokio::net::lookup_host;
use tokio::time::timeout;
use url::{Host, Url};

use crate::tls::plain_config;

/// How long everything may take together.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a request is sent elsewhere.
const REDIRECTS: usize = 5;
/// The largest card, in bytes.
const LARGEST: usize = 1 << 20;
/// Where agents have their cards; the first is the older place and the more usual one.
const PLACES: [&str; 2] = [".well-known/agent.json", ".well-known/agent-card.json"];

/// Which addresses a card may come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Networks {
    /// Those of the internet.
    Public,
    /// This machine and private networks as well.
    Any,
}

/// A card, and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundCard {
    /// Where the agent takes requests: the address that was given, without the card's place.
    pub agent: Url,
    /// The card.
    pub card: Value,
}

/// Why there is no card.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The address is none.
    #[error("`{url}` is no address of an agent: {reason}")]
    Address {
        /// What was given, or redirected to.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// An address inside the network.
    #[error("`{url}` leads to {address}, which is not a public address")]
    Private {
        /// Which address was asked for.
        url: String,
        /// What its host is.
        address: IpAddr,
    },
    /// Nobody answers.
    #[error("cannot reach `{url}`")]
    Unreachable {
        /// What was asked.
        url: String,
        /// The transport's own account.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// It took too long.
    #[error("`{url}` sent no card within {PATIENCE:?}")]
    Slow {
        /// What was asked.
        url: String,
    },
    /// An answer that is no card.
    #[error("`{url}` sent no card: {reason}")]
    NoCard {
        /// What was asked.
        url: String,
        /// What came instead.
        reason: String,
    },
}

/// Which addresses may be asked.
type Guard = fn(IpAddr) -> bool;

/// Fetches the card of the agent at `url`, which may be the card's own address too.
pub async fn fetch_card(url: &str, networks: Networks) -> Result<FoundCard, CardError> {
    let guard: Guard = match networks {
        Networks::Public => is_public,
        Networks::Any => |_| true,
    };
    fetch(url, guard).await
}

async fn fetch(url: &str, guard: Guard) -> Result<FoundCard, CardError> {
    let given = parse(url)?;
    let (agent, places) = places(&given);
    let work = async {
        let last = places.len() - 1;
        for (at, place) in places.iter().enumerate() {
            let response = ask(place, guard).await?;
            if response.status() == StatusCode::NOT_FOUND && at < last {
                continue;
            }
            return read(place, response).await;
        }
        unreachable!("the last place returns")
    };
    match timeout(PATIENCE, work).await {
        Ok(card) => Ok(FoundCard { agent, card: card? }),
        Err(_) => Err(CardError::Slow {
            url: places[0].to_string(),
        }),
    }
}

fn parse(text: &str) -> Result<Url, CardError> {
    let wrong = |reason: String| CardError::Address {
        url: text.to_owned(),
        reason,
    };
    let mut url = Url::parse(text.trim()).map_err(|error| wrong(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(wrong(format!(
            "its scheme `{}` is neither `http` nor `https`",
            url.scheme()
        )));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("it holds a password".to_owned()));
    }
    url.set_fragment(None);
    Ok(url)
}

/// Where the agent is, and where its card may be.
fn places(given: &Url) -> (Url, Vec<Url>) {
    let path = given.path().trim_end_matches('/').to_owned();
    for place in PLACES {
        if let Some(base) = path.strip_suffix(place) {
            let mut agent = given.clone();
            agent.set_path(base.trim_end_matches('/'));
            return (agent, vec![given.clone()]);
        }
    }
    let mut agent = given.clone();
    agent.set_path(&path);
    let places = PLACES.map(|place| {
        let mut url = agent.clone();
        url.set_path(&format!("{path}/{place}"));
        url
    });
    (agent, places.to_vec())
}

/// Asks for `place`, wherever it is now.
async fn ask(place: &Url, guard: Guard) -> Result<Response, CardError> {
    let mut url = place.clone();
    for _ in 0..=REDIRECTS {
        let response = send(&url, guard).await?;
        if !response.status().is_redirection() {
            return Ok(response);
        }
        let location = response.headers().get(LOCATION);
        let location = location.and_then(|location| location.to_str().ok());
        let target = location.and_then(|location| url.join(location).ok());
        let target = target.ok_or_else(|| no_card(&url, "it redirects to nowhere"))?;
        if url.scheme() == "https" && target.scheme() != "https" {
            return Err(no_card(&url, "it redirects to where nothing is encrypted"));
        }
        url = parse(target.as_str())?;
    }
    Err(no_card(place, "it redirects without end"))
}

async fn send(url: &Url, guard: Guard) -> Result<Response, CardError> {
    let addresses = resolve(url, guard).await?;
    let host = url.host_str().unwrap_or_default();
    let unreachable = |source: reqwest::Error| CardError::Unreachable {
        url: url.to_string(),
        source: source.without_url().into(),
    };
    let client = Client::builder()
        .tls_backend_preconfigured(plain_config(url.scheme() == "https"))
        .http1_only()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .no_proxy()
        .user_agent(concat!("meshctl/", env!("CARGO_PKG_VERSION")))
        .resolve_to_addrs(host, &addresses)
        .build()
        .map_err(unreachable)?;
    let request = client.get(url.clone()).header(ACCEPT, "application/json");
    request.send().await.map_err(unreachable)
}

/// What the host of `url` is; all of it must be allowed.
async fn resolve(url: &Url, guard: Guard) -> Result<Vec<SocketAddr>, CardError> {
    let port = url.port_or_known_default().unwrap_or(80);
    let addresses: Vec<SocketAddr> = match url.host() {
        Some(Host::Ipv4(address)) => vec![(address, port).into()],
        Some(Host::Ipv6(address)) => vec![(address, port).into()],
        Some(Host::Domain(name)) => lookup_host((name, port))
            .await
            .map_err(|source| CardError::Unreachable {
                url: url.to_string(),
                source: source.into(),
            })?
            .collect(),
        None => Vec::new(),
    };
    if addresses.is_empty() {
        return Err(CardError::Address {
            url: url.to_string(),
            reason: "its host has no address".to_owned(),
        });
    }
    if let Some(inside) = addresses.iter().find(|address| !guard(address.ip())) {
        return Err(CardError::Private {
            url: url.to_string(),
            address: inside.ip(),
        });
    }
    Ok(addresses)
}

/// Whether an address is one of the internet, as the registries of special addresses have it.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let [first, second, third, _] = address.octets();
            let shared = first == 100 && (64..128).contains(&second);
            let special = first == 192 && second == 0 && third == 0;
            let benchmarks = first == 198 && (18..20).contains(&second);
            !(address.is_private()
                || address.is_loopback()
                || address.is_link_local()
                || address.is_broadcast()
                || address.is_documentation()
                || address.is_multicast()
                || first == 0
                || first >= 240
                || shared
                || special
                || benchmarks)
        }
        IpAddr::V6(address) => {
            // An IPv4 address in another dress: mapped, translated, or tunnelled.
            let parts = address.segments();
            let [.., high, low] = parts;
            let embedded = (u32::from(high) << 16 | u32::from(low)).into();
            if let Some(mapped) = address.to_ipv4_mapped() {
                return is_public(mapped.into());
            }
            match parts {
                [0x64, 0xff9b, 0, 0, 0, 0, ..] => is_public(IpAddr::V4(embedded)),
                [0x2002, high, low, ..] => {
                    is_public(IpAddr::V4((u32::from(high) << 16 | u32::from(low)).into()))
                }
                // Global unicast, without documentation and Teredo.
                [first, second, ..] => {
                    first & 0xe000 == 0x2000
                        && !(first == 0x2001 && (second == 0xdb8 || second < 0x200))
                        && first != 0x3fff
                }
            }
        }
    }
}

async fn read(url: &Url, mut response: Response) -> Result<Value, CardError> {
    let status = response.status();
    if status != StatusCode::OK {
        return Err(no_card(url, &format!("it answers with {status}")));
    }
    let mut body = Vec::new();
    loop {
        let chunk = response.chunk().await;
        let chunk = chunk.map_err(|error| no_card(url, &format!("its answer breaks off: {error}")));
        let Some(chunk) = chunk? else {
            break;
        };
        body.extend_from_slice(&chunk);
        if body.len() > LARGEST {
            return Err(no_card(url, &format!("it is larger than {LARGEST} bytes")));
        }
    }
    serde_json::from_slice(&body).map_err(|error| no_card(url, &format!("it is no JSON: {error}")))
}

fn no_card(url: &Url, reason: &str) -> CardError {
    CardError::NoCard {
        url: url.to_string(),
        reason: reason.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for public in [
            "1.1.1.1",
            "93.184.215.14",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:1.1.1.1",
        ] {
            assert!(is_public(public.parse().unwrap()), "{public}");
        }
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "192.0.0.1",
            "198.18.0.1",
            "192.0.2.1",
            "224.0.0.1",
            "255.255.255.255",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "2001:db8::1",
            "2001::1",
            "::ffff:10.0.0.1",
            "64:ff9b::a00:1",
            "2002:a00:1::",
            "3fff::1",
            "::7f00:1",
        ] {
            assert!(!is_public(inside.parse().unwrap()), "{inside}");
        }
    }

    #[test]
    fn a_card_lies_at_its_agent() {
        let told = |text: &str| {
            let (agent, places) = places(&parse(text).unwrap());
            (
                agent.to_string(),
                places.iter().map(Url::to_string).collect::<Vec<_>>(),
            )
        };
        let (agent, at) = told("http://h/agents/date/");
        assert_eq!(agent, "http://h/agents/date");
        assert_eq!(at[0], "http://h/agents/date/.well-known/agent.json");
        assert_eq!(at.len(), 2);
        let (agent, at) = told("http://h/x/.well-known/agent-card.json");
        assert_eq!((agent.as_str(), at.len()), ("http://h/x", 1));
        for wrong in ["", "h:1", "ftp://h", "http://u:p@h"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[tokio::test]
    async fn a_redirect_leads_nowhere_that_the_guard_forbids() {
        let outside = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = outside.local_addr().unwrap();
        let port = address.port();
        let server = tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let (mut stream, _) = outside.accept().await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            let answer = format!("HTTP/1.1 307 Away\r\nlocation: http://127.0.0.2:{port}/\r\n\r\n");
            stream.write_all(answer.as_bytes()).await.unwrap();
        });
        // One address of loopback stands for the internet, another for what is inside.
        let guard: Guard = |address| address == IpAddr::from([127, 0, 0, 1]);
        let error = fetch(&format!("http://{address}/agent"), guard)
            .await
            .unwrap_err();
        server.await.unwrap();
        let CardError::Private { address, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(address, IpAddr::from([127, 0, 0, 2]));
    }
}
