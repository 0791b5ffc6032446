//! A span as agents of all languages write it: texts under names, some of which have two spellings.

use std::borrow::Cow;
use std::time::Duration;

use mesh_core::Timestamp;
use mesh_core::wire::SpanInfo;

/// Names and values in turn.
type Fields = [Vec<u8>];

/// Whether the fields are those of a span of that trace.
pub(super) fn is_of_trace(fields: &Fields, id: &str) -> bool {
    let (pairs, _) = fields.as_chunks::<2>();
    pairs
        .iter()
        .any(|[name, value]| name == b"trace_id" && value.eq_ignore_ascii_case(id.as_bytes()))
}

/// Reads a span that was published at that millisecond.
pub(super) fn read(fields: &Fields, published: Option<u64>) -> SpanInfo {
    let word = |names: &[&str]| word(fields, names);
    let text = |names: &[&str]| word(names).map_or_else(String::new, Cow::into_owned);
    let owned = |names: &[&str]| word(names).map(Cow::into_owned);
    let time = |names: &[&str]| word(names).and_then(|text| moment(&text));

    let duration = word(&["duration_ms"]).and_then(|text| milliseconds(&text));
    let end_time = time(&["end_time"]);
    let start_time = time(&["start_time", "timestamp"])
        .or_else(|| Some(end_time?.before(duration?)))
        // Spans are published when they end.
        .or_else(|| Some(since_epoch(Duration::from_millis(published?))?.before(duration?)))
        .unwrap_or_default();
    let end_time = end_time.unwrap_or_else(|| start_time.after(duration.unwrap_or_default()));
    let duration = duration.unwrap_or_else(|| end_time.since(start_time));

    let error_message = owned(&["error_message", "error"]);
    let success = word(&["success"]).map_or(error_message.is_none(), |text| {
        text.eq_ignore_ascii_case("true")
    });
    SpanInfo {
        trace_id: text(&["trace_id"]),
        span_id: text(&["span_id"]),
        parent_span: owned(&["parent_span"]),
        agent_name: text(&["agent_name"]),
        agent_id: text(&["agent_id"]),
        ip_address: text(&["ip_address", "agent_ip"]),
        operation: text(&["operation", "function_name"]),
        start_time,
        end_time,
        duration_ms: i64::try_from(duration.as_millis()).unwrap_or(i64::MAX),
        success,
        error_message,
        capability: owned(&["capability"]),
        target_agent: owned(&["target_agent"]),
        runtime: text(&["runtime"]),
    }
}

/// The value of the first of `names` that has one.
fn word<'a>(fields: &'a Fields, names: &[&str]) -> Option<Cow<'a, str>> {
    let (pairs, _) = fields.as_chunks::<2>();
    names.iter().find_map(|name| {
        let (_, value) = pairs
            .iter()
            .map(|[known, value]| (known, value))
            .find(|(known, _)| *known == name.as_bytes())?;
        let value = String::from_utf8_lossy(value);
        let is_nothing = ["", "null", "none"]
            .iter()
            .any(|nothing| value.eq_ignore_ascii_case(nothing));
        (!is_nothing).then_some(value)
    })
}

/// Seconds since the epoch, with a fraction. It was a floating point number, which is good for microseconds.
fn moment(text: &str) -> Option<Timestamp> {
    let seconds: f64 = text.trim().parse().ok()?;
    since_epoch(Duration::try_from_secs_f64(seconds).ok()?)
}

fn milliseconds(text: &str) -> Option<Duration> {
    let milliseconds: f64 = text.trim().parse().ok()?;
    Duration::try_from_secs_f64(milliseconds / 1000.0).ok()
}

fn since_epoch(duration: Duration) -> Option<Timestamp> {
    let micros = (duration.as_nanos() + 500) / 1000;
    let nanos = i64::try_from(micros).ok()?.checked_mul(1000)?;
    Some(Timestamp::from_nanos(nanos))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Vec<Vec<u8>> {
        pairs
            .iter()
            .flat_map(|(name, value)| [name.as_bytes().to_vec(), value.as_bytes().to_vec()])
            .collect()
    }

    #[test]
    fn a_span_of_python_is_understood() {
        let fields = fields(&[
            ("agent_id", "consumer-d3f927da"),
            ("agent_ip", "127.0.0.1"),
            ("agent_name", "consumer"),
            ("duration_ms", "135.61"),
            ("end_time", "1795329671.2432706"),
            ("error", "no such city"),
            ("function_name", "proxy_call_wrapper"),
            ("parent_span", "ae227363b8454383"),
            ("runtime", "python"),
            ("span_id", "5896ea054bf54a08"),
            ("start_time", "1795329671.1076581"),
            ("success", "False"),
            ("trace_id", "0123456789abcdef0123456789abcdef"),
        ]);
        assert!(is_of_trace(&fields, "0123456789ABCDEF0123456789abcdef"));
        assert!(!is_of_trace(&fields, "0123456789abcdef0123456789abcdee"));
        let span = read(&fields, None);
        insta::assert_json_snapshot!(span, @r#"
            {
              "TraceID": "0123456789abcdef0123456789abcdef",
              "SpanID": "5896ea054bf54a08",
              "ParentSpan": "ae227363b8454383",
              "AgentName": "consumer",
              "AgentID": "consumer-d3f927da",
              "IPAddress": "127.0.0.1",
              "Operation": "proxy_call_wrapper",
              "StartTime": "2026-11-22T06:41:11.107658Z",
              "EndTime": "2026-11-22T06:41:11.243271Z",
              "DurationMS": 135,
              "Success": false,
              "ErrorMessage": "no such city",
              "Capability": null,
              "TargetAgent": null,
              "Runtime": "python"
            }
            "#);
    }

    #[test]
    fn other_spellings_are_understood_too() {
        let info = read(
            &fields(&[
                ("operation", "greet"),
                ("timestamp", "1795329671"),
                ("duration_ms", "12"),
                ("ip_address", "10.0.0.1"),
                ("parent_span", "null"),
                ("success", "true"),
                ("error_message", "none"),
                ("target_agent", "clock"),
            ]),
            None,
        );
        assert_eq!(info.parent_span, None);
        assert_eq!(info.error_message, None);
        assert_eq!(
            (info.operation.as_str(), info.ip_address.as_str()),
            ("greet", "10.0.0.1")
        );
        assert_eq!(info.end_time.to_string(), "2026-11-22T06:41:11.012Z");
        assert_eq!(info.target_agent.as_deref(), Some("clock"));
        assert!(info.success);
    }

    #[test]
    fn what_makes_no_sense_harms_nobody() {
        let nonsense = [
            ("start_time", "soon"),
            ("end_time", "-1"),
            ("duration_ms", "NaN"),
            ("success", "perhaps"),
        ];
        let span = read(&fields(&nonsense), Some(1_795_329_671_000));
        assert_eq!(span.duration_ms, 0);
        assert!(!span.success);
        let mut odd = fields(&[("duration_ms", "1000")]);
        odd.push(b"name without a value".to_vec());
        let span = read(&odd, Some(1_795_329_671_000));
        assert_eq!(span.start_time.to_string(), "2026-11-22T06:41:10Z");
        assert!(span.success);
    }
}
