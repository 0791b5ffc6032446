//! The URL of a Redis, which may hold a password.

use std::fmt;

use redis::{Client, IntoConnectionInfo as _};

/// Where Redis is, and how one logs in there. Nothing but [`RedisUrl::address`] is ever shown.
#[derive(Clone)]
pub struct RedisUrl(Client); // Private: parsing is the only way in.

impl RedisUrl {
    /// What stands for none.
    pub(crate) const DEFAULT: &'static str = "redis://localhost:6379";

    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        text.into_connection_info()
            // What Redis is told of its clients would cost a wait of its own where it hangs.
            .map(|info| {
                let settings = info.redis_settings().clone().set_skip_set_lib_name();
                info.set_redis_settings(settings)
            })
            .and_then(Client::open)
            .map(Self)
            .map_err(|_| "a URL such as `redis://localhost:6379`; `rediss:` and `unix:` work too")
    }

    pub(super) fn client(&self) -> Client {
        self.0.clone()
    }

    /// Host and port, or the path of the socket.
    pub(crate) fn address(&self) -> String {
        self.0.get_connection_info().addr().to_string()
    }

    /// `text`, which is no URL, without what may be a name or a password.
    pub(crate) fn redacted(text: &str) -> String {
        // A password may hold an at sign; a host may not.
        let Some((before, host)) = text.rsplit_once('@') else {
            return text.to_owned();
        };
        let scheme = before.split_once("://").map_or("", |(scheme, _)| scheme);
        format!("{scheme}://***@{host}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisUrl").field(&self.address()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_shows_its_address_alone() {
        let url = RedisUrl::parse("redis://mesh:s3cret@cache:6380/2").unwrap();
        assert_eq!(url.address(), "cache:6380");
        assert_eq!(format!("{url:?}"), r#"RedisUrl("cache:6380")"#);
        assert!(RedisUrl::parse(RedisUrl::DEFAULT).is_ok());
        assert!(RedisUrl::parse("rediss://cache").is_ok());
    }

    #[test]
    fn what_is_no_url_is_refused_without_its_password() {
        for text in ["cache:6379", "http://cache", "redis://a:b", ""] {
            assert!(RedisUrl::parse(text).is_err(), "{text}");
        }
        assert_eq!(RedisUrl::redacted("cache:6379"), "cache:6379");
        assert_eq!(RedisUrl::redacted("http://:a@b@cache"), "http://***@cache");
        assert_eq!(RedisUrl::redacted("mesh:secret@cache"), "://***@cache");
    }
}
