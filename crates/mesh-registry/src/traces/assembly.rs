//! One trace from its spans.

use std::collections::HashMap;

use mesh_core::wire::{SpanInfo, TraceInfo};

/// What SDKs call the span around a call of another agent.
const CALL: &str = "proxy_call_wrapper";

/// The trace `id`, none if there are no spans of it.
pub(super) fn assemble(id: &str, mut spans: Vec<SpanInfo>, is_whole: bool) -> Option<TraceInfo> {
    spans.sort_by_key(|span| span.start_time);
    name_targets(&mut spans);
    let start_time = spans.first()?.start_time;
    let end_time = spans.iter().map(|span| span.end_time).max()?;
    let mut agents: Vec<String> = Vec::new();
    for span in &spans {
        if !span.agent_name.is_empty() && !agents.contains(&span.agent_name) {
            agents.push(span.agent_name.clone());
        }
    }
    Some(TraceInfo {
        trace_id: id.to_ascii_lowercase(),
        start_time,
        end_time,
        duration: i64::try_from(end_time.since(start_time).as_nanos()).unwrap_or(i64::MAX),
        success: spans.iter().all(|span| span.success),
        span_count: spans.len(),
        agent_count: agents.len(),
        agents,
        truncated: !is_whole,
        spans,
    })
}

/// Agents do not say whom they call; the span below a call is that of whoever was called.
fn name_targets(spans: &mut [SpanInfo]) {
    let called: HashMap<String, String> = spans
        .iter()
        .filter(|span| !span.agent_name.is_empty())
        .filter_map(|span| Some((span.parent_span.clone()?, span.agent_name.clone())))
        .collect();
    for span in spans {
        if span.target_agent.is_none() && span.operation.starts_with(CALL) {
            span.target_agent = called.get(&span.span_id).cloned();
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;

    use super::*;

    fn span(agent: &str, start: i64, end: i64) -> SpanInfo {
        SpanInfo {
            span_id: format!("{agent}-{start}"),
            agent_name: agent.to_owned(),
            start_time: Timestamp::from_seconds(start),
            end_time: Timestamp::from_seconds(end),
            success: true,
            ..SpanInfo::default()
        }
    }

    #[test]
    fn a_trace_lasts_from_its_first_span_to_its_last_end() {
        let call = SpanInfo {
            operation: "proxy_call_wrapper".to_owned(),
            ..span("web", 2, 9)
        };
        let last = SpanInfo {
            parent_span: Some("web-2".to_owned()),
            success: false,
            ..span("clock", 3, 12)
        };
        let trace = assemble("A1", vec![last, call, span("web", 1, 4)], true).unwrap();
        assert_eq!(trace.trace_id, "a1");
        assert_eq!(trace.duration, 11_000_000_000);
        assert_eq!(trace.agents, ["web", "clock"]);
        assert_eq!((trace.span_count, trace.agent_count), (3, 2));
        assert_eq!(trace.spans[1].target_agent.as_deref(), Some("clock"));
        assert!(!trace.success);
        assert!(assemble("a1", Vec::new(), true).is_none());
    }
}
