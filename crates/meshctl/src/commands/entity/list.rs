//! `meshctl entity list`.

use schemars::JsonSchema;
use serde::Serialize;

use super::FolderArgs;
use crate::certificate::{Certificate, Validity};
use crate::commands::Context;
use crate::error::CliError;
use crate::printer::Tone;
use crate::table::{Cell, Table};
use crate::trust_folder::Trusted;

/// What the mesh's own authority is called, which is no entity.
const ROOT: &str = "(root)";

/// List the authorities that are trusted
///
/// `(root)` is the mesh's own. Those that expire within 30 days, or have, are marked.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl entity list
  meshctl entity list --json | jq -r '.[] | select(.status != \"valid\").name'")]
pub(crate) struct ListArgs {
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    folder: FolderArgs,
}

/// One authority.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntityReport {
    /// The name of the entity; `(root)` for the mesh's own authority.
    name: String,
    /// The subject of its certificate.
    subject: String,
    /// The last day on which it is valid, in UTC, as `YYYY-MM-DD`.
    expires: String,
    /// Its file, below the trust folder.
    source: String,
    /// How long it is valid.
    status: Status,
    /// Whether it is the mesh's own authority.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    #[schemars(default)]
    is_root: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
enum Status {
    Valid,
    /// Valid for 30 days at most.
    ExpiresSoon,
    Expired,
    NotYetValid,
}

pub(super) fn run(args: ListArgs, context: &mut Context) -> Result<(), CliError> {
    let ListArgs { json, folder } = args;
    let folder = folder.locate(&context.environment)?;
    let now = context.clock.now();
    let mut reports = Vec::new();
    let mut table =
        Table::new(&["ENTITY", "SUBJECT", "EXPIRES", "SOURCE"]).giving_way(&["SUBJECT"]);
    for Trusted { name, source, file } in folder.read()? {
        let file = match file {
            Ok(file) => file,
            Err(error) => {
                context
                    .printer
                    .warn(format_args!("`{source}` is left out: {error}"))?;
                continue;
            }
        };
        let is_root = name.is_none();
        let name = name.unwrap_or_else(|| ROOT.to_owned());
        let validity = file.first.validity(now);
        table.row(vec![
            name.as_str().into(),
            file.first.subject.as_str().into(),
            expiry(&file.first, validity),
            source.as_str().into(),
        ]);
        reports.push(EntityReport {
            name,
            subject: file.first.subject,
            expires: file.first.until.to_string(),
            source,
            status: validity.into(),
            is_root,
        });
    }
    if json {
        return context.printer.json(&reports);
    }
    if reports.is_empty() {
        return Ok(context.printer.result(
            "No trusted entities registered. Use 'meshctl entity register' to add one.",
        )?);
    }
    Ok(context.printer.table(&table)?)
}

fn expiry(certificate: &Certificate, validity: Validity) -> Cell {
    let day = certificate.until;
    match validity {
        Validity::Valid => day.to_string().into(),
        Validity::Ending { days: 0 } => {
            Cell::toned(format!("{day} (within a day)"), Tone::Doubtful)
        }
        Validity::Ending { days: 1 } => Cell::toned(format!("{day} (in 1 day)"), Tone::Doubtful),
        Validity::Ending { days } => Cell::toned(format!("{day} (in {days} days)"), Tone::Doubtful),
        Validity::Expired => Cell::toned(format!("{day} (expired)"), Tone::Bad),
        Validity::NotYet => Cell::toned(
            format!("{day} (not before {})", certificate.from),
            Tone::Bad,
        ),
    }
}

impl From<Validity> for Status {
    fn from(validity: Validity) -> Self {
        match validity {
            Validity::Valid => Self::Valid,
            Validity::Ending { .. } => Self::ExpiresSoon,
            Validity::Expired => Self::Expired,
            Validity::NotYet => Self::NotYetValid,
        }
    }
}
