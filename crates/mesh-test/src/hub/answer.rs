//! What the hub answers: JSON like the API's, pages, files, and refusals in GitHub's words.

use std::fs;
use std::path::Path;

use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

/// An answer, or the refusal that takes its place.
pub(super) type Answer = Result<Response, Refusal>;

/// A status and GitHub's `message` that explains it.
#[derive(Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    message: String,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found")
    }

    pub(super) fn unprocessable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({
            "message": self.message,
            "documentation_url": "https://docs.github.com/rest",
            "status": self.status.as_u16().to_string(),
        });
        json(self.status, &body)
    }
}

/// A disk that fails is the test's own mistake; it is told what failed.
impl From<std::io::Error> for Refusal {
    fn from(error: std::io::Error) -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("the hub's disk: {error}"),
        )
    }
}

impl From<serde_json::Error> for Refusal {
    fn from(error: serde_json::Error) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            format!("Problems parsing JSON: {error}"),
        )
    }
}

pub(super) fn json(status: StatusCode, body: &(impl Serialize + ?Sized)) -> Response {
    let text = serde_json::to_string(body).expect("the hub's own types are JSON");
    let content_type = [(header::CONTENT_TYPE, "application/json; charset=utf-8")];
    (status, content_type, text).into_response()
}

pub(super) fn html(status: StatusCode, body: String) -> Response {
    let content_type = [(header::CONTENT_TYPE, "text/html; charset=utf-8")];
    (status, content_type, body).into_response()
}

pub(super) fn found(location: String) -> Response {
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

/// The bytes of a file, or the page that says that there is none.
pub(super) fn file(path: &Path) -> Response {
    match fs::read(path) {
        Ok(bytes) => {
            let headers: [(HeaderName, &str); 1] =
                [(header::CONTENT_TYPE, "application/octet-stream")];
            (headers, bytes).into_response()
        }
        Err(_no_such_file) => missing_page(),
    }
}

/// The page that a browser is shown for a wrong address: HTML, as every download of GitHub's fails.
pub(super) fn missing_page() -> Response {
    html(StatusCode::NOT_FOUND, super::fault::MISSING_PAGE.to_owned())
}

/// Whether a part of a URL may name a file: no way out of its folder.
pub(super) fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}
