//! Version constraints: `<constraint>\n<version>\n<version>`.

#![no_main]

use std::cmp::Ordering;

use libfuzzer_sys::fuzz_target;
use mesh_core::matching::{Constraint, ProviderVersion, Version, VersionQuery};

fuzz_target!(|text: &str| {
    let mut lines = text.splitn(3, '\n');
    let [constraint, one, other] = [(); 3].map(|()| lines.next().unwrap_or_default());
    let query = VersionQuery::new(constraint);
    let (one, other) = (ProviderVersion::new(one), ProviderVersion::new(other));

    assert!(
        VersionQuery::new("").accepts(&one),
        "no constraint accepts everything"
    );
    let both_parse = Constraint::parse(constraint).zip(Version::parse(one.as_str()));
    if !constraint.is_empty() && both_parse.is_none() {
        let equal = !one.as_str().is_empty() && constraint == one.as_str();
        assert_eq!(
            query.accepts(&one),
            equal,
            "what is no version is compared as text"
        );
    }
    // Equals in rank are equals for the constraint, unless they are told apart as text.
    let order = one.rank(&other);
    assert_eq!(
        other.rank(&one),
        order.reverse(),
        "the order is the same from both sides"
    );
    assert_eq!(one.rank(&one), Ordering::Equal, "everything equals itself");
});
