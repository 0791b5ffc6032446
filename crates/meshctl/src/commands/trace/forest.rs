//! Who called whom, from spans that may be incomplete, come twice or name each other in a circle.

use std::collections::HashMap;

use mesh_core::wire::SpanInfo;

/// What SDKs call their own steps.
const INTERNAL: [&str; 2] = ["proxy_call_wrapper", "_internal_"];

/// Whether the SDKs' own steps are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Internal {
    /// All of them.
    Shown,
    /// What they called moves up. One that failed and called nothing stays: nothing else tells of it.
    Collapsed,
}

/// The spans that are shown, each with those below it; siblings by start.
#[derive(Debug)]
pub(super) struct Forest<'a> {
    spans: Vec<&'a SpanInfo>,
    roots: Vec<usize>,
    below: Vec<Vec<usize>>,
    hidden: usize,
}

impl<'a> Forest<'a> {
    pub(super) fn grow(spans: &'a [SpanInfo], internal: Internal) -> Self {
        let mut spans: Vec<&SpanInfo> = spans.iter().collect();
        // From here on an earlier span has a smaller number.
        spans.sort_by_key(|span| span.start_time);
        let mut called = vec![Vec::new(); spans.len()];
        let mut uncalled = Vec::new();
        for (span, parent) in parents(&spans).into_iter().enumerate() {
            match parent {
                Some(parent) => called[parent].push(span),
                None => uncalled.push(span),
            }
        }
        let mut forest = Self {
            below: vec![Vec::new(); spans.len()],
            roots: Vec::new(),
            hidden: 0,
            spans,
        };
        let mut open: Vec<(usize, Option<usize>)> =
            uncalled.into_iter().map(|root| (root, None)).collect();
        while let Some((span, above)) = open.pop() {
            let step = forest.spans[span];
            let tells = !step.success && called[span].is_empty();
            let is_shown = internal == Internal::Shown || tells || !is_internal(step);
            if is_shown {
                forest.siblings(above).push(span);
            } else {
                forest.hidden += 1;
            }
            let above = if is_shown { Some(span) } else { above };
            open.extend(called[span].iter().map(|below| (*below, above)));
        }
        forest.roots.sort_unstable();
        for below in &mut forest.below {
            below.sort_unstable();
        }
        forest
    }

    fn siblings(&mut self, above: Option<usize>) -> &mut Vec<usize> {
        match above {
            Some(above) => &mut self.below[above],
            None => &mut self.roots,
        }
    }

    pub(super) fn span(&self, number: usize) -> &'a SpanInfo {
        self.spans[number]
    }

    /// What nobody called, as far as is known.
    pub(super) fn roots(&self) -> &[usize] {
        &self.roots
    }

    /// What a span called.
    pub(super) fn below(&self, number: usize) -> &[usize] {
        &self.below[number]
    }

    /// How many of the spans that are shown failed.
    pub(super) fn failed(&self) -> usize {
        let shown = self.roots.iter().chain(self.below.iter().flatten());
        shown.filter(|span| !self.spans[**span].success).count()
    }

    /// How many spans are left out.
    pub(super) fn hidden(&self) -> usize {
        self.hidden
    }
}

fn is_internal(span: &SpanInfo) -> bool {
    INTERNAL
        .iter()
        .any(|prefix| span.operation.starts_with(prefix))
}

/// The number of each span's parent, none if that is absent. Circles are cut at their earliest span.
fn parents(spans: &[&SpanInfo]) -> Vec<Option<usize>> {
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    for (number, span) in spans.iter().enumerate() {
        numbers.entry(&span.span_id).or_insert(number);
    }
    let mut parents: Vec<Option<usize>> = spans
        .iter()
        .map(|span| {
            let parent = span.parent_span.as_deref().filter(|id| !id.is_empty())?;
            numbers.get(parent).copied()
        })
        .collect();
    // In which walk upwards each span was met; those of earlier walks lead to a root.
    let mut met = vec![usize::MAX; spans.len()];
    for start in 0..spans.len() {
        let mut here = start;
        while met[here] == usize::MAX {
            met[here] = start;
            match parents[here] {
                Some(parent) => here = parent,
                None => break,
            }
        }
        if met[here] == start
            && let Some(earliest) = earliest_of_circle(&parents, here)
        {
            parents[earliest] = None;
        }
    }
    parents
}

/// The smallest number on the circle through `start`, if that is on one.
fn earliest_of_circle(parents: &[Option<usize>], start: usize) -> Option<usize> {
    let mut earliest = start;
    let mut here = parents[start]?;
    while here != start {
        earliest = earliest.min(here);
        here = parents[here]?;
    }
    Some(earliest)
}
