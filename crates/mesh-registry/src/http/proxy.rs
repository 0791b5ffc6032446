//! `/proxy/{host}:{port}/mcp` passes MCP requests on to a registered agent and streams its
//! answer back. It is a convenience for command lines; agents call each other directly.

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::Duration;

use aide::axum::ApiRouter;
use aide::axum::routing::ApiMethodDocs;
use aide::openapi::{MediaType, Operation, ReferenceOr};
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri, header};
use axum::response::Response;
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use mesh_core::wire::{PROXY_TIMEOUT_MARK, TIMEOUT_HEADER};
use percent_encoding::percent_decode_str;
use tokio::time::{Instant, timeout_at};

use super::error::ApiError;
use super::openapi::Describe;
use crate::App;
use crate::settings::MAX_PROXY_TIMEOUT;

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    // The route says less than the handler checks, so the document has a path of its own.
    let documented = "/proxy/{target}/mcp";
    ApiRouter::new()
        .route(
            "/proxy/{*target}",
            get(forward).post(forward).head(super::unknown),
        )
        .api_route_docs(documented, ApiMethodDocs::new("get", describe()))
        .api_route_docs(documented, ApiMethodDocs::new("post", describe()))
}

fn describe() -> Operation {
    let mut operation = Operation {
        summary: Some("Pass an MCP request on to a registered agent".to_owned()),
        description: Some(
            "Paths below `/mcp` are passed on too, the query is not. Every status, header and body of \
             the agent comes back as it is, streams as they arrive; a stream of events that the \
             deadline cuts ends with the comment `: mesh-proxy-timeout budget=<N>s`."
                .to_owned(),
        ),
        tags: vec!["mesh".to_owned()],
        ..Operation::default()
    };
    operation = operation
        .path(
            "target",
            "`host:port`, where the host may be an agent's id or name as well",
        )
        .header::<u64>(
            TIMEOUT_HEADER,
            "Seconds that the exchange may take, at most 600",
        )
        .fails(400, "The target or the path is malformed")
        .fails(403, "No agent is registered there")
        .reads_body()
        .fails(
            500,
            "The agent wants TLS, for which the registry has not all files",
        )
        .fails(502, "The agent does not answer");
    let mut agent = aide::openapi::Response {
        description: "What the agent answered".to_owned(),
        ..aide::openapi::Response::default()
    };
    agent.content.insert("*/*".to_owned(), MediaType::default());
    let responses = operation.responses.get_or_insert_default();
    responses.default = Some(ReferenceOr::Item(agent));
    operation
}

async fn forward(
    State(app): State<Arc<App>>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, ApiError> {
    let target = Target::parse(uri.path())?;
    let endpoint = app
        .mesh
        .load()
        .endpoint(&target.host, target.port)
        .cloned()
        .ok_or_else(|| ApiError::UnknownTarget(target.authority.clone()))?;
    let budget = budget(&headers, app.settings.proxy_timeout);
    let deadline = Instant::now() + budget;
    let url = format!("{endpoint}{}", target.path);
    let headers = app.settings.propagate_headers.select(&headers);
    let body = super::body::read(body, app.settings.body_limit).await?;
    let exchange = app.forwarder.forward(method, &url, headers, body);
    let answer = timeout_at(deadline, exchange)
        .await
        .map_err(|_| ApiError::BadGateway(format!("no answer within {}s", budget.as_secs())))?
        .map_err(|error| {
            if endpoint.is_secure() && !app.settings.agent_tls.are_complete() {
                ApiError::ProxyTls(error.to_string())
            } else {
                ApiError::BadGateway(error.to_string())
            }
        })?;

    let mut response = Response::new(Body::empty());
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    for hop in [header::CONNECTION, header::TRANSFER_ENCODING] {
        response.headers_mut().remove(hop); // They belong to the other connection.
    }
    let marker = is_event_stream(response.headers())
        .then(|| format!("\n: {PROXY_TIMEOUT_MARK} budget={}s\n\n", budget.as_secs()).into());
    *response.body_mut() = Body::from_stream(until(deadline, answer.body, marker));
    Ok(response)
}

/// `/proxy/{host}:{port}/mcp…`, taken apart.
struct Target<'a> {
    /// Decoded: clients that build paths from parts encode the colon.
    authority: String,
    host: String,
    port: u16,
    path: &'a str,
}

