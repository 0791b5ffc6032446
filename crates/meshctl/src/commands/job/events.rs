//! `meshctl job events`.

use mesh_client::JobEventQuery;

use super::{about, moment};
use crate::commands::Context;
use crate::error::CliError;
use crate::settings::QueryArgs;
use crate::table::Table;

/// Show what a job was told, in order
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl job events 8f2b4e6a-1c3d-4e5f-9a0b-1c2d3e4f5a6b")]
pub(crate) struct JobEventsArgs {
    /// Id of the job
    id: String,
    /// Only events after the one of this number
    #[arg(long, value_name = "NUMBER", default_value_t = 0, value_parser = clap::value_parser!(i64).range(0..))]
    after: i64,
    /// Only events of this type; may be repeated
    #[arg(long = "type", value_name = "TYPE", value_delimiter = ',')]
    kinds: Vec<String>,
    /// At most so many
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u32).range(1..))]
    limit: Option<u32>,
    #[command(flatten)]
    query: QueryArgs,
}

pub(super) async fn run(args: JobEventsArgs, context: &mut Context) -> Result<(), CliError> {
    let JobEventsArgs {
        id,
        after,
        kinds,
        limit,
        query,
    } = args;
    let (client, json) = context.query(query)?;
    let query = JobEventQuery {
        after,
        kinds,
        limit,
        ..JobEventQuery::default()
    };
    let list = context
        .printer
        .during("asking the registry", client.job_events(&id, &query))
        .await
        .map_err(|error| about(&id, error))?;
    if json {
        return context.printer.json(&list);
    }
    if list.events.is_empty() {
        context.printer.result("No events found")?;
        return Ok(());
    }
    let mut table = Table::new(&["NO", "TYPE", "AT", "BY", "PAYLOAD"]).giving_way(&["PAYLOAD"]);
    for event in &list.events {
        let payload = event.payload.as_ref().map_or("-", |payload| payload.get());
        table.row(vec![
            event.seq.to_string().into(),
            event.kind.as_str().into(),
            moment(Some(event.created_at)).into(),
            event.posted_by.as_deref().unwrap_or("-").into(),
            payload.into(),
        ]);
    }
    context.printer.table(&table)?;
    Ok(())
}
