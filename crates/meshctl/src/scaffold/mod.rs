//! What `meshctl scaffold` writes: an agent that runs, in one of three languages.
//!
//! * `blueprint` is all that an agent needs to be told apart; `name`, `language`, `model` and
//!   `filter` are its values, parsed once.
//! * `templates` holds the files as they are written, under `templates/<language>/<kind>/`.
//! * `tree` is what comes out: shown, or written as a whole or not at all.
//! * `card` reads what an A2A agent outside says about itself.
//! * `compose` writes what runs all agents of a folder.
//! * `survey` finds the agents that a folder already has.

mod blueprint;
mod card;
mod compose;
mod filter;
mod language;
mod literals;
mod model;
mod name;
mod survey;
mod templates;
mod tree;
mod written;

pub(crate) use blueprint::{
    A2aConsumer, Api, Basic, Blueprint, Kind, Llm, LlmProvider, Skill, Tool,
};
pub(crate) use card::ask as ask_card;
pub(crate) use compose::{Composition, Project, Stack, merge, with_secrets};
pub(crate) use filter::{Filter, FilterMode, InvalidFilter};
pub(crate) use language::Language;
pub(crate) use model::{Model, Vendor};
pub(crate) use name::{AgentName, Description, JavaPackage};
pub(crate) use survey::survey;
pub(crate) use templates::Templates;
pub(crate) use tree::Tree;
pub(crate) use written::{Overwriting, write};
