//! Spans of time as people type them: `90s`, `5m`, `2h30m`, `3d`.

use std::time::Duration;

/// Seconds of each unit.
const UNITS: [(char, u64); 4] = [('d', 86_400), ('h', 3600), ('m', 60), ('s', 1)];

/// Reads a span; `parse` of a flag's value.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let refused = || "write a span of time such as `90s`, `5m`, `2h30m` or `3d`".to_owned();
    let mut seconds: u64 = 0;
    let mut digits = String::new();
    for letter in text.trim().chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        let unit = UNITS.iter().find(|(unit, _)| *unit == letter);
        let (_, unit) = unit.ok_or_else(refused)?;
        let count: u64 = digits.parse().map_err(|_| refused())?;
        let part = count.checked_mul(*unit);
        seconds = part
            .and_then(|part| seconds.checked_add(part))
            .ok_or_else(refused)?;
        digits.clear();
    }
    if text.trim().is_empty() || !digits.is_empty() {
        return Err(refused());
    }
    Ok(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_add_up() {
        for (text, seconds) in [("90s", 90), ("5m", 300), ("2h30m", 9000), ("3d", 259_200)] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)));
        }
    }

    #[test]
    fn what_has_no_unit_or_an_unknown_one_is_refused() {
        for text in ["", "5", "m", "5x", "1h5", "99999999999999999999d"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
