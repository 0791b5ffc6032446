//! Extra request headers, checked before any network is touched.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

/// A header that HTTP cannot carry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidHeader {
    /// The name has a character outside HTTP's alphabet, or is empty.
    #[error("`{0}` is not a header name")]
    Name(String),
    /// The value has a control character.
    #[error("the value of header `{0}` holds a character that HTTP does not allow")]
    Value(String),
}

/// Headers to send beside those that a request needs anyway; the latter win.
#[derive(Debug, Clone, Default)]
pub struct Headers(HeaderMap); // Private: `push` is the only way in.

impl Headers {
    /// No header.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a header; a name that is there already is sent twice.
    pub fn push(&mut self, name: &str, value: &str) -> Result<(), InvalidHeader> {
        let parsed_name = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| InvalidHeader::Name(name.to_owned()))?;
        let value =
            HeaderValue::from_str(value).map_err(|_| InvalidHeader::Value(name.to_owned()))?;
        self.0.append(parsed_name, value);
        Ok(())
    }

    /// Whether there is one called `name`, in whatever case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    pub(crate) fn as_map(&self) -> &HeaderMap {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_that_http_cannot_carry_is_refused_by_name() {
        let mut headers = Headers::new();
        assert_eq!(headers.push("x-tenant", "blue"), Ok(()));
        assert_eq!(
            headers.push("x tenant", "blue"),
            Err(InvalidHeader::Name("x tenant".into()))
        );
        assert_eq!(
            headers.push("x-tenant", "a\nb"),
            Err(InvalidHeader::Value("x-tenant".into()))
        );
        assert_eq!(headers.as_map().len(), 1);
    }
}
