//! `meshctl entity revoke`.

use super::FolderArgs;
use crate::commands::Context;
use crate::error::{CliError, Kind};
use crate::trust_folder::EntityName;

/// Remove the authority of an entity
///
/// Without `--force` it says what would follow, and does nothing.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl entity revoke partner-corp          # what would follow
  meshctl entity revoke partner-corp --force")]
pub(crate) struct RevokeArgs {
    /// The name of the entity
    name: String,
    /// Do it
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

pub(super) fn run(args: RevokeArgs, context: &mut Context) -> Result<(), CliError> {
    let RevokeArgs {
        name,
        force,
        folder,
    } = args;
    let name = EntityName::parse(&name)?;
    let folder = folder.locate(&context.environment)?;
    folder.require(&name)?;
    if !force {
        let path = folder.file(&name);
        return Err(CliError::new(format!(
            "entity '{name}' is not revoked: use --force to confirm revocation"
        ))
        .of_kind(Kind::Usage)
        .details(vec![
            format!("Revoking entity '{name}' will:"),
            format!("  - delete its authority, {}", path.display()),
            "  - have registries that verify certificates refuse its agents when they register next"
                .to_owned(),
        ]));
    }
    folder.remove(&name)?;
    let printer = &mut context.printer;
    printer.result(format_args!("Entity '{name}' revoked"))?;
    Ok(printer.note(format_args!(
        "Note: agents that are in the mesh stay until they register again, which `meshctl entity \
         rotate {name}` has them do"
    ))?)
}
