//! A local stand-in for GitHub and PyPI: releases, their REST API, files of other repositories and a
//! simple package index, over one folder that is read at every request.
//!
//! ```text
//! <root>/releases/v1.2.3/<asset>     a published release
//! <root>/published/v1.2.3.json       what its creator said about it; optional
//! <root>/drafts/<id>/                a draft: `release.json` and `assets/`
//! <root>/tags/v1.2.3                 the commit of a tag; a second word is an annotated tag's own hash
//! <root>/contents/<owner>/<name>/…   files of any repository, as the contents API writes them
//! <root>/pypi/<file>                 what the package index offers
//! ```
//!
//! `server` owns the socket, `fault` spoils answers, the rest is one module per kind of URL. The API
//! is served under `/repos` as on `api.github.com` and under `/api/v3/repos` as on an enterprise host.

mod answer;
mod api;
mod contents;
mod draft;
mod fault;
mod index;
mod pages;
mod releases;
mod server;
mod tags;
#[cfg(test)]
mod tests;

pub use fault::Fault;
pub use server::{Hub, HubRequest};
