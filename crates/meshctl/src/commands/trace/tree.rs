//! What a trace looks like.

use mesh_core::wire::SpanInfo;

use super::forest::Forest;
use crate::error::one_line;
use crate::printer::Tone;

/// Nanoseconds.
const MILLISECOND: i64 = 1_000_000;
/// Longer spans are told in seconds, in nanoseconds.
const LONG: i64 = 10_000 * MILLISECOND;

/// A line for each span, and one for what it failed with.
pub(super) fn lines(forest: &Forest<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    // What is still to be drawn, the next last: its number, whether siblings follow, what stands before it.
    let mut open = Vec::new();
    push(&mut open, forest.roots(), "");
    while let Some((number, follows, before)) = open.pop() {
        let span = forest.span(number);
        let below = forest.below(number);
        let (branch, gap) = if follows {
            ("├─ ", "│  ")
        } else {
            ("└─ ", "   ")
        };
        lines.push(format!("{before}{branch}{}", line(span)));
        let before = format!("{before}{gap}");
        if let Some(error) = error(span) {
            let gap = if below.is_empty() { "   " } else { "│  " };
            lines.push(format!("{before}{gap}{}", Tone::Bad.paint(error)));
        }
        push(&mut open, below, &before);
    }
    lines
}

fn push(open: &mut Vec<(usize, bool, String)>, siblings: &[usize], before: &str) {
    let last = siblings.len().saturating_sub(1);
    let siblings = siblings.iter().enumerate().rev();
    open.extend(siblings.map(|(at, number)| (*number, at < last, before.to_owned())));
}

fn line(span: &SpanInfo) -> String {
    let mark = if span.success {
        Tone::Good.paint("✓")
    } else {
        Tone::Bad.paint("✗")
    };
    let agent = [&span.agent_name, &span.agent_id]
        .into_iter()
        .find(|name| !name.is_empty())
        .map_or("?", String::as_str);
    let target = span.target_agent.as_deref().filter(|name| !name.is_empty());
    let target = target.map_or_else(String::new, |target| format!(" → {target}"));
    let took = took(duration(span));
    format!("{} ({agent}){target} [{took}] {mark}", span.operation)
}

/// What a span failed with.
fn error(span: &SpanInfo) -> Option<String> {
    let error = span.error_message.as_deref().map(one_line)?;
    (!span.success && !error.is_empty()).then_some(error)
}

/// Nanoseconds, from the times where they are there: the wire rounds what it says of milliseconds.
fn duration(span: &SpanInfo) -> i64 {
    let (start, end) = (span.start_time.as_nanos(), span.end_time.as_nanos());
    if start > 0 && end > start {
        end - start
    } else {
        span.duration_ms.saturating_mul(MILLISECOND)
    }
}

