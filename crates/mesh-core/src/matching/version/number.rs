//! A version and its precedence.

use std::cmp::Ordering;

/// A version, without its build metadata, which takes part in no comparison.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Version {
    pub(super) major: u64,
    pub(super) minor: u64,
    pub(super) patch: u64,
    pub(super) pre: Box<str>,
}

/// The pieces of a version in a text, in which a piece of `numbers` may be a wildcard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pieces<'a> {
    pub(super) numbers: [&'a str; 3],
    pub(super) pre: &'a str,
    /// Where the version ends in the text.
    pub(super) end: usize,
}

impl<'a> Pieces<'a> {
    /// Reads as much of a version as stands in `text` from `start` on. `in_number` says which bytes
    /// make up a number.
    pub(super) fn read(text: &'a str, start: usize, in_number: fn(u8) -> bool) -> Option<Self> {
        let bytes = text.as_bytes();
        let run = |from: usize, class: fn(u8) -> bool| {
            from + bytes[from..]
                .iter()
                .take_while(|&&byte| class(byte))
                .count()
        };
        let mut at = start + usize::from(bytes.get(start) == Some(&b'v'));
        let mut numbers = [""; 3];
        for (index, number) in numbers.iter_mut().enumerate() {
            let from = at + usize::from(index > 0);
            if index > 0 && bytes.get(at) != Some(&b'.') {
                break;
            }
            let end = run(from, in_number);
            if end == from {
                break;
            }
            *number = &text[from..end];
            at = end;
        }
        if numbers[0].is_empty() {
            return None;
        }
        let identifiers = |sign: u8, at: usize| {
            let mut end = at;
            let mut expected = sign;
            while bytes.get(end) == Some(&expected) {
                let next = run(end + 1, |byte| byte.is_ascii_alphanumeric() || byte == b'-');
                if next == end + 1 {
                    break;
                }
                end = next;
                expected = b'.';
            }
            end
        };
        let pre_end = identifiers(b'-', at);
        let pre = if pre_end > at {
            &text[at + 1..pre_end]
        } else {
            ""
        };
        Some(Self {
            numbers,
            pre,
            end: identifiers(b'+', pre_end),
        })
    }
}

impl Version {
    /// Reads a version leniently: `v1.2.3`, `1.2` and `1` will do, leading zeros too.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let pieces = Pieces::read(text, 0, |byte| byte.is_ascii_digit())?;
        if pieces.end < text.len() {
            return None;
        }
        let number = |text: &str| {
            if text.is_empty() {
                Some(0)
            } else {
                text.parse().ok()
            }
        };
        let [major, minor, patch] = pieces.numbers;
        Self::new([number(major)?, number(minor)?, number(patch)?], pieces.pre)
    }

    /// `None` if a numeric identifier of `pre` has a leading zero.
    pub(super) fn new([major, minor, patch]: [u64; 3], pre: &str) -> Option<Self> {
        let well_formed = |identifier: &str| {
            identifier.len() == 1
                || !identifier.starts_with('0')
                || !identifier.bytes().all(|byte| byte.is_ascii_digit())
        };
        pre.split('.').all(well_formed).then(|| Self {
            major,
            minor,
            patch,
            pre: pre.into(),
        })
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.patch)
            .cmp(&(other.major, other.minor, other.patch))
            .then_with(|| match (&*self.pre, &*other.pre) {
                ("", "") => Ordering::Equal,
                ("", _) => Ordering::Greater,
                (_, "") => Ordering::Less,
                (ours, theirs) => compare_pre(ours, theirs),
            })
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Identifier by identifier: numbers by value and below texts, fewer below more.
pub(super) fn compare_pre(ours: &str, theirs: &str) -> Ordering {
    let (mut ours, mut theirs) = (ours.split('.'), theirs.split('.'));
    loop {
        let order = match (ours.next(), theirs.next()) {
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => Ordering::Less,
            (Some(_), None) => Ordering::Greater,
            (Some(ours), Some(theirs)) => match (number(ours), number(theirs)) {
                (Some(ours), Some(theirs)) => ours.cmp(&theirs),
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (None, None) => ours.cmp(theirs),
            },
        };
        if order.is_ne() {
            return order;
        }
    }
}

/// A number too large for 64 bits counts as text.
fn number(identifier: &str) -> Option<u64> {
    identifier.parse().ok()
}
