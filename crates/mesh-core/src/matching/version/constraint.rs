//! A constraint: alternatives, each of them a list of comparisons that must all hold.

use super::number::{Pieces, Version, compare_pre};

/// Longer texts are no constraints. Rewriting ranges takes time that grows with the square.
const MAX_LENGTH: usize = 1024;

/// What versions are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Constraint(Vec<Alternative>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Alternative {
    comparisons: Vec<Comparison>,
    /// Whether one of them mentions a pre-release; else pre-releases are not accepted.
    with_pre: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Comparison {
    operator: Operator,
    /// The version, with zeros in the place of wildcards and of what is missing.
    version: Version,
    precision: Precision,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    Tilde,
    Caret,
}

/// How much of a comparison's version is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Precision {
    /// `*`
    Nothing,
    /// `1`, `1.x`
    Major,
    /// `1.2`, `1.2.x`
    Minor,
    /// `1.2.3`
    Full,
}

impl Constraint {
    /// Reads a constraint, such as `>=1.2, <3 || ~4.1 || 5.0 - 5.4`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > MAX_LENGTH {
            return None;
        }
        rewrite_ranges(text)
            .split("||")
            .map(Alternative::parse)
            .collect::<Option<_>>()
            .map(Self)
    }

    /// Whether `version` will do.
    #[must_use]
    pub fn accepts(&self, version: &Version) -> bool {
        self.0
            .iter()
            .any(|alternative| alternative.accepts(version))
    }
}

impl Alternative {
    /// Comparisons stand side by side, with a comma or white space between.
    fn parse(text: &str) -> Option<Self> {
        let mut comparisons = Vec::new();
        let mut at = skip_space(text, 0);
        loop {
            let (comparison, end) = Comparison::read(text, at)?;
            comparisons.push(comparison);
            at = skip_space(text, end);
            match text.as_bytes().get(at) {
                None => break,
                Some(b',') => at = skip_space(text, at + 1),
                Some(_) if at > end => {}
                Some(_) => return None,
            }
        }
        let with_pre = comparisons
            .iter()
            .any(|comparison| !comparison.version.pre.is_empty());
        Some(Self {
            comparisons,
            with_pre,
        })
    }

    fn accepts(&self, version: &Version) -> bool {
        (self.with_pre || version.pre.is_empty())
            && self
                .comparisons
                .iter()
                .all(|comparison| comparison.accepts(version))
    }
}

impl Comparison {
    /// Reads the comparison at `start` and says where it ends.
    fn read(text: &str, start: usize) -> Option<(Self, usize)> {
        let signs = text[start..]
            .bytes()
            .take_while(|byte| b"=!<>~^".contains(byte))
            .count();
        let operator = match &text[start..start + signs] {
            "" | "=" => Operator::Equal,
            "!=" => Operator::NotEqual,
            ">" => Operator::Greater,
            "<" => Operator::Less,
            ">=" | "=>" => Operator::GreaterOrEqual,
            "<=" | "=<" => Operator::LessOrEqual,
            "~" | "~>" => Operator::Tilde,
            "^" => Operator::Caret,
            _ => return None,
        };
        let pieces = Pieces::read(text, skip_space(text, start + signs), in_number)?;
        let given = pieces
            .numbers
            .iter()
            .position(|number| matches!(*number, "" | "x" | "X" | "*"))
            .unwrap_or(3);
        let mut numbers = [0; 3];
        for (number, digits) in numbers.iter_mut().zip(&pieces.numbers[..given]) {
            *number = digits.parse().ok()?;
        }
        let version = Version::new(numbers, pieces.pre)?;
        let precision = match given {
            0 => Precision::Nothing,
            1 => Precision::Major,
            2 => Precision::Minor,
            _ => Precision::Full,
        };
        Some((
            Self {
                operator,
                version,
                precision,
            },
            pieces.end,
        ))
    }