/// `nanos` for people.
pub(super) fn took(nanos: i64) -> String {
    if nanos < MILLISECOND {
        "<1ms".to_owned()
    } else if nanos < LONG {
        format!("{}ms", nanos / MILLISECOND)
    } else {
        let tenths = nanos / (100 * MILLISECOND);
        format!("{}.{}s", tenths / 10, tenths % 10)
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;

    use super::super::forest::Internal;
    use super::*;

    /// A span that begins in that millisecond and takes twelve.
    fn span(id: &str, parent: &str, operation: &str, start: i64) -> SpanInfo {
        let start = 1_795_329_671_000_000_000 + start * MILLISECOND;
        SpanInfo {
            span_id: id.to_owned(),
            parent_span: (!parent.is_empty()).then(|| parent.to_owned()),
            agent_name: "agent".to_owned(),
            operation: operation.to_owned(),
            start_time: Timestamp::from_nanos(start),
            end_time: Timestamp::from_nanos(start + 12 * MILLISECOND),
            success: true,
            ..SpanInfo::default()
        }
    }

    fn failed(span: SpanInfo, error: &str) -> SpanInfo {
        SpanInfo {
            success: false,
            error_message: Some(error.to_owned()),
            ..span
        }
    }

    fn drawn(spans: &[SpanInfo], internal: Internal) -> String {
        let text = lines(&Forest::grow(spans, internal)).join("\n");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn what_was_called_first_stands_first_whatever_was_published_first() {
        let spans = [
            span("c", "a", "second", 5),
            span("b", "a", "first", 1),
            failed(span("d", "b", "deep", 2), "no\nsuch thing"),
            span("a", "", "root", 0),
        ];
        insta::assert_snapshot!(drawn(&spans, Internal::Collapsed), @r"
            └─ root (agent) [12ms] ✓
               ├─ first (agent) [12ms] ✓
               │  └─ deep (agent) [12ms] ✗
               │        no such thing
               └─ second (agent) [12ms] ✓
            ");
    }

    #[test]
    fn children_of_internal_spans_move_up() {
        let spans = [
            span("a", "", "root", 0),
            span("p", "a", "proxy_call_wrapper", 1),
            span("q", "p", "_internal_step", 2),
            span("c", "q", "far", 3),
            span("b", "a", "near", 2),
            failed(span("x", "a", "proxy_call_wrapper", 6), "nobody answers"),
        ];
        insta::assert_snapshot!(drawn(&spans, Internal::Collapsed), @r"
            └─ root (agent) [12ms] ✓
               ├─ near (agent) [12ms] ✓
               ├─ far (agent) [12ms] ✓
               └─ proxy_call_wrapper (agent) [12ms] ✗
                     nobody answers
            ");
        insta::assert_snapshot!(drawn(&spans, Internal::Shown), @r"
            └─ root (agent) [12ms] ✓
               ├─ proxy_call_wrapper (agent) [12ms] ✓
               │  └─ _internal_step (agent) [12ms] ✓
               │     └─ far (agent) [12ms] ✓
               ├─ near (agent) [12ms] ✓
               └─ proxy_call_wrapper (agent) [12ms] ✗
                     nobody answers
            ");
        assert_eq!(Forest::grow(&spans, Internal::Collapsed).hidden(), 2);
    }

    #[test]
    fn orphans_are_roots_and_circles_are_cut() {
        let spans = [
            span("o", "absent", "orphan", 9),
            span("a", "b", "one", 1),
            span("b", "a", "two", 2),
            span("t", "a", "tail", 3),
            span("s", "s", "itself", 4),
        ];
        insta::assert_snapshot!(drawn(&spans, Internal::Collapsed), @r"
            ├─ one (agent) [12ms] ✓
            │  ├─ two (agent) [12ms] ✓
            │  └─ tail (agent) [12ms] ✓
            ├─ itself (agent) [12ms] ✓
            └─ orphan (agent) [12ms] ✓
            ");
        assert_eq!(drawn(&[], Internal::Collapsed), "");
    }

    #[test]
    fn a_chain_of_any_length_is_drawn() {
        let spans: Vec<SpanInfo> = (0..2000)
            .map(|n: i64| span(&format!("{n}"), &format!("{}", n - 1), "step", n))
            .collect();
        assert_eq!(lines(&Forest::grow(&spans, Internal::Shown)).len(), 2000);
    }

    #[test]
    fn durations_are_short() {
        let text: Vec<String> = [
            0,
            999_999,
            12 * MILLISECOND,
            9_999 * MILLISECOND,
            61_250 * MILLISECOND,
        ]
        .into_iter()
        .map(took)
        .collect();
        assert_eq!(text, ["<1ms", "<1ms", "12ms", "9999ms", "61.2s"]);
    }

    #[test]
    fn agents_that_are_called_are_named() {
        let call = SpanInfo {
            target_agent: Some("clock".to_owned()),
            agent_name: String::new(),
            agent_id: "web-1".to_owned(),
            ..span("a", "", "proxy_call_wrapper", 0)
        };
        insta::assert_snapshot!(drawn(&[call], Internal::Shown), @"└─ proxy_call_wrapper (web-1) → clock [12ms] ✓");
    }
}
