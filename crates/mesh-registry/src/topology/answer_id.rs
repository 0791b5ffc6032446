//! How an agent and the registry speak of one answer.

use std::fmt;

/// Names an answer: `{generation}-{digest}`, for instance `7-0f3c…` with 32 hex digits.
///
/// Generations begin anew with each start of the registry and differ between replicas, so the digest
/// alone decides whether two answers say the same: whoever holds an answer of another life is not sent
/// the same words again, and no new ones pass for them. The generation says which of two answers of
/// one life is the younger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnswerId {
    pub(super) generation: u64,
    pub(super) digest: [u8; 16],
}

impl AnswerId {
    /// Reads an id; `None` for what no registry wrote.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (generation, digest) = text.split_once('-')?;
        let is_hex = digest.len() == 32 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
        Some(Self {
            generation: generation.parse().ok()?,
            digest: u128::from_str_radix(digest, 16)
                .ok()
                .filter(|_| is_hex)?
                .to_be_bytes(),
        })
    }

    /// Whether both answers wire the agent alike.
    pub(crate) fn says_the_same_as(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl fmt::Display for AnswerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digest = u128::from_be_bytes(self.digest);
        write!(f, "{}-{digest:032x}", self.generation)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_what_it_is_written_as() {
        let mut digest = [0; 16];
        digest[15] = 0xab;
        let id = AnswerId {
            generation: 7,
            digest,
        };
        assert_eq!(id.to_string(), "7-000000000000000000000000000000ab");
        let read = AnswerId::parse(&id.to_string()).unwrap();
        assert_eq!(read.to_string(), id.to_string());
        let of_another_life = AnswerId::parse("1-000000000000000000000000000000AB").unwrap();
        assert!(of_another_life.says_the_same_as(&id));
        let other = AnswerId::parse(&format!("7-{:032x}", 1)).unwrap();
        assert!(!other.says_the_same_as(&id));
    }

    #[test]
    fn what_no_registry_wrote_is_no_id() {
        let plus = format!("7-+{:031x}", 1);
        let negative = format!("-7-{:032x}", 1);
        for text in ["", "7", "7-", "7-ab", "x-ab", &plus, &negative] {
            assert!(AnswerId::parse(text).is_none(), "{text}");
        }
    }
}
