//! `/openapi.json`, and `/docs`, a page that shows it without resources of other hosts.

use axum::{Extension, extract::State, http::header, response::Response};
use rust_embed::RustEmbed;
use utoipa_axum::routes;

use crate::{
    config::Mode,
    http::{
        error::{ApiError, ProblemCode},
        extract::Path,
        route::{Access, Listener, Rule},
        route::{Access::Anonymous, Class::Standard, On::Both, Route, row},
        services::{EdgeContext, EdgeServices},
        tags::{IfNoneMatch, content_tag},
    },
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Both, Anonymous, Standard, routes!(show_openapi)),
        row(Both, Anonymous, Standard, routes!(show_docs)),
        row(Both, Anonymous, Standard, routes!(show_docs_file)),
    ]
}

/// `Cache-Control` of answers that are the same for all clients and rarely change: 5 minutes.
pub(in crate::http) const PUBLIC_FOR_A_WHILE: &str = "public, max-age=300";
/// The page may load only its own two files and the document.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

#[derive(RustEmbed)]
#[folder = "assets/docs/"]
struct Viewer;

/// The API as OpenAPI 3.1
///
/// The routes that this listener shows, with the settings of this installation. Also printed by `majordomo openapi`.
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "show_openapi", tag = "documentation",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (status = 200, description = "This document.", body = Object, headers(("ETag" = String))),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn show_openapi(
    State(services): State<EdgeServices>,
    Extension(listener): Extension<Listener>,
    known: IfNoneMatch,
) -> Response {
    let document = services.edge.documents.of(listener, || {
        let routes = crate::http::routes::table().into_iter();
        routes.filter(|route| is_shown(&route.rule, listener, &services.edge)).collect()
    });
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE)];
    known.or(&document.tag, (headers, document.text.clone()))
}

/// Whether the document that `listener` serves contains a route.
fn is_shown(rule: &Rule, listener: Listener, edge: &EdgeContext) -> bool {
    let exists = rule.access != Access::Development || edge.mode == Mode::Development;
    exists && (edge.shows_operations_on(listener) || rule.on.includes(Listener::Public))
}

/// The API page
#[utoipa::path(
    get, path = "/docs", operation_id = "show_docs", tag = "documentation",
    params(("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer.")),
    responses(
        (status = 200, description = "A page that shows `/openapi.json`.", body = String, content_type = "text/html"),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn show_docs(known: IfNoneMatch) -> Result<Response, ApiError> {
    file("index.html", &known)
}

/// A file of the API page
#[utoipa::path(
    get, path = "/docs/{file}", operation_id = "show_docs_file", tag = "documentation",
    params(
        ("file" = String, Path, description = "The name of the file.", min_length = 1, example = "viewer.css"),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
    ),
    responses(
        (status = 200, description = "The style sheet or the script.", content((String = "text/css"), (String = "text/javascript"))),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn show_docs_file(known: IfNoneMatch, Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&name, &known)
}

fn file(name: &str, known: &IfNoneMatch) -> Result<Response, ApiError> {
    let nothing_there = || ApiError::new(ProblemCode::NotFound);
    let found = Viewer::get(name).ok_or_else(nothing_there)?;
    let media_type = match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        _ => return Err(nothing_there()),
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE),
        (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
    ];
    Ok(known.or(&content_tag(&found.data), (headers, found.data.into_owned())))
}
