//! The OpenAPI document, from the routes themselves: each resource describes its operations where it
//! routes them, in the words of [`Describe`].

use std::sync::Arc;

use aide::axum::ApiRouter;
use aide::axum::routing::get_with;
use aide::generate;
use aide::openapi::{
    Info, MediaType, OpenApi, Operation, Parameter, ReferenceOr, RequestBody, Response,
    SchemaObject, StatusCode,
};
use aide::transform::TransformOperation;
use axum::http::StatusCode as Status;
use mesh_core::wire::{ErrorBody, PROTOCOL_VERSION, ParameterError};
use schemars::{JsonSchema, Schema};
use serde_json::json;

use super::raw_json;
use crate::App;

const JSON: &str = "application/json";
const TEXT: &str = "text/plain";

/// The document of the whole surface, wherever the administration listens.
#[must_use]
pub fn openapi() -> String {
    // The schemas of a router that was built before on this thread would be collected too.
    generate::reset_context();
    let mut document = OpenApi {
        info: Info {
            title: "MCP Mesh registry".to_owned(),
            description: Some(DESCRIPTION.to_owned()),
            // The protocol's, not the release's: the document changes when the protocol does.
            version: PROTOCOL_VERSION.to_owned(),
            ..Info::default()
        },
        ..OpenApi::default()
    };
    let _router = super::everything().finish_api(&mut document);
    // By way of a value, whose members are sorted: statuses and paths are easier to find.
    let document = serde_json::to_value(document).expect("the document is plain data");
    let mut text = serde_json::to_string_pretty(&document)
        .expect("the document holds nothing that JSON lacks");
    text.push('\n');
    text
}

const DESCRIPTION: &str = "Agents register and ask where their dependencies are; people and programs \
    ask about the mesh. Unknown paths, and unknown methods of known paths, are answered with 404 and \
    the text `404 page not found`; a trailing slash is redirected.";

pub(super) fn routes() -> ApiRouter<Arc<App>> {
    ApiRouter::new().api_route(
        "/openapi.json",
        get_with(serve, |operation| {
            operation
                .tag("service")
                .summary("This document")
                .answers::<serde_json::Map<String, serde_json::Value>>(200, "OpenAPI 3.1")
        }),
    )
}

async fn serve() -> axum::response::Response {
    raw_json(Status::OK, openapi())
}

/// A parameter that no number can be read from, or something else that is wrong with the request.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[expect(dead_code, reason = "only its schema is used")]
enum BadRequest {
    Error(ErrorBody),
    Parameter(ParameterError),
}

/// What an operation says of itself. Handlers answer with bytes, so nothing can be inferred.
pub(super) trait Describe: Sized {
    /// The operation, to describe by hand.
    fn operation(&mut self) -> &mut Operation;

    /// A segment of the path. What does not fit a segment is not found.
    fn path(mut self, name: &str, meaning: &str) -> Self {
        let parameter = parameter::<String>("path", name, meaning);
        self.operation().parameters.push(parameter);
        self.answers_text(404, TEXT, "The path leads nowhere")
    }

    /// A query parameter, never required. A list is repeated.
    fn query<T: JsonSchema>(mut self, name: &str, meaning: &str) -> Self {
        let parameter = parameter::<T>("query", name, meaning);
        self.operation().parameters.push(parameter);
        self
    }

    /// A request header, never required.
    fn header<T: JsonSchema>(mut self, name: &str, meaning: &str) -> Self {
        let parameter = parameter::<T>("header", name, meaning);
        self.operation().parameters.push(parameter);
        self
    }

    /// A JSON body, which is read whole and bounded.
    fn takes<T: JsonSchema>(mut self, meaning: &str) -> Self {
        let mut body = RequestBody {
            description: Some(meaning.to_owned()),
            required: true,
            ..RequestBody::default()
        };
        body.content.insert(JSON.to_owned(), media::<T>());
        self.operation().request_body = Some(ReferenceOr::Item(body));
        self.reads_body()
    }

    /// 408 and 413: what may be wrong with any body, whatever it holds.
    fn reads_body(self) -> Self {
        self.fails(408, "The body took too long").fails(
            413,
            "The body is larger than `MCP_MESH_MAX_REQUEST_BODY_BYTES`",
        )
    }

    /// A JSON answer.
    fn answers<T: JsonSchema>(self, status: u16, meaning: &str) -> Self {
        self.answers_with(status, meaning, Some((JSON, media::<T>())))
    }

    /// An answer that is text of the type `kind`.
    fn answers_text(self, status: u16, kind: &'static str, meaning: &str) -> Self {
        self.answers_with(status, meaning, Some((kind, media::<String>())))
    }

    /// An answer without a body.
    fn answers_nothing(self, status: u16, meaning: &str) -> Self {
        self.answers_with(status, meaning, None)
    }

    /// The error that every resource shares.
    fn fails(self, status: u16, meaning: &str) -> Self {
        self.answers::<ErrorBody>(status, meaning)
    }

    /// 400, in either of the two shapes that the protocol has for it.
    fn refuses_parameters(self) -> Self {
        self.answers::<BadRequest>(400, "A parameter cannot be read")
    }

    /// 503: the store does not answer, or the registry is stopping.
    fn needs_store(self) -> Self {
        self.fails(
            503,
            "The store does not answer, or the registry is stopping",
        )
    }

    /// An answer; one status may have bodies of several types.
    fn answers_with(mut self, status: u16, meaning: &str, body: Option<(&str, MediaType)>) -> Self {
        let responses = self.operation().responses.get_or_insert_default();
        let response = responses
            .responses
            .entry(StatusCode::Code(status))
            .or_insert_with(|| ReferenceOr::Item(Response::default()));
        let ReferenceOr::Item(response) = response else {
            unreachable!("nothing here inserts references")
        };
        if response.description.is_empty() {
            meaning.clone_into(&mut response.description);
        } else {
            response.description = format!("{}; or: {meaning}", response.description);
        }
        if let Some((kind, media)) = body {
            response.content.insert(kind.to_owned(), media);
        }
        self
    }
}

impl Describe for TransformOperation<'_> {
    fn operation(&mut self) -> &mut Operation {
        self.inner_mut()
    }
}

impl Describe for Operation {
    fn operation(&mut self) -> &mut Operation {
        self
    }
}

fn schema<T: JsonSchema>() -> Schema {
    generate::in_context(|context| context.schema.subschema_for::<T>())
}

fn media<T: JsonSchema>() -> MediaType {
    MediaType {
        schema: Some(SchemaObject {
            json_schema: schema::<T>(),
            external_docs: None,
            example: None,
        }),
        ..MediaType::default()
    }
}

fn parameter<T: JsonSchema>(place: &str, name: &str, meaning: &str) -> ReferenceOr<Parameter> {
    let parameter = json!({
        "in": place,
        "name": name,
        "description": meaning,
        "required": place == "path",
        "schema": schema::<T>(),
    });
    ReferenceOr::Item(
        serde_json::from_value(parameter).expect("these are the members of a parameter"),
    )
}
