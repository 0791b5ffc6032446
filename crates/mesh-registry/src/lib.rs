//! The registry: topology in memory, resolution, health and HTTP.
