//! `meshctl entity`.

mod list;
mod register;
mod revoke;
mod rotate;

pub(super) use list::EntityReport;

use std::path::PathBuf;

use mesh_core::env::Environment;

use super::Context;
use crate::error::CliError;
use crate::trust_folder::TrustFolder;

/// Keep the authorities of organisations whose agents may join
///
/// An entity is an organisation or a team with a certificate authority of its own. Its certificate lies
/// in the trust folder, which a registry reads: one of release 3 admits agents by it, this release's
/// shows it at `/admin/entities` and verifies nobody yet.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl entity register partner-corp --ca-cert partner-ca.pem
  meshctl entity list
  meshctl entity rotate partner-corp
  meshctl entity revoke partner-corp --force")]
pub(crate) struct EntityArgs {
    #[command(subcommand)]
    command: EntityCommand,
}

#[derive(Debug, clap::Subcommand)]
enum EntityCommand {
    Register(register::RegisterArgs),
    List(list::ListArgs),
    Revoke(revoke::RevokeArgs),
    Rotate(rotate::RotateArgs),
}

/// Where authorities are kept
#[derive(Debug, clap::Args)]
struct FolderArgs {
    /// Where authorities are kept [default: `tls` in the state directory]
    #[arg(long, value_name = "FOLDER")]
    trust_dir: Option<PathBuf>,
}

impl FolderArgs {
    fn locate(self, environment: &Environment) -> Result<TrustFolder, CliError> {
        TrustFolder::locate(self.trust_dir, environment)
    }
}

pub(crate) async fn run(args: EntityArgs, context: &mut Context) -> Result<(), CliError> {
    match args.command {
        EntityCommand::Register(args) => register::run(args, context),
        EntityCommand::List(args) => list::run(args, context),
        EntityCommand::Revoke(args) => revoke::run(args, context),
        EntityCommand::Rotate(args) => rotate::run(args, context).await,
    }
}
