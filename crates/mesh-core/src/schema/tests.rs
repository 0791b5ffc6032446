use super::{Verdict, canonicalize};

#[derive(serde::Deserialize)]
struct Vector {
    schema: String,
    canonical: String,
    hash: String,
    verdict: String,
    warnings: Vec<String>,
}

#[test]
fn every_vector_of_the_published_sdk_is_met_to_the_byte() {
    let vectors: Vec<Vector> = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert!(vectors.len() > 400, "only {} vectors", vectors.len());
    for vector in vectors {
        let ours = canonicalize(&vector.schema);
        assert_eq!(ours.canonical, vector.canonical, "{}", vector.schema);
        assert_eq!(ours.hash, vector.hash, "{}", vector.schema);
        assert_eq!(ours.warnings, vector.warnings, "{}", vector.schema);
        assert_eq!(ours.verdict.as_str(), vector.verdict, "{}", vector.schema);
    }
}

#[test]
fn a_property_named_like_a_keyword_vanishes_but_stays_required() {
    let ours = canonicalize(
        r#"{"additionalProperties":false,"properties":{"title":{"type":"string"}},"required":["title"],"type":"object"}"#,
    );
    assert_eq!(
        ours.canonical,
        r#"{"properties":{},"required":["title"],"type":"object"}"#
    );
    assert_eq!(
        ours.hash,
        "sha256:2e36626838b876dae2826ff5b867871ab2fa9a117c72e8c88e1e0af9d1962fa2"
    );
    assert_eq!(ours.verdict, Verdict::Ok);
}

#[test]
fn names_of_definitions_do_not_matter() {
    let of = |name: &str| {
        canonicalize(&format!(
            r##"{{"$defs":{{"{name}":{{"items":{{"$ref":"#/$defs/{name}"}}}}}},"not":{{"$ref":"#/$defs/{name}"}}}}"##
        ))
    };
    assert_eq!(of("Node"), of("Baum"));
}

/// Definitions `D0` to `D{length}`, each of which refers to the next one in `keys`.
fn chain(length: usize, keys: &[&str]) -> String {
    let members: Vec<_> = (0..length)
        .map(|index| {
            let next: Vec<_> = keys
                .iter()
                .map(|key| format!(r##""{key}":{{"$ref":"#/$defs/D{}"}}"##, index + 1))
                .collect();
            format!(r#""D{index}":{{{}}}"#, next.join(","))
        })
        .collect();
    format!(
        r##"{{"$ref":"#/$defs/D0","$defs":{{{},"D{length}":{{"type":"string"}}}}}}"##,
        members.join(",")
    )
}

#[test]
fn growth_without_bounds_is_blocked() {
    assert_eq!(canonicalize(&chain(200, &["items"])).verdict, Verdict::Ok);
    assert_eq!(
        canonicalize(&chain(10, &["items", "not"])).verdict,
        Verdict::Ok
    );
    for (schema, warning) in [
        (
            chain(10_000, &["items"]),
            "schema is nested more than 512 levels deep, counting references",
        ),
        (
            chain(64, &["items", "not"]),
            "schema has more than 200000 values once its references are inlined",
        ),
        (
            "[".repeat(100_000),
            "invalid JSON input: recursion limit exceeded at line 1 column 128",
        ),
        (
            r#"{"items":"#.repeat(100_000),
            "invalid JSON input: recursion limit exceeded at line 1 column 1144",
        ),
    ] {
        let ours = canonicalize(&schema);
        assert_eq!(ours.warnings, [warning]);
        assert_eq!(ours.verdict, Verdict::Block);
        assert_eq!((ours.canonical.as_str(), ours.hash.as_str()), ("null", ""));
    }
}

#[test]
fn no_input_is_fatal() {
    const PARTS: [&str; 28] = [
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"$ref\"",
        "\"#/$defs/A\"",
        "\"$defs\"",
        "\"A\"",
        "\"anyOf\"",
        "null",
        "\"type\"",
        "\"null\"",
        "\"properties\"",
        "\"a_B\"",
        "\"aB\"",
        "1",
        "1e9",
        "\"enum\"",
        "true",
        "\"items\"",
        "\"oneOf\"",
        "\"required\"",
        "\"nullable\"",
        "\"const\"",
        " ",
        "\"",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    for _ in 0..20_000 {
        let text: String = (0..next(24)).map(|_| PARTS[next(PARTS.len())]).collect();
        let ours = canonicalize(&text);
        assert_eq!(
            ours.verdict == Verdict::Block,
            ours.hash.is_empty(),
            "{text}"
        );
    }
}
