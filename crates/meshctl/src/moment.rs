//! Points in time as people type them and as programs write them at the start of a line.

use jiff::civil;
use jiff::tz::{Offset, TimeZone};
use mesh_core::Timestamp;

use crate::time_span;

/// What a text says about the time, as far as it says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// Where the zone is said, too.
    Exact(Timestamp),
    /// On a clock on a wall, somewhere.
    Local(civil::DateTime),
    /// The same, on some day.
    TimeOfDay(civil::Time),
}

impl Moment {
    /// The moment at the start of `line`, if it starts with one: `YYYY-MM-DD HH:MM:SS`, with `T` or a
    /// fraction or an offset, or `HH:MM:SS`. Brackets, colours and the names that programs put before it
    /// in JSON do not matter.
    pub(crate) fn leading(line: &[u8]) -> Option<Self> {
        /// Nobody writes the time later in a line.
        const HEAD: usize = 120;
        let head = line.get(..HEAD).unwrap_or(line);
        // A character may be cut in two at the end.
        let valid = head.utf8_chunks().next()?.valid();
        let text = without_ornaments(valid);
        if text.starts_with('{') {
            return ["\"timestamp\":", "\"time\":", "\"ts\":"]
                .iter()
                .find_map(|key| text.split_once(key))
                .and_then(|(_, value)| date_and_time(value.trim_start().strip_prefix('"')?));
        }
        let text = text.strip_prefix("[GIN] ").unwrap_or(text);
        date_and_time(text.strip_prefix('[').unwrap_or(text)).or_else(|| {
            let text = text.strip_prefix('[').unwrap_or(text);
            let (time, seconds, rest) = time_of_day(text)?;
            // A line such as `12:30 ...` is about a time; it was hardly written then.
            (seconds && !rest.starts_with(|c: char| c.is_alphanumeric()))
                .then_some(Self::TimeOfDay(time))
        })
    }

    /// When it is, seen from a place and a moment that it does not lie after.
    pub(crate) fn at(self, zone: &TimeZone, now: Timestamp) -> Timestamp {
        match self {
            Self::Exact(at) => at,
            Self::Local(local) => in_zone(local, zone).unwrap_or(now),
            Self::TimeOfDay(time) => {
                let today = local(now, zone).date();
                let on = |day: civil::Date| in_zone(day.to_datetime(time), zone);
                on(today)
                    .filter(|at| *at <= now)
                    .or_else(|| on(today.yesterday().ok()?))
                    .unwrap_or(now)
            }
        }
    }
}

/// What `--since` and `--until` mean: a span before now, a date, a time, both, or RFC 3339. A time of
/// day is the last one that has passed.
pub(crate) fn parse(text: &str, zone: &TimeZone, now: Timestamp) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(span) = time_span::parse(text) {
        return Ok(now.before(span));
    }
    typed(text)
        .map(|moment| moment.at(zone, now))
        .ok_or_else(|| {
            "write a span such as `10m` or `2d`, `HH:MM`, or `YYYY-MM-DD [HH:MM[:SS]]`".to_owned()
        })
}

fn typed(text: &str) -> Option<Moment> {
    if let Some((time, _, "")) = time_of_day(text) {
        return Some(Moment::TimeOfDay(time));
    }
    let (date, rest) = date(text)?;
    if rest.is_empty() {
        return Some(Moment::Local(date.to_datetime(civil::Time::midnight())));
    }
    let (time, _, rest) = time_of_day(rest.strip_prefix(['T', 't', ' '])?)?;
    let offset = offset(rest);
    match (offset, rest) {
        (Some((offset, "")), _) => exact(date.to_datetime(time), offset),
        (_, "") => Some(Moment::Local(date.to_datetime(time))),
        _ => None,
    }
}

/// `moment` as clocks in `zone` show it.
pub(crate) fn local(moment: Timestamp, zone: &TimeZone) -> civil::DateTime {
    jiff::Timestamp::from_nanosecond(i128::from(moment.as_nanos()))
        .unwrap_or_default()
        .to_zoned(zone.clone())
        .datetime()
}