    fn accepts(&self, version: &Version) -> bool {
        match self.operator {
            Operator::Equal if self.precision == Precision::Full => version == &self.version,
            Operator::Equal | Operator::Tilde => self.tilde(version),
            Operator::NotEqual => self.not_equal(version),
            Operator::Greater => self.greater(version),
            Operator::Less => version < &self.version,
            Operator::GreaterOrEqual => version >= &self.version,
            Operator::LessOrEqual => self.less_or_equal(version),
            Operator::Caret => self.caret(version),
        }
    }

    /// The same minor series, or major series if no minor is given.
    fn tilde(&self, version: &Version) -> bool {
        let own = &self.version;
        if version < own {
            return false;
        }
        // `~0.0.0` and `*` accept everything from 0.0.0 on.
        let is_zero = (own.major, own.minor, own.patch) == (0, 0, 0);
        if is_zero && matches!(self.precision, Precision::Full | Precision::Nothing) {
            return true;
        }
        version.major == own.major
            && (version.minor == own.minor || self.precision == Precision::Major)
    }

    fn not_equal(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.precision {
            Precision::Full | Precision::Nothing => version != own,
            Precision::Major => version.major != own.major,
            Precision::Minor => {
                (version.major, version.minor) != (own.major, own.minor)
                    || compare_pre(&version.pre, &own.pre).is_ne()
            }
        }
    }

    /// `>11` asks for 12, and `>11.1` for 11.2.
    fn greater(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.precision {
            Precision::Full | Precision::Nothing => version > own,
            Precision::Major => version.major > own.major,
            Precision::Minor => (version.major, version.minor) > (own.major, own.minor),
        }
    }

    /// `<=11` admits all of 11, and `<=11.1` all of 11.1.
    fn less_or_equal(&self, version: &Version) -> bool {
        let own = &self.version;
        match self.precision {
            Precision::Full => version <= own,
            Precision::Major => version.major <= own.major,
            Precision::Minor | Precision::Nothing => {
                (version.major, version.minor) <= (own.major, own.minor)
            }
        }
    }

    /// Whatever does not change the first number that is not zero.
    fn caret(&self, version: &Version) -> bool {
        let own = &self.version;
        if version < own || version.major != own.major {
            return false;
        }
        if own.major > 0 || self.precision == Precision::Major {
            return true;
        }
        if own.minor > 0 || self.precision == Precision::Minor {
            return version.minor == own.minor;
        }
        version.minor == 0 && version.patch == own.patch
    }
}

/// Wildcards count as digits. So does `|`, a slip of the original's that a few odd texts show.
fn in_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'x' | b'X' | b'*' | b'|')
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b'\x0c')
}

fn skip_space(text: &str, from: usize) -> usize {
    from + text.as_bytes()[from..]
        .iter()
        .take_while(|&&byte| is_space(byte))
        .count()
}

/// Writes each `a - b` as `>= a, <= b`.
fn rewrite_ranges(text: &str) -> String {
    let mut out = text.to_owned();
    let mut at = 0;
    while at < text.len() {
        if let Some((low, high, end)) = read_range(text, at) {
            // By text and not by place, as the original does.
            out = out.replacen(&text[at..end], &format!(">= {low}, <= {high} "), 1);
            at = end;
        } else {
            at += 1;
            while !text.is_char_boundary(at) {
                at += 1;
            }
        }
    }
    out
}

fn read_range(text: &str, start: usize) -> Option<(&str, &str, usize)> {
    let low = skip_space(text, start);
    let low_end = Pieces::read(text, low, in_number)?.end;
    let dash = skip_space(text, low_end);
    if dash == low_end || text.as_bytes().get(dash) != Some(&b'-') {
        return None;
    }
    let high = skip_space(text, dash + 1);
    if high == dash + 1 {
        return None;
    }
    let high_end = Pieces::read(text, high, in_number)?.end;
    Some((
        &text[low..low_end],
        &text[high..high_end],
        skip_space(text, high_end),
    ))
}
