//! Flags, environment, configuration file and defaults become settings here, once, in that order of
//! precedence.

mod address;
mod log_level;
mod tls;
mod value;

pub(crate) use address::{ConnectionArgs, RegistryAddress, TimeoutArgs};
pub(crate) use log_level::{LogLevel, UnknownLogLevel};
pub(crate) use tls::{Verification, client_tls};
pub(crate) use value::{is_true, number};
