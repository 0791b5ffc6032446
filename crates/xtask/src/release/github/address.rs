//! Where a server's pages, its API and its uploads are.

use anyhow::{Context, bail};
use ureq::http::Uri;

/// The server itself, which has hosts of their own for API and uploads.
const GITHUB: &str = "https://github.com";

/// A server, by the URL under which people see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Address {
    web: String,
    api: String,
    /// Where a token may go, as `scheme://host[:port]`.
    trusted: Vec<String>,
    is_loopback: bool,
}

impl Address {
    /// Takes `https://github.com`, or the root URL of an enterprise server or a local hub.
    pub(crate) fn parse(base: &str) -> anyhow::Result<Self> {
        let base = base.trim_end_matches('/');
        let uri: Uri = base
            .parse()
            .with_context(|| format!("`{base}` is no URL"))?;
        let (Some(scheme), Some(host)) = (uri.scheme_str(), uri.host()) else {
            bail!("`{base}` is no URL; write `https://host`");
        };
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            bail!("`{base}` has a path; a base URL is the root of a host");
        }
        let is_loopback = matches!(host, "127.0.0.1" | "localhost" | "[::1]");
        match scheme {
            "https" => {}
            "http" if is_loopback => {}
            _ => bail!("`{base}` is not encrypted; only a loopback address may go without https"),
        }
        let (api, trusted) = if base == GITHUB {
            let api = "https://api.github.com".to_owned();
            let uploads = "https://uploads.github.com".to_owned();
            (api.clone(), vec![api, uploads])
        } else {
            (format!("{base}/api/v3"), vec![base.to_owned()])
        };
        Ok(Self {
            web: base.to_owned(),
            api,
            trusted,
            is_loopback,
        })
    }

    /// The root of its pages, without a slash at the end.
    pub(crate) fn web(&self) -> &str {
        &self.web
    }

    /// The root of its API, without a slash at the end.
    pub(super) fn api(&self) -> &str {
        &self.api
    }

    /// Whether a token for this server may be sent to `url`.
    pub(super) fn trusts(&self, url: &str) -> bool {
        let Ok(uri) = url.parse::<Uri>() else {
            return false;
        };
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return false;
        };
        let origin = format!("{scheme}://{authority}");
        self.trusted.contains(&origin)
    }

    /// Whether it is reached by https, as all but loopback addresses are.
    pub(super) fn is_encrypted(&self) -> bool {
        self.web.starts_with("https://")
    }

    /// Whether it is on this machine, where no proxy is needed.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_has_a_host_of_its_own_on_github_alone() {
        let address = |base: &str| Address::parse(base).unwrap();
        assert_eq!(
            address("https://github.com/").api(),
            "https://api.github.com"
        );
        assert_eq!(
            address("https://git.example").api(),
            "https://git.example/api/v3"
        );
    }

    #[test]
    fn a_token_goes_to_its_own_server_only() {
        let github = Address::parse("https://github.com").unwrap();
        assert!(github.trusts("https://api.github.com/repos/o/r"));
        assert!(github.trusts("https://uploads.github.com/repos/o/r/releases/1/assets"));
        for url in [
            "http://api.github.com/repos/o/r",
            "https://api.github.com.example/repos",
            "https://api.github.com@example.org/repos",
            "https://api.github.com:8443/repos",
            "https://objects.example/asset",
            "/repos",
        ] {
            assert!(!github.trusts(url), "{url}");
        }
        let local = Address::parse("http://127.0.0.1:8765").unwrap();
        assert!(local.trusts("http://127.0.0.1:8765/api/uploads/x"));
        assert!(!local.trusts("http://127.0.0.1:8766/api/uploads/x"));
    }

    #[test]
    fn a_base_that_could_leak_or_mislead_is_refused() {
        for base in [
            "",
            "github.com",
            "http://git.example",
            "https://git.example/mirror",
            "ftp://127.0.0.1",
        ] {
            let error = Address::parse(base).unwrap_err().to_string();
            assert!(error.contains(&format!("`{base}`")), "{error}");
        }
    }
}
