//! Schemas: what a consumer expects, a line break, what a producer declares.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_core::matching::compare;
use mesh_core::schema::canonicalize;
use serde_json::Value;

fuzz_target!(|text: &str| {
    let (consumer, producer) = text.split_once('\n').unwrap_or((text, "null"));
    for schema in [consumer, producer] {
        let first = canonicalize(schema);
        assert_eq!(
            canonicalize(schema),
            first,
            "the same text has the same form"
        );
    }
    let parse = |text| serde_json::from_str::<Value>(text).ok();
    let (Some(consumer), Some(producer)) = (parse(consumer), parse(producer)) else {
        return;
    };
    let findings = compare(&consumer, &producer);
    assert_eq!(compare(&consumer, &producer), findings);
    assert!(
        compare(&Value::Null, &producer).is_empty(),
        "who expects nothing is content"
    );
    assert!(
        compare(&consumer, &Value::Null).is_empty(),
        "what says nothing disagrees with nothing"
    );
});
