//! The card of an A2A agent: what it says about itself becomes tools.

use mesh_client::cards::{CardError, FoundCard, Networks, fetch_card};
use serde::Deserialize;

use super::blueprint::{A2aConsumer, Skill};
use super::language::Language;
use super::name::{Description, identifier, unlike};
use crate::error::{CliError, Kind, root_cause};

/// How many skills become tools at most.
const SKILLS: usize = 200;
/// The longest description that is taken from somebody else, in characters.
const LONGEST: usize = 500;

/// What is read of a card. Cards say more, and other versions say it differently.
#[derive(Deserialize)]
struct Card {
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    skills: Vec<CardSkill>,
    #[serde(default)]
    authentication: Option<Authentication>,
    #[serde(default, rename = "securitySchemes")]
    security_schemes: serde_json::Map<String, serde_json::Value>,
}

#[derive(Deserialize)]
struct CardSkill {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    description: String,
    #[serde(default)]
    tags: Vec<String>,
}

#[derive(Deserialize)]
struct Authentication {
    #[serde(default)]
    schemes: Vec<String>,
}

/// What an agent outside offers.
pub(crate) struct Outside {
    pub(crate) consumer: A2aConsumer,
    /// What it says that it is, if it does.
    pub(crate) description: Option<Description>,
}

/// Asks the agent at `url`. `token` is the variable for its token, should it want one.
pub(crate) async fn ask(
    url: &str,
    networks: Networks,
    token: &str,
    language: Language,
) -> Result<Outside, CliError> {
    let found = fetch_card(url, networks).await?;
    read(found, token, language).map_err(|reason| {
        CliError::new(format!("the card of `{url}` {reason}"))
            .hint("ask whoever runs that agent, or fill in the blanks of `--offline`")
    })
}

fn read(found: FoundCard, token: &str, language: Language) -> Result<Outside, String> {
    let FoundCard { agent, card } = found;
    let card: Card =
        serde_json::from_value(card).map_err(|error| format!("cannot be read: {error}"))?;
    if card.skills.is_empty() {
        return Err("names no skills".to_owned());
    }
    if card.skills.len() > SKILLS {
        return Err(format!("names more than {SKILLS} skills"));
    }
    let wants_token = card.authentication.is_some_and(|authentication| {
        let mut schemes = authentication.schemes.iter();
        schemes.any(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    }) || card.security_schemes.values().any(|scheme| {
        let scheme = scheme.get("httpAuthSecurityScheme").unwrap_or(scheme);
        scheme["scheme"]
            .as_str()
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("bearer"))
    });
    let mut skills: Vec<Skill> = Vec::new();
    for skill in card.skills {
        let CardSkill {
            id,
            name,
            description,
            tags,
        } = skill;
        let function = unlike(identifier(&id, language), "_", |function| {
            skills.iter().any(|skill| skill.function == function)
        });
        let capability = unlike(capability(&id), "-", |capability| {
            skills.iter().any(|skill| skill.capability == capability)
        });
        let described = [description.as_str(), name.as_str(), id.as_str()]
            .into_iter()
            .find_map(short)
            .unwrap_or_else(|| "Ask this skill.".parse().expect("it is a description"));
        skills.push(Skill {
            id,
            capability,
            function,
            description: described,
            tags: tags.iter().filter_map(|tag| tag_of(tag)).collect(),
        });
    }
    Ok(Outside {
        description: short(&card.description).or_else(|| short(&card.name)),
        consumer: A2aConsumer {
            url: Some(agent.to_string()),
            skills,
            auth_env: wants_token.then(|| token.to_owned()),
        },
    })
}

/// Somebody's id as the name of a capability.
fn capability(id: &str) -> String {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let words: Vec<_> = id
        .split(|c| !allowed(c))
        .filter(|word| !word.is_empty())
        .collect();
    if words.is_empty() {
        "skill".to_owned()
    } else {
        words.join("-")
    }
}

/// A tag without what would make it a wish or a ban in a selector.
fn tag_of(tag: &str) -> Option<String> {
    let tag: Description = tag.trim_start_matches(['+', '-']).parse().ok()?;
    Some(tag.as_str().replace(',', " "))
}

/// Somebody else's text in one line of sensible length.
fn short(text: &str) -> Option<Description> {
    let line: Description = text.parse().ok()?;
    if line.as_str().chars().count() <= LONGEST {
        return Some(line);
    }
    let cut: String = line.as_str().chars().take(LONGEST).collect();
    format!("{cut}…").parse().ok()
}

/// The client names the address and what came.
impl From<CardError> for CliError {
    fn from(error: CardError) -> Self {
        let (kind, hint) = match &error {
            CardError::Address { .. } => (
                Kind::Usage,
                "use a URL such as `https://example.org/agents/date`",
            ),
            CardError::Private { .. } => (
                Kind::Refused,
                "add `--allow-private-network` if that is the agent which you mean",
            ),
            CardError::Unreachable { .. } => (
                Kind::Unreachable,
                "see that the agent runs, or leave blanks with `--offline`",
            ),
            CardError::Slow { .. } => (
                Kind::TimedOut,
                "try again, or leave blanks with `--offline`",
            ),
            CardError::NoCard { .. } => (
                Kind::Refused,
                "look at that address, or leave blanks with `--offline`",
            ),
        };
        let failure = Self::new(crate::error::one_line(&error.to_string()));
        let failure = match root_cause(&error) {
            Some(cause) => failure.because(cause),
            None => failure,
        };
        failure.of_kind(kind).hint(hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(card: serde_json::Value) -> Result<Outside, String> {
        let agent = "https://example.org/agents/date".parse().unwrap();
        read(FoundCard { agent, card }, "TOKEN", Language::Python)
    }

    #[test]
    fn skills_become_tools_with_names_of_their_own() {
        let outside = told(serde_json::json!({
            "name": "Dates",
            "description": "Knows\nthe date",
            "authentication": {"schemes": ["Bearer"]},
            "skills": [
                {"id": "get-date", "description": "Says the date", "tags": ["+time", "a,b", " "]},
                {"id": "get date", "name": "Again"},
                {"id": "class"},
                {"id": "日"},
            ],
        }))
        .unwrap();
        assert_eq!(outside.description.unwrap().as_str(), "Knows the date");
        assert_eq!(outside.consumer.auth_env.as_deref(), Some("TOKEN"));
        let named: Vec<_> = outside
            .consumer
            .skills
            .iter()
            .map(|skill| (skill.function.as_str(), skill.capability.as_str()))
            .collect();
        assert_eq!(
            named,
            [
                ("get_date", "get-date"),
                ("get_date_2", "get-date-2"),
                ("class_tool", "class"),
                ("tool", "skill"),
            ]
        );
        assert_eq!(outside.consumer.skills[0].tags, ["time", "a b"]);
        assert_eq!(outside.consumer.skills[1].description.as_str(), "Again");
    }

    #[test]
    fn a_card_without_skills_is_of_no_use() {
        let reason = |card| told(card).err().unwrap();
        assert_eq!(reason(serde_json::json!({"skills": []})), "names no skills");
        assert!(reason(serde_json::json!([1])).starts_with("cannot be read"));
        assert!(reason(serde_json::json!({"skills": [{}]})).contains("missing field `id`"));
    }
}
