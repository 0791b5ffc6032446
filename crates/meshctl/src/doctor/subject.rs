//! What is examined.

use std::path::{Path, PathBuf};

use mesh_core::Clock;
use mesh_core::env::Environment;

use crate::error::CliError;
use crate::home::Home;
use crate::settings::{ConfigFile, Configuration, ConnectionArgs, RegistryAddress};
use crate::supervisor::Supervisor;

/// Everything that commands go by.
pub(crate) struct Subject<'a> {
    /// As the process was given it.
    pub(super) given: &'a Environment,
    /// With the configuration file below it, if that can be read.
    pub(super) environment: Environment,
    pub(super) file: Result<ConfigFile, CliError>,
    pub(super) configuration: Result<Configuration, CliError>,
    pub(super) home: Result<Home, CliError>,
    pub(super) connection: ConnectionArgs,
    pub(super) address: Result<RegistryAddress, CliError>,
    /// What meshctl was called as.
    pub(super) program: Option<&'a Path>,
    pub(super) current_dir: Option<PathBuf>,
    pub(super) clock: &'a Clock,
}

impl<'a> Subject<'a> {
    /// Of the state directory, unless something is wrong with that.
    pub(super) fn supervisor(&self) -> Option<Supervisor> {
        let home = self.home.as_ref().ok();
        let home = home.filter(|home| !home.root().is_file())?;
        Some(Supervisor::of(home.clone()))
    }

    pub(crate) fn of(
        given: &'a Environment,
        connection: ConnectionArgs,
        program: Option<&'a Path>,
        clock: &'a Clock,
    ) -> Self {
        let file = ConfigFile::locate(given);
        let configuration = match &file {
            Ok(file) => file.load(),
            // Who has no home has no file in it.
            Err(_) => Ok(Configuration::default()),
        };
        let environment = match &configuration {
            Ok(configuration) => configuration.below(given),
            Err(_) => given.clone(),
        };
        Self {
            home: Home::resolve(&environment),
            address: RegistryAddress::resolve(connection.clone(), &environment),
            given,
            environment,
            file,
            configuration,
            connection,
            program,
            current_dir: std::env::current_dir().ok(),
            clock,
        }
    }
}
