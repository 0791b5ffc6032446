//! Which headers a proxied call may carry on.

use std::str::FromStr;

use axum::http::{HeaderMap, HeaderName};
use mesh_core::wire::TIMEOUT_HEADER;

/// What every proxied call carries on.
const ALWAYS: &[&str] = &[
    "content-type",
    "accept",
    "mcp-session-id", // Without it, a server that keeps sessions takes every call for a new client.
    "x-trace-id",
    "x-parent-span",
    TIMEOUT_HEADER,
    "x-mesh-job-id",
    "x-mesh-calling-job-id",
    "x-mesh-calling-claim-epoch",
];

/// Names of headers, and prefixes of names, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct HeaderRules {
    names: Vec<String>,
    prefixes: Vec<String>,
}

/// A rule that names no header, or one that would pass on everything, credentials included.
#[derive(Debug, thiserror::Error)]
#[error("header names separated by commas, a trailing `*` for a prefix, but no bare `*`")]
pub(crate) struct InvalidRule;

impl FromStr for HeaderRules {
    type Err = InvalidRule;

    fn from_str(text: &str) -> Result<Self, InvalidRule> {
        let mut rules = Self::default();
        for rule in text
            .split(',')
            .map(str::trim)
            .filter(|rule| !rule.is_empty())
        {
            let prefix = rule.strip_suffix('*');
            // Lower-cases, and refuses the empty name of a bare `*`.
            let name = HeaderName::from_str(prefix.unwrap_or(rule)).map_err(|_| InvalidRule)?;
            let rules = if prefix.is_some() {
                &mut rules.prefixes
            } else {
                &mut rules.names
            };
            rules.push(name.as_str().to_owned());
        }
        Ok(rules)
    }
}

impl HeaderRules {
    /// Those of `headers` that may go on.
    pub(crate) fn select(&self, headers: &HeaderMap) -> HeaderMap {
        let kept = headers.iter().filter(|(name, _)| self.allows(name));
        kept.map(|(name, value)| (name.clone(), value.clone()))
            .collect()
    }

    fn allows(&self, name: &HeaderName) -> bool {
        let name = name.as_str();
        ALWAYS.contains(&name)
            || self.names.iter().any(|rule| rule == name)
            || self.prefixes.iter().any(|prefix| name.starts_with(prefix))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_stay_behind_unless_named() {
        let headers: HeaderMap = ["accept", "authorization", "x-tenant-id", "x-other"]
            .map(|name| (HeaderName::from_static(name), "v".parse().unwrap()))
            .into_iter()
            .collect();
        let kept = |rules: &str| {
            let kept = rules.parse::<HeaderRules>().unwrap().select(&headers);
            kept.keys()
                .map(ToString::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(kept(""), "accept");
        assert_eq!(
            kept("Authorization, X-Tenant-*"),
            "accept authorization x-tenant-id"
        );
        assert!("x-a,*".parse::<HeaderRules>().is_err());
    }
}
