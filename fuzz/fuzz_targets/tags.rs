//! Tags: a JSON array of what is asked for, a line break, a JSON array of what there is.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mesh_core::matching::TagQuery;
use mesh_core::wire::TagEntry;

fuzz_target!(|text: &str| {
    let (asked, there) = text.split_once('\n').unwrap_or((text, "[]"));
    let Ok(asked) = serde_json::from_str::<Vec<TagEntry>>(asked) else {
        return;
    };
    let there: Vec<String> = serde_json::from_str(there).unwrap_or_default();
    let query = TagQuery::new(&asked);
    let score = query.score(&there).ok();

    let mut reversed = there.clone();
    reversed.reverse();
    assert_eq!(
        query.score(&reversed).ok(),
        score,
        "the order of a provider's tags means nothing"
    );
    let twice = [there.clone(), there.clone()].concat();
    assert_eq!(query.score(&twice).ok(), score, "nor does a repetition");
    if score.is_some() {
        assert!(query.missing(&there).is_empty(), "a match lacks nothing");
    }
});
