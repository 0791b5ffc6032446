//! `mesh_core::schema` for Python.

use pyo3::prelude::*;

/// Canonical form, hash, warnings and verdict of a JSON schema.
#[pyfunction]
#[pyo3(signature = (schema, /))]
pub(crate) fn canonicalize(
    py: Python<'_>,
    schema: &str,
) -> (String, String, Vec<String>, &'static str) {
    let canonical = py.detach(|| mesh_core::schema::canonicalize(schema));
    (
        canonical.canonical,
        canonical.hash,
        canonical.warnings,
        canonical.verdict.as_str(),
    )
}
