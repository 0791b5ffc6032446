//! GitHub, as far as publishing needs it: releases, files of other repositories, tags.
//!
//! Every call goes to one server, whose base URL is an argument; so is the token, which never leaves
//! that server. Calls block: a release is one thing after another.

mod address;
mod client;
mod contents;
mod releases;
mod tags;
mod token;

use address::Address;
pub(crate) use client::Client;
pub(crate) use releases::{Asset, Draft, Release};
pub(crate) use token::Token;
