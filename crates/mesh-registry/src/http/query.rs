//! Query parameters, read by hand where the protocol has its own errors.

use aide::OperationInput;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::error::ApiError;

/// The parameters of a request, in order.
pub(super) struct Pairs(Vec<(String, String)>);

impl Pairs {
    /// The first value of `name`; an empty one counts as absent.
    pub(super) fn first<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    /// Every value of `name` that is not empty.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, value)| key == name && !value.is_empty())
            .map(|(_, value)| value.as_str())
    }

    /// The parts of a list in `name`, which commas separate; empty ones do not count.
    pub(super) fn csv<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let parts = self.all(name).flat_map(|list| list.split(','));
        parts.map(str::trim).filter(|part| !part.is_empty())
    }

    /// The number in `name`.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, ApiError> {
        self.first(name)
            .map(|text| {
                text.parse().map_err(|_| ApiError::Parameter {
                    name,
                    reason: format!("`{text}` is not a whole number"),
                })
            })
            .transpose()
    }
}

/// Routes describe their parameters by hand.
impl OperationInput for Pairs {}

impl<S: Sync> FromRequestParts<S> for Pairs {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Query::try_from_uri(&parts.uri)
            .map(|Query(pairs)| Self(pairs))
            .map_err(|error| ApiError::Invalid(format!("Invalid query parameters: {error}")))
    }
}
