//! One section of a Markdown page.

use std::ops::Range;

use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd};

/// The headings of `page`: level, text, and where their lines begin.
fn headings(page: &str) -> Vec<(HeadingLevel, String, Range<usize>)> {
    let mut found = Vec::new();
    let mut open: Option<(HeadingLevel, String, Range<usize>)> = None;
    for (event, range) in Parser::new_ext(page, Options::ENABLE_TABLES).into_offset_iter() {
        match event {
            Event::Start(Tag::Heading { level, .. }) => open = Some((level, String::new(), range)),
            Event::Text(text) | Event::Code(text) => {
                if let Some((_, title, _)) = &mut open {
                    title.push_str(&text);
                }
            }
            Event::End(TagEnd::Heading(_)) => found.extend(open.take()),
            _ => {}
        }
    }
    found
}

/// The text of the page's first heading.
pub(super) fn title(page: &str) -> String {
    headings(page)
        .into_iter()
        .next()
        .map(|(_, title, _)| title)
        .unwrap_or_default()
}

/// The section of `page` under the heading `name`, up to the next one that is not below it.
pub(super) fn section<'a>(page: &'a str, name: &str) -> Option<&'a str> {
    let all = headings(page);
    let at = all.iter().position(|(_, title, _)| title == name)?;
    let (level, _, range) = &all[at];
    let end = all[at + 1..]
        .iter()
        .find(|(next, _, _)| next <= level)
        .map_or(page.len(), |(_, _, next)| next.start);
    page.get(range.start..end).map(str::trim_end)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "# All\n\nIntro.\n\n## `one`\n\nText.\n\n### Below\n\nMore.\n\n## two\n\n```\n## no heading\n```\n";

    #[test]
    fn a_section_ends_at_its_equal() {
        assert_eq!(title(PAGE), "All");
        assert_eq!(
            section(PAGE, "one"),
            Some("## `one`\n\nText.\n\n### Below\n\nMore.")
        );
        assert_eq!(
            section(PAGE, "two"),
            Some("## two\n\n```\n## no heading\n```")
        );
        assert_eq!(section(PAGE, "no heading"), None);
    }
}
