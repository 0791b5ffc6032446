//! What the wiring says of LLM functions, as Python reads it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pyo3::prelude::*;

use crate::completion;

/// What was read of one agent's wiring.
#[derive(Default)]
pub(crate) struct LlmTexts {
    pub(crate) tools: Parsed,
    pub(crate) providers: Parsed,
}

/// By function, the text that was read last and what it says.
#[derive(Default)]
pub(crate) struct Parsed(Mutex<Entries>);

type Entries = HashMap<String, (Arc<str>, Py<PyAny>)>;

impl Parsed {
    /// What `text` says; it is read once, as long as it stays the same object.
    pub(crate) fn read<'py>(
        &self,
        py: Python<'py>,
        function: &str,
        text: &Arc<str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some((known, value)) = self.entries().get(function)
            && Arc::ptr_eq(known, text)
        {
            return Ok(value.bind(py).clone());
        }
        // Not under the lock: Python may do anything while it reads.
        let value = completion::json(py, text)?;
        let entry = (Arc::clone(text), value.clone().unbind());
        let _replaced = self.entries().insert(function.to_owned(), entry);
        Ok(value)
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        // Every change leaves the map whole, so a panic elsewhere does not spoil it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
