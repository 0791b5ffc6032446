use std::cmp::Ordering;

use super::{Constraint, ProviderVersion, Version, VersionQuery};

fn accepts(constraint: &str, version: &str) -> bool {
    VersionQuery::new(constraint).accepts(&ProviderVersion::new(version))
}

#[test]
fn constraints_select_series_and_ranges() {
    for (constraint, accepted, refused) in [
        ("", "1.2.3 anything v1", ""),
        (">=1.0.0", "1.0.0 1.2.3 v2", "0.9.9 1.0.0-rc.1 latest"),
        ("^1.0.0", "1.0.0 1.9.9", "2.0.0 0.9.9 2.0.0-rc.1"),
        ("4.6.0", "4.6.0 v4.6 4.6.0+build", "4.6.1"),
        ("~4.6.0", "4.6.0 4.6.1", "4.7.0 4.5.9"),
        ("=1.2.3", "1.2.3", "1.2.4"),
        ("!=1.2.3", "1.2.4 0.0.0", "1.2.3 1.2.3+build"),
        ("!=1.2", "1.3.0 2.2.0", "1.2.0 1.2.9"),
        ("!=1", "2.0.0", "1.0.0 1.9.9"),
        (">1", "2.0.0", "1.0.0 1.9.9"),
        (">1.2", "1.3.0", "1.2.0 1.2.9"),
        ("<1.2", "1.1.9", "1.2.0"),
        ("<=1.2", "1.2.9 1.0.0", "1.3.0"),
        ("<=1", "1.9.9 0.1.0", "2.0.0"),
        ("=>1.2", "1.2.0", "1.1.9"),
        ("=<1.2.3", "1.2.3", "1.2.4"),
        ("~>1.2", "1.2.9", "1.3.0"),
        ("~1", "1.9.9", "2.0.0 0.9.9"),
        ("~1.2", "1.2.0 1.2.9", "1.3.0"),
        ("^1", "1.0.0 1.9.9", "2.0.0"),
        ("^0.2.3", "0.2.3 0.2.9", "0.3.0 0.2.2"),
        ("^0.0.3", "0.0.3", "0.0.4 0.0.2"),
        ("^0.0", "0.0.0 0.0.9", "0.1.0"),
        ("^0", "0.0.0 0.9.9", "1.0.0"),
        ("1.2", "1.2.0 1.2.9", "1.3.0"),
        ("1", "1.0.0 1.9.9", "2.0.0"),
        ("1.2.x", "1.2.9", "1.3.0"),
        ("1.X", "1.9.9", "2.0.0"),
        ("*", "0.0.0 9.9.9", "1.0.0-rc.1"),
        ("1.2 - 1.4.5", "1.2.0 1.4.5", "1.4.6 1.1.9"),
        ("1.2 - 2", "2.9.9", "3.0.0"),
        (">=1.0, <2.0", "1.5.0", "2.0.0"),
        (">=1.0 <2.0", "1.5.0", "2.0.0"),
        (
            "1.x || >=2.5.0 || 5.0.0 - 7.2.3",
            "1.2.3 2.5.1 6.0.0 9.0.0",
            "2.0.0",
        ),
        (">=1.2.0-0", "1.2.0-alpha 1.3.0-rc.1 1.2.0", "1.1.0"),
        (">=1.2.0-0, <2", "1.3.0-rc.1 2.0.0-rc.1", "2.0.0"),
        (
            ">=1.2.3-beta.2",
            "1.2.3-beta.10 1.2.3",
            "1.2.3-beta.1 1.2.3-alpha.9",
        ),
        (
            "1.2.3-alpha",
            "1.2.3-alpha 1.2.3-alpha+x",
            "1.2.3 1.2.3-beta",
        ),
        ("latest", "latest", "Latest 1.2.3"),
        ("1.2.3.4", "1.2.3.4", "1.2.3"),
        ("> = 1", "", "2.0.0"),
    ] {
        for version in accepted.split_whitespace() {
            assert!(
                accepts(constraint, version),
                "{constraint} must accept {version}"
            );
        }
        for version in refused.split_whitespace() {
            assert!(
                !accepts(constraint, version),
                "{constraint} must refuse {version}"
            );
        }
    }
    assert!(accepts("", ""));
    assert!(!accepts(">=1.0.0", ""));
    assert!(!accepts("*", ""));
}

