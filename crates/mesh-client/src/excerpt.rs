//! What of a foreign body goes into an error message.

/// The longest excerpt, in bytes.
const LIMIT: usize = 2048;

/// What is said of a page for browsers, whose text is markup for the most part.
pub(crate) const PAGE: &str = "a page of HTML";

pub(crate) fn is_page(body: &[u8]) -> bool {
    body.trim_ascii_start().starts_with(b"<")
}

/// The beginning of `body` as text, cut where it would swamp a message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    if is_page(body) {
        return PAGE.to_owned();
    }
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    let mut end = LIMIT;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}… ({} bytes)", &text[..end], body.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_excerpt_is_cut_between_characters() {
        assert_eq!(excerpt(b" short \n"), "short");
        assert!(excerpt(b"<!DOCTYPE HTML><h1>Nothing</h1>").starts_with("a page"));
        let long = "é".repeat(LIMIT);
        let cut = excerpt(long.as_bytes());
        assert!(
            cut.starts_with("éé") && cut.ends_with("… (4096 bytes)"),
            "{cut}"
        );
    }
}
