//! JSON that is passed on as it came was skipped, not read. What ails it must come to light when it is
//! taken: one text that readers refuse would spoil every list that it is in.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

/// How deep it may nest: readers stop at 128 and have the levels of the answer around it as well.
const MAX_DEPTH: u8 = 100;

/// Whether everybody can read `json`: its numbers are numbers, its texts are Unicode, its depth is modest.
pub(crate) fn check(json: &RawValue) -> serde_json::Result<()> {
    Level(MAX_DEPTH).deserialize(&mut serde_json::Deserializer::from_str(json.get()))
}

/// A value that may nest so much deeper.
#[derive(Clone, Copy)]
struct Level(u8);

impl Level {
    fn below<E: Error>(self) -> Result<Self, E> {
        let too_deep = || E::custom(format_args!("it nests deeper than {MAX_DEPTH} levels"));
        self.0.checked_sub(1).map(Self).ok_or_else(too_deep)
    }
}

impl<'de> DeserializeSeed<'de> for Level {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Level {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let level = self.below()?;
        while list.next_element_seed(level)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let level = self.below()?;
        while map.next_entry_seed(level, level)?.is_some() {}
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(json: &str) -> Option<String> {
        let raw = RawValue::from_string(json.to_owned()).unwrap();
        check(&raw).err().map(|error| error.to_string())
    }

    #[test]
    fn what_everybody_can_read_passes() {
        let deepest = format!("{}{}", "[".repeat(100), "]".repeat(100));
        let json = r#" {"a": [null, true, -1, 1e300, 123456789012345678901234567890, "é😀"]} "#;
        for json in [json, "5", "\"\"", &deepest] {
            assert_eq!(error(json), None, "{json}");
        }
    }

    #[test]
    fn what_readers_refuse_is_refused() {
        let deep = format!("{}1{}", "{\"a\":[".repeat(60), "]}".repeat(60));
        let abysmal = format!("{}{}", "[".repeat(200_000), "]".repeat(200_000));
        for (json, expected) in [
            (r#"{"a":1e999}"#, "number out of range"),
            (r#"["\ud800"]"#, "hex escape"),
            (r#"{"\udc00":1}"#, "hex escape"),
            (&deep, "it nests deeper than 100 levels"),
            (&abysmal, "it nests deeper than 100 levels"),
        ] {
            let error = error(json).unwrap_or_default();
            assert!(error.contains(expected), "{error}");
        }
    }
}
