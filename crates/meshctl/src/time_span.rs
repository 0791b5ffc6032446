//! Spans of time as people type them: `90s`, `5m`, `2h30m`, `1.5h`, `3d`.

use std::time::Duration;

/// Nanoseconds of each unit, as Go spells it, and of a day. What starts like another comes first.
const UNITS: [(&str, u64); 8] = [
    ("d", 86_400_000_000_000),
    ("h", 3_600_000_000_000),
    ("ms", 1_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("us", 1_000),
    ("µs", 1_000),
    ("ns", 1),
];

/// Reads a span; `parse` of a flag's value.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    nanoseconds(text.trim())
        .map(Duration::from_nanos)
        .ok_or_else(|| "write a span of time such as `90s`, `5m`, `2h30m` or `3d`".to_owned())
}

fn nanoseconds(text: &str) -> Option<u64> {
    let mut rest = text;
    let mut sum: u64 = 0;
    while !rest.is_empty() || text.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let whole: u64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let mut fraction = "";
        if let Some(after) = rest.strip_prefix('.') {
            let digits = after.find(|c: char| !c.is_ascii_digit())?;
            (fraction, rest) = after.split_at(digits);
        }
        let (name, unit) = UNITS.iter().find(|(name, _)| rest.starts_with(name))?;
        rest = &rest[name.len()..];
        sum = sum
            .checked_add(whole.checked_mul(*unit)?)?
            .checked_add(part(fraction, *unit)?)?;
    }
    Some(sum)
}

/// The digits after a point, of a unit.
fn part(digits: &str, unit: u64) -> Option<u64> {
    if digits.is_empty() {
        return Some(0);
    }
    // What is finer than a nanosecond of a day is nothing.
    let digits = &digits[..digits.len().min(15)];
    let scale = 10_u128.pow(u32::try_from(digits.len()).ok()?);
    let value: u128 = digits.parse().ok()?;
    u64::try_from(value * u128::from(unit) / scale).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in [
            ("90s", 90),
            ("5m", 300),
            ("2h30m", 9000),
            ("1.5h", 5400),
            ("3d", 259_200),
            ("1d12h", 129_600),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
        assert_eq!(parse("1s500ms"), Ok(Duration::from_millis(1500)));
        assert_eq!(parse("250us"), Ok(Duration::from_micros(250)));
    }

    #[test]
    fn what_has_no_unit_or_an_unknown_one_is_refused() {
        for text in [
            "",
            "5",
            "m",
            "5x",
            "1h5",
            ".5h",
            "1.h5",
            "-5m",
            "1,5h",
            "99999999999999999999d",
            "999999999d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
