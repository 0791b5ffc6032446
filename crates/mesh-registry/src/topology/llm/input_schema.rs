//! What arguments a tool takes, in its own words.

use serde::de::Error;
use serde_json::value::RawValue;

use crate::compact::compact;
use crate::readable;

/// A JSON Schema as the agent spelled it: keys in its order, numbers in its digits.
#[derive(Debug)]
pub(crate) struct InputSchema(Box<RawValue>);

impl PartialEq for InputSchema {
    fn eq(&self, other: &Self) -> bool {
        self.0.get() == other.0.get()
    }
}

impl InputSchema {
    /// Takes over `json` if it is an object that everybody can read.
    pub(crate) fn compile(json: &RawValue) -> serde_json::Result<Self> {
        if !json.get().starts_with('{') {
            return Err(Error::custom("invalid type, expected an object"));
        }
        readable::check(json)?;
        Ok(Self(compact(json.to_owned())))
    }

    /// The text.
    pub(crate) fn raw(&self) -> &RawValue {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(json: &str) -> serde_json::Result<String> {
        let raw = RawValue::from_string(json.to_owned())?;
        InputSchema::compile(&raw).map(|schema| schema.raw().get().to_owned())
    }

    #[test]
    fn a_schema_keeps_its_spelling() {
        for (json, kept) in [
            (r#"{"b":1.50,"a":[]}"#, r#"{"b":1.50,"a":[]}"#),
            ("{\r\n\t\"b\" : [ 1 , 2 ]\n}", r#"{"b":[1,2]}"#),
            (r#"{ "a b\\" : " \" é " }"#, r#"{"a b\\":" \" é "}"#),
        ] {
            assert_eq!(compile(json).unwrap(), kept);
        }
    }

    #[test]
    fn a_schema_that_nobody_can_read_is_refused() {
        for json in ["5", "[]", r#"{"a":1e999}"#, r#"{"a":"\ud800"}"#] {
            assert!(compile(json).is_err(), "{json}");
        }
        let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100), "]".repeat(100));
        assert!(compile(&deep).is_err());
    }
}
