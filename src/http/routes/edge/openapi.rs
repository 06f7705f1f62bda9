//! `/openapi.json`, and `/docs`, a page that shows it without resources of other hosts.

use std::sync::LazyLock;

use axum::{
    Extension,
    body::Bytes,
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use utoipa_axum::routes;

use crate::{
    config::Mode,
    http::{
        error::{ApiError, ProblemCode},
        extract::Path,
        openapi::document,
        route::{Access, Listener, Rule},
        route::{Access::Anonymous, Class::Standard, On::Both, Route, row},
        services::EdgeServices,
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

/// The document of all routes, of production's routes, and of the routes on production's public listener.
static DOCUMENTS: LazyLock<[Bytes; 3]> = LazyLock::new(|| {
    let of = |is_shown: fn(&Rule) -> bool| {
        let routes = crate::http::routes::table().into_iter().filter(|route| is_shown(&route.rule)).collect();
        Bytes::from(serde_json::to_value(document(routes)).unwrap_or_default().to_string())
    };
    [
        of(|_| true),
        of(|rule| rule.access != Access::Development),
        of(|rule| rule.access != Access::Development && rule.on.includes(Listener::Public)),
    ]
});

#[derive(RustEmbed)]
#[folder = "assets/docs/"]
struct Viewer;

/// The API as OpenAPI 3.1
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "show_openapi", tag = "documentation",
    responses((status = 200, description = "This document.", body = Object))
)]
pub async fn show_openapi(State(services): State<EdgeServices>, Extension(listener): Extension<Listener>) -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE)];
    let [all, of_production, of_public] = &*DOCUMENTS;
    let shown = match (services.edge.mode, services.edge.shows_operations_on(listener)) {
        (Mode::Development, _) => all,
        (Mode::Production, true) => of_production,
        (Mode::Production, false) => of_public,
    };
    (headers, shown.clone()).into_response()
}

/// The API page
#[utoipa::path(
    get, path = "/docs", operation_id = "show_docs", tag = "documentation",
    responses((status = 200, description = "A page that shows `/openapi.json`.", content_type = "text/html"))
)]
pub async fn show_docs() -> Result<Response, ApiError> {
    file("index.html")
}

/// A file of the API page
#[utoipa::path(
    get, path = "/docs/{file}", operation_id = "show_docs_file", tag = "documentation",
    params(("file" = String, Path, description = "The name of the file.")),
    responses((status = 200, description = "The style sheet or the script.", content_type = "text/css"))
)]
pub async fn show_docs_file(Path(name): Path<String>) -> Result<Response, ApiError> {
    file(&name)
}

fn file(name: &str) -> Result<Response, ApiError> {
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
    Ok((headers, found.data.into_owned()).into_response())
}
