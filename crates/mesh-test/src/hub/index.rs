//! A simple package index (PEP 503) over the files of `<root>/pypi`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use sha2::{Digest as _, Sha256};

use super::answer::{file, found, html, is_plain, missing_page};
use super::server::HubState;

pub(super) fn routes() -> Router<Arc<HubState>> {
    Router::new()
        .route("/simple/", get(projects))
        .route("/simple/{project}/", get(files))
        .route("/simple/{project}", get(with_slash))
        .route("/pypi/{file}", get(download))
}

type Hub = State<Arc<HubState>>;

async fn projects(State(state): Hub) -> Response {
    let names: BTreeSet<_> = file_names(&state)
        .iter()
        .filter_map(|file| project_of(file))
        .collect();
    let links = names
        .iter()
        .map(|name| (format!("/simple/{name}/"), name.clone()));
    list(links)
}

async fn files(State(state): Hub, Path(project): Path<String>) -> Response {
    let wanted = normalize(&project);
    let mut links = Vec::new();
    for file in file_names(&state) {
        if project_of(&file).as_ref() != Some(&wanted) {
            continue;
        }
        if let Ok(bytes) = fs::read(state.root.join("pypi").join(&file)) {
            let hash = format!("{:x}", Sha256::digest(bytes));
            links.push((format!("/pypi/{file}#sha256={hash}"), file));
        }
    }
    if links.is_empty() {
        return missing_page();
    }
    list(links.into_iter())
}

async fn with_slash(State(state): Hub, Path(project): Path<String>) -> Response {
    found(format!("{}/simple/{project}/", state.base_url))
}

async fn download(State(state): Hub, Path(name): Path<String>) -> Response {
    if is_plain(&name) {
        file(&state.root.join("pypi").join(name))
    } else {
        missing_page()
    }
}

fn list(links: impl Iterator<Item = (String, String)>) -> Response {
    let mut page = "<!DOCTYPE html>\n<html><body>\n".to_owned();
    for (target, text) in links {
        writeln!(page, "<a href=\"{target}\">{text}</a><br>").expect("a string takes everything");
    }
    page.push_str("</body></html>\n");
    html(StatusCode::OK, page)
}

fn file_names(state: &HubState) -> Vec<String> {
    let entries = fs::read_dir(state.root.join("pypi"))
        .into_iter()
        .flatten()
        .flatten();
    let mut names: Vec<_> = entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| is_plain(name))
        .collect();
    names.sort();
    names
}

/// The project of a wheel or a source distribution.
fn project_of(file: &str) -> Option<String> {
    let name = match file.strip_suffix(".whl") {
        Some(wheel) => wheel.split_once('-')?.0,
        None => file.strip_suffix(".tar.gz")?.rsplit_once('-')?.0,
    };
    Some(normalize(name))
}

/// The one spelling that the index knows a name by.
fn normalize(name: &str) -> String {
    name.to_ascii_lowercase().replace(['_', '.'], "-")
}
