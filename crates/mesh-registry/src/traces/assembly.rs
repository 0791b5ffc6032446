//! One trace from its spans.

use std::collections::HashMap;

use mesh_core::wire::TraceInfo;

use super::span::PublishedSpan;

/// The trace `id`, none if there are no spans of it.
pub(super) fn assemble(
    id: &str,
    mut published: Vec<PublishedSpan>,
    is_whole: bool,
) -> Option<TraceInfo> {
    published.sort_by_key(|span| span.info.start_time);
    name_targets(&mut published);
    let start_time = published.first()?.info.start_time;
    let end_time = published.iter().map(|span| span.info.end_time).max()?;
    let mut agents: Vec<String> = Vec::new();
    for span in &published {
        let name = &span.info.agent_name;
        if !name.is_empty() && !agents.contains(name) {
            agents.push(name.clone());
        }
    }
    Some(TraceInfo {
        trace_id: id.to_ascii_lowercase(),
        start_time,
        end_time,
        duration: i64::try_from(end_time.since(start_time).as_nanos()).unwrap_or(i64::MAX),
        success: published.iter().all(|span| span.info.success),
        span_count: published.len(),
        agent_count: agents.len(),
        agents,
        truncated: !is_whole,
        spans: published.into_iter().map(|span| span.info).collect(),
    })
}

/// Python tells where it called; the spans of whoever was called there tell who that is.
fn name_targets(published: &mut [PublishedSpan]) {
    let names: HashMap<String, String> = published
        .iter()
        .filter(|span| !span.info.agent_name.is_empty())
        .filter_map(|span| Some((span.endpoint.clone()?, span.info.agent_name.clone())))
        .collect();
    for PublishedSpan { info, called, .. } in published {
        if info.target_agent.is_none() {
            info.target_agent = called.as_ref().and_then(|url| names.get(url)).cloned();
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_core::Timestamp;
    use mesh_core::wire::SpanInfo;

    use super::*;

    fn span(agent: &str, start: i64, end: i64) -> PublishedSpan {
        PublishedSpan {
            info: SpanInfo {
                agent_name: agent.to_owned(),
                start_time: Timestamp::from_seconds(start),
                end_time: Timestamp::from_seconds(end),
                success: true,
                ..SpanInfo::default()
            },
            endpoint: Some(format!("http://{agent}")),
            called: None,
        }
    }

    #[test]
    fn a_trace_lasts_from_its_first_span_to_its_last_end() {
        let mut call = span("web", 2, 9);
        call.called = Some("http://clock".to_owned());
        let mut last = span("clock", 3, 12);
        last.info.success = false;
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
