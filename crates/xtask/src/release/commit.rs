//! A commit, by the hash that Git gives it.

/// Why a text is no commit.
#[derive(Debug, thiserror::Error)]
#[error("`{0}` is no commit; write its whole hash, as `git rev-parse HEAD` prints it")]
pub(crate) struct InvalidCommit(String);

/// Takes a hash and nothing else: a commit becomes an argument of Git and a line that GitHub reads, where
/// a dash or a line break would say something of its own.
pub(crate) fn commit(text: &str) -> Result<String, InvalidCommit> {
    let is_hash = !text.is_empty()
        && text
            .bytes()
            .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash
        .then(|| text.to_owned())
        .ok_or_else(|| InvalidCommit(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_hash_is_a_commit() {
        let hash = "3d3c42e5aac5ba805825da76410c181273ba90b1";
        assert_eq!(commit(hash).unwrap(), hash);
        for text in [
            "",
            "HEAD",
            "--output=x",
            "c0ffee\npublish=true",
            "v4.0.0",
            "C0FFEE",
        ] {
            let error = commit(text).unwrap_err().to_string();
            assert!(error.contains(&format!("`{text}` is no commit")), "{error}");
        }
    }
}
