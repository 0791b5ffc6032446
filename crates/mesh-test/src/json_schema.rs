//! Whether JSON is what its schema says, for the keywords that our generated schemas use.

use serde_json::{Map, Value};

/// Says nothing about values.
const ANNOTATIONS: [&str; 7] = [
    "$schema",
    "$defs",
    "title",
    "description",
    "format",
    "default",
    "examples",
];

/// Fails unless `instance` is what `schema` says, and says nothing that `schema` does not know.
///
/// # Panics
///
/// If it is not, and if the schema uses a keyword that is not understood here.
pub fn assert_matches_schema(schema: &Value, instance: &Value) {
    let mut problems = Vec::new();
    let checker = Checker { root: schema };
    checker.check(schema, instance, "$", &mut problems);
    let problems = problems.join("\n");
    assert!(problems.is_empty(), "{problems}\nin {instance:#}");
}

struct Checker<'a> {
    root: &'a Value,
}

impl Checker<'_> {
    fn check(&self, schema: &Value, instance: &Value, path: &str, problems: &mut Vec<String>) {
        let Value::Object(schema) = schema else {
            // `true` allows everything.
            assert_eq!(
                schema,
                &Value::Bool(true),
                "{path}: a schema of its own kind"
            );
            return;
        };
        for (keyword, rule) in schema {
            let fits = match keyword.as_str() {
                "type" => has_type(rule, instance),
                "const" => rule == instance,
                "enum" => list(rule).contains(instance),
                "minimum" => instance.as_f64() >= rule.as_f64() || !instance.is_number(),
                "maximum" => instance.as_f64() <= rule.as_f64() || !instance.is_number(),
                "required" => lacks(rule, instance).is_none(),
                "anyOf" | "oneOf" => list(rule).iter().any(|one| {
                    let mut own = Vec::new();
                    self.check(one, instance, path, &mut own);
                    own.is_empty()
                }),
                "$ref" => {
                    let pointer = rule.as_str().and_then(|text| text.strip_prefix('#'));
                    let target = pointer.and_then(|pointer| self.root.pointer(pointer));
                    let target = target.unwrap_or_else(|| panic!("{path}: {rule} leads nowhere"));
                    self.check(target, instance, path, problems);
                    true
                }
                "items" => {
                    for (index, item) in instance.as_array().into_iter().flatten().enumerate() {
                        self.check(rule, item, &format!("{path}[{index}]"), problems);
                    }
                    true
                }
                "properties" | "additionalProperties" => true,
                other if ANNOTATIONS.contains(&other) => true,
                other => panic!("{path}: the keyword `{other}` is not checked here; teach it"),
            };
            if !fits {
                problems.push(format!("{path}: {keyword} {rule} is not kept"));
            }
        }
        if let Value::Object(fields) = instance {
            self.check_fields(schema, fields, path, problems);
        }
    }

    fn check_fields(
        &self,
        schema: &Map<String, Value>,
        fields: &Map<String, Value>,
        path: &str,
        problems: &mut Vec<String>,
    ) {
        let known = schema.get("properties").and_then(Value::as_object);
        let others = schema.get("additionalProperties");
        for (name, value) in fields {
            let path = format!("{path}.{name}");
            match (known.and_then(|known| known.get(name)), others) {
                (Some(rule), _) | (None, Some(rule)) => self.check(rule, value, &path, problems),
                // Programs may ignore what they do not know; we may not forget to describe it.
                (None, None) if known.is_some() => {
                    problems.push(format!("{path} is not described"));
                }
                (None, None) => {}
            }
        }
    }
}

fn list(rule: &Value) -> &[Value] {
    rule.as_array().map_or(&[], Vec::as_slice)
}

fn lacks<'a>(required: &'a Value, instance: &Value) -> Option<&'a str> {
    let fields = instance.as_object()?;
    list(required)
        .iter()
        .filter_map(Value::as_str)
        .find(|name| !fields.contains_key(*name))
}

fn has_type(rule: &Value, instance: &Value) -> bool {
    let is = |name: &str| match name {
        "null" => instance.is_null(),
        "boolean" => instance.is_boolean(),
        "string" => instance.is_string(),
        "array" => instance.is_array(),
        "object" => instance.is_object(),
        "number" => instance.is_number(),
        "integer" => instance.is_i64() || instance.is_u64(),
        other => panic!("`{other}` is no type of JSON"),
    };
    match rule {
        Value::Array(names) => names.iter().filter_map(Value::as_str).any(is),
        name => name.as_str().is_some_and(is),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problems(instance: &Value) -> Vec<String> {
        let schema = json!({
            "type": "object",
            "required": ["name"],
            "properties": {
                "name": {"type": "string"},
                "size": {"type": ["integer", "null"], "minimum": 0},
                "tags": {"type": "array", "items": {"$ref": "#/$defs/tag"}},
            },
            "$defs": {"tag": {"anyOf": [{"const": "a"}, {"enum": ["b"]}]}},
        });
        let mut problems = Vec::new();
        let checker = Checker { root: &schema };
        checker.check(&schema, instance, "$", &mut problems);
        problems
    }

    #[test]
    fn what_a_schema_forbids_is_found() {
        assert!(problems(&json!({"name": "x", "size": null, "tags": ["a", "b"]})).is_empty());
        for wrong in [
            json!([]),
            json!({}),
            json!({"name": 1}),
            json!({"name": "x", "size": -1}),
            json!({"name": "x", "tags": ["c"]}),
            json!({"name": "x", "undescribed": 1}),
        ] {
            assert_eq!(problems(&wrong).len(), 1, "{wrong}: {:?}", problems(&wrong));
        }
    }
}
