//! Models of vendors: what an LLM provider offers, and what it needs for that.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::language::Language;

/// Whose model a provider offers, and which one a consumer prefers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Vendor {
    /// Anthropic
    #[default]
    Claude,
    /// OpenAI
    #[value(name = "openai")]
    Openai,
    /// Google
    Gemini,
    /// Any other, through litellm
    LitellmFallback,
}

impl Vendor {
    /// As flags and tags spell it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Openai => "openai",
            Self::Gemini => "gemini",
            Self::LitellmFallback => "litellm-fallback",
        }
    }

    /// The model that is offered unless another is named.
    pub(crate) fn default_model(self) -> Model {
        Model(
            match self {
                Self::Claude => "anthropic/claude-sonnet-5",
                Self::Openai | Self::LitellmFallback => "openai/gpt-4o",
                Self::Gemini => "gemini/gemini-2.5-flash",
            }
            .to_owned(),
        )
    }
}

/// A model, as `vendor/model`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Model(String); // Private: parsing is the only way in.

/// What names no model.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no model: use `vendor/model`, such as `anthropic/claude-sonnet-5`")]
pub(crate) struct InvalidModel(String);

impl FromStr for Model {
    type Err = InvalidModel;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let bad = |c: char| c.is_whitespace() || c.is_control();
        if text.is_empty() || text.contains(bad) || text.starts_with('/') || text.ends_with('/') {
            return Err(InvalidModel(text.to_owned()));
        }
        // A bare name of one of the three is complete as well.
        let prefix = match Model(text.to_owned()).family() {
            Family::Claude => "anthropic/",
            Family::Gpt => "openai/",
            Family::Gemini => "gemini/",
            Family::Other => "",
        };
        Ok(Self(if text.contains('/') {
            text.to_owned()
        } else {
            format!("{prefix}{text}")
        }))
    }
}

/// Whose model it is, whichever way it is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Family {
    Claude,
    Gpt,
    Gemini,
    Other,
}

/// How a provider asks its vendor whether the key is a good one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Probe {
    /// What people call the vendor.
    pub(super) vendor: &'static str,
    /// Where its models are listed.
    pub(super) url: &'static str,
    /// The header that has the key, and what stands before the key.
    pub(super) header: &'static str,
    pub(super) scheme: &'static str,
    /// The variable that has the key.
    #[serde(skip)]
    key: &'static str,
}

const ANTHROPIC: Probe = Probe {
    vendor: "Anthropic",
    url: "https://api.anthropic.com/v1/models",
    header: "x-api-key",
    scheme: "",
    key: "ANTHROPIC_API_KEY",
};
const OPENAI: Probe = Probe {
    vendor: "OpenAI",
    url: "https://api.openai.com/v1/models",
    header: "Authorization",
    scheme: "Bearer ",
    key: "OPENAI_API_KEY",
};
const GOOGLE: Probe = Probe {
    vendor: "Google",
    url: "https://generativelanguage.googleapis.com/v1beta/models",
    header: "x-goog-api-key",
    scheme: "",
    key: "GOOGLE_API_KEY",
};

impl Model {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// What stands before the first slash, and what behind.
    fn parts(&self) -> (&str, &str) {
        self.0.split_once('/').unwrap_or(("", &self.0))
    }

    fn family(&self) -> Family {
        let (vendor, _) = self.parts();
        let name = self.0.to_ascii_lowercase();
        // What it is called says more than the gateway that it is reached through.
        if name.contains("claude") {
            Family::Claude
        } else if name.contains("gemini") {
            Family::Gemini
        } else if name.contains("gpt") || vendor == "openai" {
            Family::Gpt
        } else if vendor == "anthropic" {
            Family::Claude
        } else {
            Family::Other
        }
    }