fn in_zone(local: civil::DateTime, zone: &TimeZone) -> Option<Timestamp> {
    // An hour that a change of the clocks leaves out or repeats is read as RFC 5545 has it.
    let zoned = local.to_zoned(zone.clone()).ok()?;
    let nanos = zoned.timestamp().as_nanosecond();
    i64::try_from(nanos).ok().map(Timestamp::from_nanos)
}

fn exact(local: civil::DateTime, offset: Offset) -> Option<Moment> {
    in_zone(local, &offset.to_time_zone()).map(Moment::Exact)
}

/// Without the colours at the start.
fn without_ornaments(text: &str) -> &str {
    let mut text = text.trim_start();
    while let Some(rest) = text.strip_prefix("\u{1b}[") {
        text = rest.split_once('m').map_or("", |(_, rest)| rest);
    }
    text
}

fn date_and_time(text: &str) -> Option<Moment> {
    let (date, rest) = date(text)?;
    let rest = rest
        .strip_prefix(" - ")
        .or_else(|| rest.strip_prefix(['T', 't', ' ']))?;
    let (time, _, rest) = time_of_day(rest)?;
    match offset(rest) {
        Some((offset, _)) => exact(date.to_datetime(time), offset),
        None => Some(Moment::Local(date.to_datetime(time))),
    }
}

/// `YYYY-MM-DD`, or with slashes, and what follows it.
fn date(text: &str) -> Option<(civil::Date, &str)> {
    let (year, rest) = number(text, 4)?;
    let separator = rest.chars().next().filter(|c| matches!(c, '-' | '/'))?;
    let (month, rest) = number(&rest[1..], 2)?;
    let (day, rest) = number(rest.strip_prefix(separator)?, 2)?;
    let small = |number: i16| i8::try_from(number).ok();
    let date = civil::Date::new(year, small(month)?, small(day)?).ok()?;
    Some((date, rest))
}

/// `HH:MM`, with seconds and a fraction or not, whether there were seconds, and what follows it.
fn time_of_day(text: &str) -> Option<(civil::Time, bool, &str)> {
    let (hour, rest) = number(text, 2)?;
    let (minute, rest) = number(rest.strip_prefix(':')?, 2)?;
    let seconds = rest.strip_prefix(':').and_then(|rest| number(rest, 2));
    let (second, mut rest) = seconds.unwrap_or((0, rest));
    let mut nanos = 0;
    if let (Some(_), Some(fraction)) = (seconds, rest.strip_prefix(['.', ','])) {
        let end = fraction.find(|c: char| !c.is_ascii_digit());
        let (digits, after) = fraction.split_at(end.unwrap_or(fraction.len()));
        if !digits.is_empty() {
            nanos = format!("{digits:0<9}").get(..9)?.parse().ok()?;
            rest = after;
        }
    }
    let small = |number: i16| i8::try_from(number).ok();
    // A leap second is the last one of its minute.
    let second = small(second)?.min(59);
    let time = civil::Time::new(small(hour)?, small(minute)?, second, nanos).ok()?;
    Some((time, seconds.is_some(), rest))
}

/// `Z` or `+HH:MM`, and what follows it.
fn offset(text: &str) -> Option<(Offset, &str)> {
    if let Some(rest) = text.strip_prefix(['Z', 'z']) {
        return Some((Offset::UTC, rest));
    }
    let text = text.strip_prefix(' ').unwrap_or(text);
    let sign = match text.chars().next()? {
        '+' => 1,
        '-' => -1,
        _ => return None,
    };
    let (hours, rest) = number(&text[1..], 2)?;
    let (minutes, rest) = number(rest.strip_prefix(':').unwrap_or(rest), 2)?;
    let seconds = sign * (i32::from(hours) * 3600 + i32::from(minutes) * 60);
    Some((Offset::from_seconds(seconds).ok()?, rest))
}