#[derive(serde::Deserialize)]
struct Vectors {
    versions: Vec<String>,
    constraints: Vec<Vector>,
}

#[derive(serde::Deserialize)]
struct Vector {
    constraint: String,
    accepts: Vec<String>,
}

/// Every pair was asked of the registry that agents have been written for.
#[test]
fn odd_constraints_and_versions_match_as_they_always_did() {
    let vectors: Vectors = serde_json::from_str(include_str!("vectors.json")).unwrap();
    assert!(vectors.versions.len() * vectors.constraints.len() > 8000);
    for Vector {
        constraint,
        accepts,
    } in &vectors.constraints
    {
        let query = VersionQuery::new(constraint);
        for version in &vectors.versions {
            assert_eq!(
                query.accepts(&ProviderVersion::new(version)),
                accepts.contains(version),
                "{constraint:?} and {version:?}"
            );
        }
    }
}

#[test]
fn versions_rank_by_precedence_and_other_texts_below() {
    let ascending = [
        "",
        "1.2.3.4",
        "latest",
        "zz",
        "0.0.0-0",
        "0.0.0",
        "0.9",
        "1.0.0-0",
        "1.0.0-9",
        "1.0.0-10",
        "1.0.0-99999999999999999999",
        "1.0.0-a",
        "1.0.0-a.1",
        "1.0.0-a.b",
        "1.0.0-b",
        "1",
        "1.0.1",
        "4.6.0",
        "v4.7",
        "5.0.0",
        "10.0.0",
    ]
    .map(ProviderVersion::new);
    for (index, low) in ascending.iter().enumerate() {
        assert_eq!(low.rank(low), Ordering::Equal);
        for high in &ascending[index + 1..] {
            assert_eq!(low.rank(high), Ordering::Less, "{low:?} below {high:?}");
            assert_eq!(high.rank(low), Ordering::Greater, "{high:?} above {low:?}");
        }
    }
    for same in ["1.0", "v1.0.0", "1.0.0+build", "01.0.0"] {
        assert_eq!(
            ProviderVersion::new(same).rank(&ProviderVersion::new("1")),
            Ordering::Equal
        );
    }
}

#[test]
fn what_is_no_version_is_not_read_as_one() {
    for text in [
        "",
        "v",
        "vv1",
        "V1",
        " 1.2.3",
        "1.2.3 ",
        "1.",
        ".1",
        "1..2",
        "1.2.3.4",
        "1.2.3-",
        "1.2.3-01",
        "1.2.3-a..b",
        "1.2.3+",
        "1.2.3-é",
        "１.2.3",
        "1.x",
        "+1",
        "-1",
        "18446744073709551616",
    ] {
        assert_eq!(Version::parse(text), None, "{text:?}");
    }
}

#[test]
fn no_text_is_fatal() {
    const PARTS: [&str; 26] = [
        "0",
        "1",
        "2",
        "9",
        "18446744073709551615",
        "x",
        "X",
        "*",
        ".",
        ".",
        "-",
        " - ",
        "+",
        "v",
        "||",
        "|",
        ",",
        " ",
        ">",
        "<",
        "=",
        "!",
        "~",
        "^",
        "alpha",
        "é",
    ];
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state >> 33).unwrap() % below
    };
    let mut parsed = 0;
    for _ in 0..30_000 {
        let mut text = || {
            (0..next(9))
                .map(|_| PARTS[next(PARTS.len())])
                .collect::<String>()
        };
        let (constraint, version) = (text(), text());
        parsed += usize::from(Constraint::parse(&constraint).is_some());
        let equal = !constraint.is_empty() && constraint == version;
        let accepted = accepts(&constraint, &version);
        if Constraint::parse(&constraint).is_none() && !constraint.is_empty() {
            assert_eq!(accepted, equal, "{constraint:?} and {version:?}");
        }
    }
    assert!(parsed > 300, "only {parsed} texts were constraints");
}

#[test]
fn a_constraint_without_end_is_none() {
    assert_eq!(Constraint::parse(&"1".repeat(1_000_000)), None);
    assert_eq!(Constraint::parse(&" - 1".repeat(250_000)), None);
    assert!(Constraint::parse("1 || ".repeat(200).trim_end_matches(" || ")).is_some());
}
