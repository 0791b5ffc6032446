//! The JSON-RPC messages of a call: what is sent, and which of the messages received is the answer.

use std::borrow::Cow;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

use super::error::RpcError;

/// The id of every request: each has an HTTP exchange of its own, so no two can be confused.
const ID: &str = "1";
/// What progress is reported under, for the same reason.
const PROGRESS_TOKEN: u8 = 1;

#[derive(Serialize)]
struct Request<'a, P> {
    jsonrpc: &'static str,
    id: u8,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    params: Option<P>,
}

#[derive(Serialize)]
struct CallParams<'a> {
    name: &'a str,
    arguments: &'a RawValue,
    #[serde(rename = "_meta", skip_serializing_if = "Option::is_none")]
    meta: Option<CallMeta>,
}

#[derive(Serialize)]
struct CallMeta {
    #[serde(rename = "progressToken")]
    progress_token: u8,
}

/// The bytes of a `tools/call`.
pub(crate) fn tools_call(tool: &str, arguments: &RawValue) -> Bytes {
    let params = CallParams {
        name: tool,
        arguments,
        meta: None,
    };
    request("tools/call", Some(&params))
}

/// The bytes of a `tools/call` that asks for progress.
pub(crate) fn tools_call_with_progress(tool: &str, arguments: &RawValue) -> Bytes {
    let params = CallParams {
        name: tool,
        arguments,
        meta: Some(CallMeta {
            progress_token: PROGRESS_TOKEN,
        }),
    };
    request("tools/call", Some(&params))
}

/// The bytes of any request.
pub(crate) fn request<P: Serialize + ?Sized>(method: &str, params: Option<&P>) -> Bytes {
    let request = Request {
        jsonrpc: "2.0",
        id: 1,
        method,
        params,
    };
    serde_json::to_vec(&request)
        .expect("texts and raw JSON can always be written")
        .into()
}

/// What a message from the server is to the request that is waiting.
#[derive(Debug)]
pub(crate) enum Message {
    /// Its result.
    Result(Box<RawValue>),
    /// Its refusal.
    Error(RpcError),
    /// Something else: a notification, a question of the server, another request's answer.
    Other,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default, deserialize_with = "even_null")]
    id: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    method: Option<&'a RawValue>,
    #[serde(borrow, default, deserialize_with = "even_null")]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<ErrorObject<'a>>,
}

#[derive(Deserialize)]
struct ErrorObject<'a> {
    #[serde(default)]
    code: i64,
    #[serde(default)]
    message: String,
    #[serde(borrow, default)]
    data: Option<&'a RawValue>,
}

/// Reads `null` as a value that is there; a missing field stays `None`.
fn even_null<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(deserializer).map(Some)
}

/// Judges one message.
pub(crate) fn read(text: &[u8]) -> Result<Message, serde_json::Error> {
    let envelope: Envelope<'_> = serde_json::from_slice(text)?;
    let Envelope {
        id,
        method,
        result,
        error,
    } = envelope;
    let id = id.map_or("null", RawValue::get);
    let is_of_another_request = id != ID && id.parse::<f64>().is_ok();
    if method.is_some() || is_of_another_request {
        return Ok(Message::Other);
    }
    if let Some(error) = error {
        // Whatever the id: a server that failed to read it answers with `null` or a word of its own.
        return Ok(Message::Error(RpcError {
            code: error.code,
            message: error.message,
            data: error.data.map(ToOwned::to_owned),
        }));
    }
    match result {
        Some(result) if id == ID => Ok(Message::Result(result.to_owned())),
        _ => Ok(Message::Other),
    }
}

#[derive(Deserialize)]
struct Notification<'a> {
    method: Cow<'a, str>,
    #[serde(borrow)]
    params: ProgressParams<'a>,
}

#[derive(Deserialize)]
struct ProgressParams<'a> {
    #[serde(borrow, rename = "progressToken")]
    token: &'a RawValue,
    #[serde(default)]
    message: Option<String>,
}