/// A number of exactly so many digits, and what follows it.
fn number(text: &str, digits: usize) -> Option<(i16, &str)> {
    let (number, rest) = text.split_at_checked(digits)?;
    let all = number.bytes().all(|byte| byte.is_ascii_digit());
    let number = all.then(|| number.parse().ok()).flatten()?;
    Some((number, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two hours east, without a rule for the summer.
    fn zone() -> TimeZone {
        TimeZone::fixed(jiff::tz::offset(2))
    }

    /// 2026-09-21T14:18:20Z.
    const NOW: Timestamp = Timestamp::from_seconds(1_790_000_300);

    fn leading(line: &str) -> Option<String> {
        Moment::leading(line.as_bytes()).map(|moment| moment.at(&zone(), NOW).to_string())
    }

    #[test]
    fn lines_start_with_the_time_in_many_ways() {
        for (line, at) in [
            ("2026-09-21 10:00:00 INFO x", "2026-09-21T08:00:00Z"),
            ("2026-09-21 10:00:00,123 - x", "2026-09-21T08:00:00.123Z"),
            ("2026-09-21T10:00:00Z x", "2026-09-21T10:00:00Z"),
            ("2026-09-21T10:00:00.5+01:00  x", "2026-09-21T09:00:00.5Z"),
            ("2026-09-21 10:00:00 -0500 x", "2026-09-21T15:00:00Z"),
            ("[2026-09-21 10:00:00] x", "2026-09-21T08:00:00Z"),
            ("2026/09/21 10:00:00 x", "2026-09-21T08:00:00Z"),
            ("[GIN] 2026/09/21 - 10:00:00 | 200", "2026-09-21T08:00:00Z"),
            (
                "\u{1b}[2m2026-09-21T10:00:00Z\u{1b}[0m x",
                "2026-09-21T10:00:00Z",
            ),
            (
                r#"{"timestamp":"2026-09-21T10:00:00Z","a":1}"#,
                "2026-09-21T10:00:00Z",
            ),
            (
                r#"{"level":"INFO","ts": "2026-09-21T10:00:00Z"}"#,
                "2026-09-21T10:00:00Z",
            ),
            ("16:18:20 x", "2026-09-21T14:18:20Z"),
            // Not today yet, so it was yesterday.
            ("23:00:00 x", "2026-09-20T21:00:00Z"),
        ] {
            assert_eq!(leading(line).as_deref(), Some(at), "{line}");
        }
    }

    #[test]
    fn what_only_looks_like_a_time_is_none() {
        for line in [
            "",
            "x 2026-09-21 10:00:00",
            "2026-09-21 is a day",
            "2026-13-41 10:00:00 x",
            "12:30 is lunch",
            "10:00:00x",
            "{\"a\": 1}",
            "ünïcödé",
        ] {
            assert_eq!(leading(line), None, "{line}");
        }
        assert_eq!(Moment::leading(b"\xff2026-09-21 10:00:00"), None);
    }

    #[test]
    fn people_type_spans_dates_and_times() {
        for (text, at) in [
            ("10m", "2026-09-21T14:08:20Z"),
            ("2d", "2026-09-19T14:18:20Z"),
            ("2026-09-21", "2026-09-20T22:00:00Z"),
            ("2026-09-21 10:00", "2026-09-21T08:00:00Z"),
            ("2026-09-21T10:00:30", "2026-09-21T08:00:30Z"),
            ("2026-09-21T10:00:30Z", "2026-09-21T10:00:30Z"),
            ("10:00", "2026-09-21T08:00:00Z"),
            ("16:18:21", "2026-09-20T14:18:21Z"),
        ] {
            let moment = parse(text, &zone(), NOW).map(|moment| moment.to_string());
            assert_eq!(moment.as_deref(), Ok(at), "{text}");
        }
        for text in [
            "",
            "yesterday",
            "10",
            "2026-09",
            "10:00x",
            "2026-09-21 x",
            "24:00",
        ] {
            assert!(parse(text, &zone(), NOW).is_err(), "{text}");
        }
    }
}
