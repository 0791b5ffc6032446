//! `/trace/…`: what is known of distributed calls.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use super::{is_false, nullable};
use crate::Timestamp;

/// The Redis stream that agents publish their spans to.
pub const TRACE_STREAM: &str = "mesh:trace";
/// Tells an agent of which trace a call is.
pub const TRACE_ID_HEADER: &str = "X-Trace-ID";
/// The error of a registry that knows of no traces at all.
pub const TRACING_DISABLED: &str = "tracing not enabled";

/// `GET /trace/{trace_id}`: everything that one call from outside brought about.
// The only keys of the protocol in this spelling; clients in Go read them.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct TraceInfo {
    /// Its id, 32 hexadecimal digits.
    #[serde(rename = "TraceID", default, deserialize_with = "nullable")]
    pub trace_id: String,
    /// What was measured, by start.
    #[serde(default, deserialize_with = "nullable")]
    pub spans: Vec<SpanInfo>,
    /// When the first span began.
    #[serde(default, deserialize_with = "lenient")]
    pub start_time: Timestamp,
    /// When the last span ended.
    #[serde(default, deserialize_with = "lenient")]
    pub end_time: Timestamp,
    /// Nanoseconds between the two.
    #[serde(default, deserialize_with = "nullable")]
    pub duration: i64,
    /// Whether no span failed.
    #[serde(default, deserialize_with = "nullable")]
    pub success: bool,
    /// How many spans there are.
    #[serde(default, deserialize_with = "nullable")]
    pub span_count: usize,
    /// How many agents took part.
    #[serde(default, deserialize_with = "nullable")]
    pub agent_count: usize,
    /// The names of those agents.
    #[serde(default, deserialize_with = "nullable")]
    pub agents: Vec<String>,
    /// Whether there are older spans that were not read: the trace is large, or the stream. Absent if not.
    #[serde(
        default,
        deserialize_with = "nullable",
        skip_serializing_if = "is_false"
    )]
    pub truncated: bool,
}

/// One function that ran in a trace, or one call that it made.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "PascalCase")]
pub struct SpanInfo {
    /// The trace that it belongs to.
    #[serde(rename = "TraceID", default, deserialize_with = "nullable")]
    pub trace_id: String,
    /// Its id, 16 hexadecimal digits.
    #[serde(rename = "SpanID", default, deserialize_with = "nullable")]
    pub span_id: String,
    /// The id of the span that brought it about; null at the root.
    #[serde(default)]
    pub parent_span: Option<String>,
    /// The agent's name.
    #[serde(default, deserialize_with = "nullable")]
    pub agent_name: String,
    /// The agent's id.
    #[serde(rename = "AgentID", default, deserialize_with = "nullable")]
    pub agent_id: String,
    /// The agent's address; may be empty.
    #[serde(rename = "IPAddress", default, deserialize_with = "nullable")]
    pub ip_address: String,
    /// What ran.
    #[serde(default, deserialize_with = "nullable")]
    pub operation: String,
    /// When it began.
    #[serde(default, deserialize_with = "lenient")]
    pub start_time: Timestamp,
    /// When it ended.
    #[serde(default, deserialize_with = "lenient")]
    pub end_time: Timestamp,
    /// Whole milliseconds that it took.
    #[serde(rename = "DurationMS", default, deserialize_with = "nullable")]
    pub duration_ms: i64,
    /// Whether it did not fail.
    #[serde(default, deserialize_with = "nullable")]
    pub success: bool,
    /// Why it failed.
    #[serde(default)]
    pub error_message: Option<String>,
    /// The capability that was called for.
    #[serde(default)]
    pub capability: Option<String>,
    /// The agent that was called.
    #[serde(default)]
    pub target_agent: Option<String>,
    /// The agent's language; may be empty.
    #[serde(default, deserialize_with = "nullable")]
    pub runtime: String,
}

/// A time, or the epoch where something else stands: a clock of Go that was never set says the year 1.
fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    let read = |text: String| serde_json::from_value(serde_json::Value::String(text)).ok();
    Ok(text.and_then(read).unwrap_or_default())
}

/// `GET /trace/status` and `/trace/info`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TraceStatus {
    /// Whether traces can be asked for.
    pub enabled: bool,
    /// Why not, or why none is found at present.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Where spans are exported to; `none` as long as that is not built. Absent while tracing is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exporter_type: Option<String>,
    /// Where spans are read from. Absent while tracing is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream: Option<SpanStream>,
}

/// The Redis stream with the spans.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct SpanStream {
    /// Its name.
    pub stream_name: String,
    /// `connected`, or `disconnected` where Redis does not answer.
    pub connection_state: String,
    /// How many spans it holds, of all traces.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stream_length: Option<u64>,
    /// How many of them, the newest, are looked through for a trace.
    pub searched: usize,
}

/// `GET /trace/stats`.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct TraceStats {
    /// Whether traces can be asked for.
    pub enabled: bool,
    /// Whether anything is counted. Absent while tracing is off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stats_available: Option<bool>,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// `GET /trace/{trace_id}` when there is no such trace.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct NoTrace {
    /// For people.
    pub error: String,
    /// Whether traces can be asked for; present when they cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enabled: Option<bool>,
    /// The trace that was asked for, when they can.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_other_registries_say_is_understood() {
        let text = r#"{"TraceID":"x","Spans":[{"SpanID":"a","ParentSpan":null,"ErrorMessage":null,
            "StartTime":"0001-01-01T00:00:00Z","EndTime":null,"DurationMS":185,"More":1}],
            "Agents":null,"Duration":185790000}"#;
        let trace: TraceInfo = serde_json::from_str(text).unwrap();
        assert_eq!(trace.spans[0].start_time, Timestamp::default());
        assert_eq!(trace.spans[0].duration_ms, 185);
        assert!(trace.agents.is_empty());
    }

    #[test]
    fn the_keys_are_those_that_clients_read() {
        let span = SpanInfo {
            trace_id: "0123456789abcdef0123456789abcdef".to_owned(),
            span_id: "ae227363b8454383".to_owned(),
            operation: "greet".to_owned(),
            ..SpanInfo::default()
        };
        let trace = TraceInfo {
            spans: vec![span],
            ..TraceInfo::default()
        };
        let text = serde_json::to_string(&trace).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"TraceID":"","Spans":[{"TraceID":"0123456789abcdef0123456789abcdef","#,
                r#""SpanID":"ae227363b8454383","ParentSpan":null,"AgentName":"","AgentID":"","#,
                r#""IPAddress":"","Operation":"greet","StartTime":"1970-01-01T00:00:00Z","#,
                r#""EndTime":"1970-01-01T00:00:00Z","DurationMS":0,"Success":false,"#,
                r#""ErrorMessage":null,"Capability":null,"TargetAgent":null,"Runtime":""}],"#,
                r#""StartTime":"1970-01-01T00:00:00Z","EndTime":"1970-01-01T00:00:00Z","#,
                r#""Duration":0,"Success":false,"SpanCount":0,"AgentCount":0,"Agents":[]}"#,
            )
        );
    }
}
