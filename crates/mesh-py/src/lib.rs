//! The native module mesh._mesh: conversions only.
