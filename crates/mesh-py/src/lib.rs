//! The native module `mesh._mesh`: conversions only.
//!
//! Each file takes Python values apart, calls one function of another crate and puts the answer
//! together. Blocking calls detach from the interpreter; errors become exceptions in `error.rs`.

mod agent;
#[cfg(feature = "commands")]
mod commands;
mod completion;
mod error;
#[cfg(feature = "commands")]
mod in_memory;
mod jobs;
mod llm;
mod logging;
mod schema;
mod spans;
mod stream;
mod target;

#[pyo3::pymodule]
mod _mesh {
    use pyo3::prelude::*;

    #[pymodule_export]
    use crate::agent::{CallHandle, PyAgent};
    #[cfg(feature = "commands")]
    #[pymodule_export]
    use crate::commands::{meshctl, registry};
    #[cfg(feature = "commands")]
    #[pymodule_export]
    use crate::in_memory::InMemoryRegistry;
    #[pymodule_export]
    use crate::jobs::PyJobs;
    #[pymodule_export]
    use crate::logging::start_logging;
    #[pymodule_export]
    use crate::schema::canonicalize;
    #[pymodule_export]
    use crate::spans::PySpanPublisher;
    #[pymodule_export]
    use crate::stream::PyStream;
    #[pymodule_export]
    use crate::target::PyTarget;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", mesh_core::VERSION)?;
        let py = module.py();
        module.add(
            "RegistryError",
            py.get_type::<crate::error::RegistryError>(),
        )?;
        crate::completion::close_at_exit(module)?;
        // Stubs are compared with what is really here; without the list they could not be.
        let mut names = vec![
            "Agent",
            "CallHandle",
            "Jobs",
            "RegistryError",
            "SpanPublisher",
            "Stream",
            "Target",
            "__version__",
            "canonicalize",
            "start_logging",
        ];
        if cfg!(feature = "commands") {
            names.extend(["InMemoryRegistry", "meshctl", "registry"]);
        }
        module.add("__all__", names)
    }
}
