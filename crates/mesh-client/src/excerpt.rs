//! What of a foreign body goes into an error message.

/// The longest excerpt, in bytes.
const LIMIT: usize = 2048;

/// The beginning of `body` as text, cut where it would swamp a message.
pub(crate) fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.trim();
    if text.starts_with('<') {
        return "a page, which is not what a registry answers".to_owned();
    }
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
