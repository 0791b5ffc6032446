//! The container images: one module for each step of making and proving them.

mod names;

pub(crate) use names::{Image, Platform};
