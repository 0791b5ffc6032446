//! "Did you mean": names that are nearly what was typed.

/// How alike two names are, from 0 to 1, before one is suggested for the other; what clap uses.
const CONFIDENCE: f64 = 0.7;
/// How much less alike than the best a further suggestion may be.
const SLACK: f64 = 0.1;
/// More than these help nobody.
const MOST: usize = 3;

/// A hint that names those of `known` that are most like `wanted`, if any is.
///
/// One function for agents, tools, commands, topics and keys; [`CliError::or_hint`] takes over where
/// nothing is alike.
///
/// [`CliError::or_hint`]: crate::error::CliError::or_hint
pub(crate) fn did_you_mean<'a>(
    wanted: &str,
    known: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    suggest(&closest(wanted, known))
}

/// The hint that names these, if there are any.
pub(crate) fn suggest(names: &[&str]) -> Option<String> {
    let alike: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match alike.as_slice() {
        [] => None,
        [one] => Some(format!("did you mean {one}?")),
        [several @ .., last] => Some(format!("did you mean {} or {last}?", several.join(", "))),
    }
}

/// Those of `known` that are most like `wanted`, the most alike first.
pub(crate) fn closest<'a>(wanted: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = wanted.to_lowercase();
    let mut alike: Vec<(f64, &str)> = known
        .into_iter()
        .map(|name| (strsim::jaro(&wanted, &name.to_lowercase()), name))
        .filter(|(confidence, _)| *confidence > CONFIDENCE)
        .collect();
    alike.sort_by(|(one, name), (other, other_name)| {
        other.total_cmp(one).then_with(|| name.cmp(other_name))
    });
    alike.dedup_by_key(|(_, name)| *name);
    let best = alike.first().map_or(0.0, |(confidence, _)| *confidence);
    alike.retain(|(confidence, _)| *confidence >= best - SLACK);
    alike.into_iter().map(|(_, name)| name).take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] = ["greeter", "greeting", "weather-1", "weather-2", "Clock"];

    #[test]
    fn what_is_alike_is_suggested() {
        let hint = |wanted| did_you_mean(wanted, KNOWN);
        insta::assert_snapshot!(hint("clok").unwrap(), @"did you mean `Clock`?");
        insta::assert_snapshot!(hint("wether").unwrap(), @"did you mean `weather-1` or `weather-2`?");
        assert_eq!(hint("zzz"), None);
        assert_eq!(closest("greter", KNOWN), ["greeter"]);
    }

    #[test]
    fn a_name_is_suggested_once_and_three_at_most() {
        let known = ["agent-1", "agent-1", "agent-2", "agent-3", "agent-4"];
        assert_eq!(closest("agent", known), ["agent-1", "agent-2", "agent-3"]);
    }
}
