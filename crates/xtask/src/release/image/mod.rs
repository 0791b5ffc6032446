//! The container images: one module for each step of making and proving them.

pub(super) mod bases;
mod build;
mod check;
mod context;
mod lock;
mod names;
mod promote;
mod registries;
#[cfg(all(test, unix))]
mod script;
mod wheels;

pub(crate) use bases::{PinBasesArgs, run as pin_bases};
pub(crate) use build::{BuildImagesArgs, run as build};
pub(crate) use check::{CheckImageArgs, ImageCheck, Names, run as check};
pub(crate) use context::{ImageContextArgs, run as context};
pub(crate) use names::{Image, Platform};
pub(crate) use promote::{PromoteImagesArgs, run as promote};
#[cfg(all(test, target_os = "linux"))]
pub(crate) use registries::{Loopback, samples};
pub(crate) use registries::{digest_of, public as public_registries};
pub(crate) use wheels::{FetchImageWheelsArgs, run as fetch_wheels};
