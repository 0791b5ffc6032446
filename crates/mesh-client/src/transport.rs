//! How bytes reach a server: one pooled client per kind of URL, built when it is first needed.

use std::sync::OnceLock;
use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Client, redirect, retry};
use url::{Host, Url};

use crate::tls::{Tls, plain_config};

/// Whether proxies that the environment names (`HTTP_PROXY`, …) are used. On the way to a loopback
/// address they never are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxies {
    /// As the environment says.
    #[default]
    Environment,
    /// Every connection goes straight to its server.
    Never,
}

/// Connects, keeps connections, and never repeats a request by itself.
#[derive(Debug)]
pub(crate) struct Transport {
    connect_timeout: Duration,
    idle_timeout: Duration,
    headers: HeaderMap,
    proxies: Proxies,
    tls: Option<Tls>,
    // Plain and TLS apart: the root certificates cost time that a local `http` URL need not pay.
    // Loopback apart: a proxy named by the environment cannot reach it.
    clients: [OnceLock<Client>; 4],
}

impl Transport {
    pub(crate) fn new(connect_timeout: Duration, idle_timeout: Duration) -> Self {
        Self {
            connect_timeout,
            idle_timeout,
            headers: HeaderMap::new(),
            proxies: Proxies::default(),
            tls: None,
            clients: Default::default(),
        }
    }

    /// The same with `headers` on every request.
    pub(crate) fn with_headers(mut self, headers: HeaderMap) -> Self {
        self.headers = headers;
        self
    }

    /// The same with another opinion on proxies.
    pub(crate) fn with_proxies(mut self, proxies: Proxies) -> Self {
        self.proxies = proxies;
        self
    }

    /// The same with certificates of one's own.
    pub(crate) fn with_tls(mut self, tls: Option<Tls>) -> Self {
        self.tls = tls;
        self
    }

    /// The client for `url`.
    pub(crate) fn client(&self, url: &Url) -> Result<&Client, reqwest::Error> {
        let tls = url.scheme() == "https";
        let loopback = is_loopback(url);
        let cell = &self.clients[usize::from(tls) * 2 + usize::from(loopback)];
        if let Some(client) = cell.get() {
            return Ok(client);
        }
        let client = self.build(tls, loopback)?;
        Ok(cell.get_or_init(|| client))
    }

    fn build(&self, tls: bool, loopback: bool) -> Result<Client, reqwest::Error> {
        let config = match &self.tls {
            Some(own) if tls => own.config(),
            _ => plain_config(tls),
        };
        let builder = Client::builder()
            .tls_backend_preconfigured(config)
            .http1_only()
            .tcp_nodelay(true)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .referer(false)
            .connect_timeout(self.connect_timeout)
            .pool_idle_timeout(self.idle_timeout)
            .default_headers(self.headers.clone());
        if loopback || self.proxies == Proxies::Never {
            builder.no_proxy().build()
        } else {
            builder.build()
        }
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Reads `text` as the base of other URLs: `http` or `https`, with a host, no query; a path is kept.
pub(crate) fn parse_base(text: &str) -> Result<Url, String> {
    let mut url = Url::parse(text.trim()).map_err(|error| error.to_string())?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(format!(
            "scheme `{}` is neither `http` nor `https`",
            url.scheme()
        ));
    }
    if url.host_str().is_none_or(str::is_empty) {
        return Err("it names no host".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    Ok(url)
}

/// `url` as people are shown it: without a slash at its end, and without its password.
#[must_use]
pub fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Whatever has a password can have another one.
        let _ = url.set_password(Some("***"));
    }
    url.as_str().trim_end_matches('/').to_owned()
}

/// `base` with `segments` appended, each of them escaped.
pub(crate) fn join(base: &Url, segments: &[&str]) -> Url {
    let mut url = base.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_http_with_a_host() {
        for good in ["http://h:1", "https://h", " http://[::1]:8000/x/ "] {
            assert!(parse_base(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "h:8000",
            "localhost",
            "ftp://h",
            "stdio://agent-1",
            "http://",
        ] {
            assert!(parse_base(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn segments_are_escaped_and_a_trailing_slash_does_not_matter() {
        for base in ["http://h:1/mesh", "http://h:1/mesh/"] {
            let base = parse_base(base).unwrap();
            assert_eq!(
                join(&base, &["heartbeat", "a/b?c"]).as_str(),
                "http://h:1/mesh/heartbeat/a%2Fb%3Fc"
            );
        }
    }

    #[test]
    fn loopback_is_recognised_in_every_spelling() {
        for (text, expected) in [
            ("http://localhost:1", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:1", true),
            ("http://10.0.0.1", false),
            ("http://registry", false),
        ] {
            assert_eq!(is_loopback(&Url::parse(text).unwrap()), expected, "{text}");
        }
    }
}
