//! Flags, environment, configuration file and defaults become settings here, once, in that order of
//! precedence.
//!
//! The file is laid below the environment before a command runs (`Configuration::below`), so whoever
//! asks the environment for a variable also asks the file.

mod address;
mod config_file;
mod config_key;
mod log_level;
mod tls;
mod value;

pub(crate) use address::{ConnectionArgs, DEFAULT_HOST, DEFAULT_PORT, QueryArgs, RegistryAddress};
pub(crate) use config_file::{ConfigFile, Configuration};
pub(crate) use config_key::{ConfigKey, KEYS};
pub(crate) use log_level::{LogLevel, UnknownLogLevel};
pub(crate) use tls::{Verification, client_tls};
pub(crate) use value::{DEFAULT_TIMEOUT, is_true, number};
