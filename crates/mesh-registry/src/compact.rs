//! JSON that is passed on: as its sender spelled it, but for the white space between its tokens. Answers
//! are compact, and a line break would end a line of an event stream.

use serde_json::value::RawValue;

/// `json` with its keys in their order and its numbers in their digits, but without white space between
/// tokens.
pub(crate) fn compact(json: Box<RawValue>) -> Box<RawValue> {
    let text = squeeze(json.get());
    if text.len() == json.get().len() {
        return json;
    }
    RawValue::from_string(text).expect("white space between tokens means nothing")
}

fn squeeze(json: &str) -> String {
    let mut in_text = false;
    let mut escaped = false;
    let is_kept = |character: &char| {
        if !in_text {
            in_text = *character == '"';
            return !character.is_ascii_whitespace();
        }
        in_text = escaped || *character != '"';
        escaped = !escaped && *character == '\\';
        true
    };
    json.chars().filter(is_kept).collect()
}