/// What a message reports of the request's progress, if it does so in words.
pub(crate) fn progress(text: &[u8]) -> Option<String> {
    // What cannot be read is no progress; a server may say anything beside its answer.
    let notification: Notification<'_> = serde_json::from_slice(text).ok()?;
    let is_ours = notification.method == "notifications/progress"
        && notification.params.token.get() == PROGRESS_TOKEN.to_string();
    notification.params.message.filter(|_| is_ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_the_spelling_of_its_arguments() {
        let arguments = RawValue::from_string(r#"{"b":"é","a":1.50}"#.into()).unwrap();
        assert_eq!(
            tools_call("plain", &arguments),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain","arguments":{"b":"é","a":1.50}}}"#
        );
        assert_eq!(
            tools_call_with_progress("plain", &arguments),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"plain","arguments":{"b":"é","a":1.50},"_meta":{"progressToken":1}}}"#
        );
        assert_eq!(
            request::<()>("tools/list", None),
            r#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#
        );
    }

    #[test]
    fn progress_is_what_is_said_under_the_requests_token() {
        let said = |params: &str| {
            let method = "notifications/progress";
            let text = format!(r#"{{"jsonrpc":"2.0","method":"{method}","params":{params}}}"#);
            progress(text.as_bytes())
        };
        let full = r#"{"progressToken":1,"progress":2.0,"total":null,"message":"a\nb"}"#;
        assert_eq!(said(full).as_deref(), Some("a\nb"));
        assert_eq!(
            said(r#"{"progressToken":1,"message":""}"#).as_deref(),
            Some("")
        );
        for other in [
            r#"{"progressToken":1,"progress":2}"#,
            r#"{"progressToken":1,"message":null}"#,
            r#"{"progressToken":2,"message":"x"}"#,
            r#"{"progressToken":"1","message":"x"}"#,
            r#"{"message":"x"}"#,
            "null",
        ] {
            assert_eq!(said(other), None, "{other}");
        }
        assert_eq!(
            progress(br#"{"method":"notifications/message","params":{}}"#),
            None
        );
    }

    #[test]
    fn only_the_message_with_the_requests_id_is_the_answer() {
        for other in [
            r#"{"jsonrpc":"2.0","method":"notifications/message","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"sampling/createMessage","params":{}}"#,
            r#"{"jsonrpc":"2.0","id":2,"result":{}}"#,
            r#"{"jsonrpc":"2.0","id":"1","result":{}}"#,
            r#"{"jsonrpc":"2.0","id":2,"error":{"code":1,"message":"no"}}"#,
            r#"{"id":1}"#,
        ] {
            assert!(
                matches!(read(other.as_bytes()).unwrap(), Message::Other),
                "{other}"
            );
        }
        for (text, expected) in [
            (
                r#"{"id":1,"jsonrpc":"2.0","result":{"x": 1.0}}"#,
                r#"{"x": 1.0}"#,
            ),
            (r#"{"jsonrpc":"2.0","id":1,"result":null}"#, "null"),
            (r#"{"jsonrpc":"2.0","id":1,"result":3,"error":null}"#, "3"),
        ] {
            let Message::Result(result) = read(text.as_bytes()).unwrap() else {
                panic!("{text} is the answer");
            };
            assert_eq!(result.get(), expected);
        }
    }

    #[test]
    fn an_error_is_the_answer_even_when_the_id_was_lost() {
        for id in ["1", "null", r#""server-error""#] {
            let text = format!(
                r#"{{"jsonrpc":"2.0","id":{id},"error":{{"code":-32600,"message":"no","data":[1]}}}}"#
            );
            let Message::Error(error) = read(text.as_bytes()).unwrap() else {
                panic!("{text} is the answer");
            };
            assert_eq!(
                error.to_string(),
                "the server refused the call: no (-32600): [1]"
            );
        }
        assert!(read(b"{\"id\":1,").is_err());
    }
}
