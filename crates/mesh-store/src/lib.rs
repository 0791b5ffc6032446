//! Durable state of the registry.
