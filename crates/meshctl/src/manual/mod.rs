//! The pages that `meshctl man` shows: those of `docs/`, compiled in, under names that one types.

mod grid;
mod render;
mod section;
mod topics;

pub(crate) use render::to_terminal;
pub(crate) use topics::{TOPICS, Topic};

/// The topic of that name or alias, in any case; spaces and underscores count as dashes.
pub(crate) fn find(wanted: &str) -> Option<&'static Topic> {
    let wanted = wanted.trim().to_lowercase().replace([' ', '_'], "-");
    TOPICS
        .iter()
        .find(|topic| topic.name == wanted || topic.aliases.iter().any(|alias| *alias == wanted))
}

/// Every name that finds a topic.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    TOPICS
        .iter()
        .flat_map(|topic| std::iter::once(topic.name).chain(topic.aliases.iter().copied()))
}

/// The topics whose pages the links of `topic`'s page lead to, itself left out, in their order.
pub(crate) fn related(topic: &Topic) -> Vec<&'static str> {
    let markdown = topic.markdown();
    let mut found = Vec::new();
    for target in render::links(&markdown) {
        let file = target.split('#').next().unwrap_or_default();
        let file = file.rsplit('/').next().unwrap_or_default();
        let other = TOPICS
            .iter()
            .find(|other| other.section.is_none() && other.file_name() == file);
        if let Some(other) = other
            && other.file_name() != topic.file_name()
            && !found.contains(&other.name)
        {
            found.push(other.name);
        }
    }
    found
}

/// Lines of a topic's page that hold all words of `query`, in any case.
pub(crate) fn matching_lines(topic: &Topic, query: &str) -> Vec<String> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    topic
        .markdown()
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("```"))
        .filter(|line| {
            let line = line.to_lowercase();
            words.iter().all(|word| line.contains(word))
        })
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn every_name_finds_one_topic() {
        let mut seen = HashSet::new();
        for name in names() {
            assert!(seen.insert(name), "`{name}` stands twice");
            assert!(find(name).is_some());
        }
        assert_eq!(
            find(" Dependency_Injection").unwrap().name,
            "dependency-injection"
        );
        assert!(find("nonsense").is_none());
    }

    #[test]
    fn every_topic_has_a_page_with_a_title() {
        for topic in &TOPICS {
            assert!(!topic.title().is_empty(), "{}", topic.name);
            assert!(topic.markdown().starts_with('#'), "{}", topic.name);
        }
    }

    #[test]
    fn links_lead_to_topics() {
        assert_eq!(
            related(find("overview").unwrap())[..2],
            ["capabilities", "health"]
        );
    }

    #[test]
    fn all_words_must_be_there() {
        let topic = find("jobs").unwrap();
        assert!(!matching_lines(topic, "CLAIM").is_empty());
        assert!(matching_lines(topic, "claim xyzzy").is_empty());
    }
}
