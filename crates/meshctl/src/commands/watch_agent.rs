//! `meshctl watch-agent`: what `start --detach --watch` leaves behind for each agent.

use std::cell::Cell;
use std::io;

use super::Context;
use crate::error::CliError;
use crate::reload::{Orders, Watcher};
use crate::supervisor::WATCHING;

/// Start an agent anew when its files change, as told on the standard input
#[derive(Debug, clap::Args)]
#[command(hide = true)]
pub(crate) struct WatchAgentArgs {}

pub(crate) async fn run(_args: WatchAgentArgs, context: &mut Context) -> Result<(), CliError> {
    let told = io::read_to_string(io::stdin())
        .map_err(|error| CliError::new("cannot read the standard input").because(error))?;
    let orders: Orders = serde_json::from_str(&told).map_err(|error| {
        CliError::new("this is no order to watch an agent")
            .because(error)
            .hint("`meshctl start --watch` gives them")
    })?;
    let watcher = Watcher::new(orders);
    context.printer.result(WATCHING)?;
    watcher.run(&Cell::new(None)).await
}
