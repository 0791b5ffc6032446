//! The schemas that agents published.

use mesh_client::RegistryClient;

use super::{Format, View};
use crate::commands::Context;
use crate::error::CliError;
use crate::table::{Table, cut};

/// How much of a hash tells it from others; `schema diff` wants the whole, which `--wide` shows.
const HASH_WIDTH: usize = 20;
/// How much of a schema is shown.
const PREVIEW_WIDTH: usize = 80;

pub(super) async fn run(
    client: &RegistryClient,
    view: &View,
    limit: u32,
    context: &mut Context,
) -> Result<(), CliError> {
    let asked = context
        .printer
        .during("asking the registry", client.schemas(limit));
    let list = asked.await?;
    let printer = &mut context.printer;
    if view.format == Format::Json {
        return printer.json(&list);
    }
    if list.schemas.is_empty() {
        printer.result("No schemas found")?;
        return Ok(());
    }
    let wide = view.format == Format::Wide;
    let titles = ["HASH", "ORIGIN", "CREATED", "CANONICAL_PREVIEW"];
    let mut table = Table::new(&titles).giving_way(&["CANONICAL_PREVIEW"]);
    for schema in &list.schemas {
        let (hash, preview) = (&schema.hash, schema.canonical.get());
        table.row(vec![
            if wide {
                hash.clone()
            } else {
                cut(hash, HASH_WIDTH)
            }
            .into(),
            schema.runtime_origin.as_str().into(),
            schema.created_at.to_string().into(),
            if wide {
                preview.to_owned()
            } else {
                cut(preview, PREVIEW_WIDTH)
            }
            .into(),
        ]);
    }
    if wide {
        printer.result(table.render())?;
    } else {
        printer.table(&table)?;
    }
    Ok(())
}