impl<'a> Target<'a> {
    fn parse(path: &'a str) -> Result<Self, ApiError> {
        let invalid = |reason: &str| {
            ApiError::Invalid(format!(
                "Invalid target format: {reason}. Expected format: {{host}}:{{port}}/mcp/{{path}}"
            ))
        };
        let target = path.strip_prefix("/proxy/").unwrap_or(path);
        let slash = target.find('/').ok_or_else(|| invalid("missing path"))?;
        let (authority, path) = target.split_at(slash);
        let below_mcp = path == "/mcp" || path.starts_with("/mcp/");
        if !below_mcp || path.split(SEPARATORS).any(is_dots) {
            let reason = "Only /mcp/* paths are allowed for proxying";
            return Err(ApiError::Invalid(reason.to_owned()));
        }
        let authority = percent_decode_str(authority)
            .decode_utf8()
            .map_err(|_| invalid("the host is not UTF-8"))?
            .into_owned();
        let (host, port) = authority
            .rsplit_once(':')
            .ok_or_else(|| invalid("missing port"))?;
        let host = match host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'))
        {
            Some(address) if address.parse::<Ipv6Addr>().is_ok() => address,
            Some(_) => return Err(invalid("the brackets hold no IPv6 address")),
            None if host.contains(':') => return Err(invalid("more than one colon")),
            None => host,
        }
        .to_owned();
        let port = port
            .parse()
            .map_err(|_| invalid("the port is not a number up to 65535"))?;
        Ok(Self {
            authority,
            host,
            port,
            path,
        })
    }
}

/// What a URL parser takes for the end of a segment.
const SEPARATORS: [char; 2] = ['/', '\\'];

/// `.` and `..`, which a URL parser would resolve, in any spelling.
fn is_dots(segment: &str) -> bool {
    matches!(
        segment.to_ascii_lowercase().replace("%2e", ".").as_str(),
        "." | ".."
    )
}

/// What the exchange may take: the caller's wish, within bounds, or the default.
fn budget(headers: &HeaderMap, default: Duration) -> Duration {
    headers
        .get(TIMEOUT_HEADER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok())
        .filter(|&seconds| seconds > 0)
        .map_or(default, |seconds| {
            Duration::from_secs(seconds.min(MAX_PROXY_TIMEOUT))
        })
}

fn is_event_stream(headers: &HeaderMap) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|kind| kind.starts_with("text/event-stream"))
}

/// `body` until it ends or the deadline cuts it; a cut stream of events says so by `marker`.
fn until<S, E>(
    deadline: Instant,
    body: S,
    marker: Option<Bytes>,
) -> impl Stream<Item = Result<Bytes, E>> + Send
where
    S: Stream<Item = Result<Bytes, E>> + Send + 'static,
    E: Send + 'static,
{
    stream::unfold(Some((Box::pin(body), marker)), move |state| async move {
        let (mut body, marker) = state?;
        match timeout_at(deadline, body.next()).await {
            Ok(Some(chunk)) => Some((chunk, Some((body, marker)))),
            Ok(None) => None,
            Err(_) => Some((Ok(marker?), None)),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_taken_apart() {
        for (path, expected) in [
            ("/proxy/h:80/mcp", Some(("h", 80, "/mcp"))),
            (
                "/proxy/10.0.0.1:9000/mcp/x/y",
                Some(("10.0.0.1", 9000, "/mcp/x/y")),
            ),
            ("/proxy/[::1]:9000/mcp", Some(("::1", 9000, "/mcp"))),
            ("/proxy/h%3A80/mcp", Some(("h", 80, "/mcp"))),
            (
                "/proxy/%5B%3A%3A1%5D%3A9000/mcp/x%2Fy",
                Some(("::1", 9000, "/mcp/x%2Fy")),
            ),
            ("/proxy/h%ff:80/mcp", None),
            ("/proxy/h:80", None),
            ("/proxy/h/mcp", None),
            ("/proxy/h:80/metrics", None),
            ("/proxy/h:80/mcpx", None),
            ("/proxy/h:80/mcp/../health", None),
            ("/proxy/h:80/mcp/%2E%2e/health", None),
            (r"/proxy/h:80/mcp/..\..\health", None),
            (r"/proxy/h:80/mcp/.%2e\health", None),
            ("/proxy/::1:80/mcp", None),
            ("/proxy/h:70000/mcp", None),
        ] {
            let target = Target::parse(path).ok().map(|t| (t.host, t.port, t.path));
            let expected = expected.map(|(host, port, path)| (str::to_owned(host), port, path));
            assert_eq!(target, expected, "{path}");
        }
    }

    #[test]
    fn a_caller_may_shorten_and_stretch_the_deadline_within_bounds() {
        let budget = |value: &str| {
            let headers =
                HeaderMap::from_iter([(TIMEOUT_HEADER.parse().unwrap(), value.parse().unwrap())]);
            super::budget(&headers, Duration::from_mins(1)).as_secs()
        };
        assert_eq!(
            [budget("5"), budget("9999"), budget("0"), budget("x")],
            [5, 600, 60, 60]
        );
    }
}
