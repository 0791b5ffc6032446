//! Passwords: made once, kept in `.env`, where Compose looks for them.

/// `.env` with a password for each of `names` that has none, and whether that changes it. What is
/// there stays as it is.
pub(crate) fn with_secrets(
    existing: Option<&str>,
    names: &[&str],
    mut password: impl FnMut() -> String,
) -> Option<String> {
    let old = existing.unwrap_or_default();
    let has = |name: &str| {
        old.lines().any(|line| {
            let line = line.trim_start();
            let line = line.strip_prefix("export ").unwrap_or(line);
            line.split_once('=')
                .is_some_and(|(key, _)| key.trim() == name)
        })
    };
    let missing: Vec<_> = names.iter().filter(|name| !has(name)).collect();
    if missing.is_empty() {
        return None;
    }
    let mut text = old.to_owned();
    if text.is_empty() {
        text.push_str("# Passwords of docker-compose.yml; keep them out of version control.\n");
    } else if !text.ends_with('\n') {
        text.push('\n');
    }
    for name in missing {
        for part in [*name, "=", &password(), "\n"] {
            text.push_str(part);
        }
    }
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_made_once() {
        let new = with_secrets(None, &["A"], || "x".to_owned()).unwrap();
        assert!(new.ends_with("\nA=x\n"), "{new}");
        assert_eq!(with_secrets(Some(&new), &["A"], || unreachable!()), None);
        let more = with_secrets(Some("export A=1"), &["A", "B"], || "y".to_owned());
        assert_eq!(more.as_deref(), Some("export A=1\nB=y\n"));
    }
}
