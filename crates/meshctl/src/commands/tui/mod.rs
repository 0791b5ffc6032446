//! `meshctl tui`: the mesh on a whole terminal.

mod panes;
mod picture;
mod screen;

use std::io::{self, IsTerminal as _};
use std::pin::{Pin, pin};
use std::time::Duration;

use mesh_client::{ClientError, EventQuery, RegistryClient};
use mesh_core::wire::{AgentList, EventList};
use tokio::time::{interval, sleep};

use super::Context;
use crate::error::{CliError, Kind};
use crate::full_screen::FullScreen;
use crate::home::Home;
use crate::known::Known;
use crate::presence::{self, Gone};
use crate::settings::ConnectionArgs;
use crate::supervisor::Supervisor;
use crate::supervisor::platform::{Platform, ProcessGroups as _};
use picture::Scene;
use screen::{Screen, Wish};

/// How long the registry may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Between two looks at the clock and the log: ages grow, and agents write.
const TICK: Duration = Duration::from_millis(500);
/// How many events are shown.
const EVENTS: u32 = 200;

/// Look at the mesh on the whole terminal: agents, wiring, events and logs
///
/// It shows what changes as it changes. Agents are chosen with the arrow keys; `?` tells of the other keys,
/// and `q` leaves. Nothing can be changed here.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  meshctl tui
  meshctl tui --registry-url https://registry.example.com:8000")]
pub(crate) struct TuiArgs {
    /// How long to wait before the registry is asked again, at least `100ms`
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = super::list::interval)]
    interval: Duration,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// What is found at one look.
#[derive(Debug)]
struct Answer {
    list: AgentList,
    /// A registry may tell of its agents and not of these.
    events: Result<EventList, ClientError>,
    gone: Gone,
}

/// Asks after `pause`.
async fn ask(
    client: &RegistryClient,
    supervisor: &Supervisor,
    pause: Duration,
) -> Result<Answer, ClientError> {
    sleep(pause).await;
    let newest = EventQuery {
        limit: Some(EVENTS),
        ..EventQuery::default()
    };
    let (list, events) = tokio::join!(client.agents(), client.events(&newest));
    let list = list?;
    // A state directory that cannot be read tells nothing about processes.
    let gone = presence::gone(&list.agents, supervisor).await;
    Ok(Answer {
        list,
        events,
        gone: gone.unwrap_or_default(),
    })
}

pub(crate) async fn run(args: TuiArgs, context: &mut Context) -> Result<(), CliError> {
    if !io::stdin().is_terminal() || !io::stdout().is_terminal() {
        return Err(CliError::new("`meshctl tui` needs a terminal to itself")
            .of_kind(Kind::Prerequisite)
            .hint("`meshctl list --watch` shows the mesh as it changes, in a pipe as well"));
    }
    let TuiArgs {
        interval: pause,
        connection,
    } = args;
    let client = context.client(connection, TIMEOUT)?;
    let home = Home::resolve(&context.environment)?;
    let supervisor = Supervisor::of(home.clone());
    let mut known: Known<Answer> = Known::default();
    let mut screen = Screen::default();
    let mut terminal = FullScreen::enter()?;
    let mut interrupted = pin!(Platform::interrupted());
    let mut answer: Pin<Box<dyn Future<Output = Result<Answer, ClientError>>>> =
        Box::pin(ask(&client, &supervisor, Duration::ZERO));
    let mut ticks = interval(TICK);
    loop {
        let scene = Scene {
            known: &known,
            url: client.base(),
            home: &home,
            now: context.clock.now(),
            has_colours: context.printer.has_colours(),
        };
        terminal.show(|frame| scene.draw(&mut screen, frame))?;
        tokio::select! {
            biased;
            done = &mut interrupted => {
                done?;
                break;
            }
            key = terminal.key() => {
                if key?.is_some_and(|key| screen.press(key) == Wish::Leave) {
                    break;
                }
            }
            answered = &mut answer => {
                known.take(answered, context.clock.now())?;
                answer = Box::pin(ask(&client, &supervisor, pause));
            }
            _ = ticks.tick() => {}
        }
    }
    Ok(())
}
