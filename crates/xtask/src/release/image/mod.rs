//! The container images: one module for each step of making and proving them.

mod names;
mod promote;
mod registries;

pub(crate) use names::{Image, Platform};
pub(crate) use promote::{PromoteImagesArgs, run as promote};