    /// The tags by which consumers choose it.
    pub(super) fn tags(&self, vendor: Vendor) -> Vec<String> {
        let by_family: &[&str] = match self.family() {
            Family::Claude => &["llm", "claude", "anthropic", "provider"],
            Family::Gpt => &["llm", "openai", "gpt", "provider"],
            Family::Gemini => &["llm", "gemini", "google", "provider"],
            Family::Other => &["llm", "provider"],
        };
        let mut tags: Vec<String> = by_family.iter().map(|&tag| tag.to_owned()).collect();
        let (gateway, _) = self.parts();
        if self.family() == Family::Other && !gateway.is_empty() {
            tags.insert(1, gateway.to_owned());
        }
        if vendor == Vendor::LitellmFallback {
            tags.push(vendor.as_str().to_owned());
        }
        tags
    }

    /// How to ask its vendor, where that is one of the three and asked directly.
    pub(super) fn probe(&self) -> Option<Probe> {
        match self.parts() {
            ("anthropic", _) => Some(ANTHROPIC),
            ("openai", _) => Some(OPENAI),
            ("gemini", _) => Some(GOOGLE),
            _ => None,
        }
    }

    /// The variable that has the key.
    pub(crate) fn key(&self) -> Option<&'static str> {
        self.probe().map(|probe| probe.key)
    }

    /// The extra of `mcp-mesh` with the vendor's SDK.
    pub(super) fn extra(&self, language: Language) -> &'static str {
        if language != Language::Python {
            return "";
        }
        match (self.parts().0, self.family()) {
            ("anthropic", _) => "anthropic",
            ("openai", _) => "openai",
            ("gemini", _) => "gemini",
            ("vertex_ai", Family::Gemini) => "vertex",
            ("vertex_ai", Family::Claude) => "anthropic,vertex",
            _ => "litellm",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(text: &str) -> Model {
        text.parse().unwrap()
    }

    #[test]
    fn tags_go_by_the_family_and_not_by_the_gateway() {
        let tags = |text: &str| model(text).tags(Vendor::Claude).join(",");
        assert_eq!(
            tags("openrouter/anthropic/claude"),
            "llm,claude,anthropic,provider"
        );
        assert_eq!(
            tags("vertex_ai/gemini-2.5-pro"),
            "llm,gemini,google,provider"
        );
        assert_eq!(tags("azure/gpt-4o"), "llm,openai,gpt,provider");
        assert_eq!(tags("openai/o3"), "llm,openai,gpt,provider");
        assert_eq!(tags("mistral/large"), "llm,mistral,provider");
        let fallback = Vendor::LitellmFallback
            .default_model()
            .tags(Vendor::LitellmFallback);
        assert!(fallback.contains(&"litellm-fallback".to_owned()));
    }

    #[test]
    fn a_bare_name_of_the_three_gets_its_vendor() {
        assert_eq!(
            model("claude-sonnet-5").as_str(),
            "anthropic/claude-sonnet-5"
        );
        assert_eq!(model("gpt-4o").as_str(), "openai/gpt-4o");
        assert_eq!(
            model(" gemini-2.5-flash ").as_str(),
            "gemini/gemini-2.5-flash"
        );
        assert_eq!(model("llama-3").as_str(), "llama-3");
        for bad in ["", " ", "a b", "/x", "anthropic/"] {
            assert!(bad.parse::<Model>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn only_a_vendor_that_is_asked_directly_has_a_key_that_we_know() {
        assert_eq!(
            model("anthropic/claude-sonnet-5").key(),
            Some("ANTHROPIC_API_KEY")
        );
        assert_eq!(model("bedrock/anthropic.claude").key(), None);
        for (text, extra) in [
            ("anthropic/claude-sonnet-5", "anthropic"),
            ("vertex_ai/gemini-2.5-pro", "vertex"),
            ("vertex_ai/claude-sonnet-5", "anthropic,vertex"),
            ("bedrock/anthropic.claude", "litellm"),
            ("mistral/large", "litellm"),
        ] {
            assert_eq!(model(text).extra(Language::Python), extra, "{text}");
        }
    }
}
