//! `/openapi.json`, and `/docs`, which shows it without any other host.

use std::sync::LazyLock;

use axum::{
    body::Bytes,
    http::header,
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;

use crate::http::{
    error::{ApiError, ProblemCode},
    extract::Path,
    openapi::document,
};

/// `Cache-Control` of what is the same for everybody and changes seldom.
pub(super) const PUBLIC_FOR_A_WHILE: &str = "public, max-age=300";
/// The page loads nothing but its own two files and the document.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
     img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

static DOCUMENT: LazyLock<Bytes> = LazyLock::new(|| {
    let value = serde_json::to_value(document(super::table())).unwrap_or_default();
    Bytes::from(value.to_string())
});

#[derive(RustEmbed)]
#[folder = "assets/docs/"]
struct Viewer;

/// The API as OpenAPI 3.1
#[utoipa::path(
    get, path = "/openapi.json", operation_id = "show_openapi", tag = "documentation",
    responses((status = 200, description = "The document you are looking at.", body = Object))
)]
pub async fn show_openapi() -> Response {
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE)];
    (headers, DOCUMENT.clone()).into_response()
}

/// The API for people
#[utoipa::path(
    get, path = "/docs", operation_id = "show_docs", tag = "documentation",
    responses((status = 200, description = "A page that shows `/openapi.json`.", content_type = "text/html"))
)]
pub async fn show_docs() -> Result<Response, ApiError> {
    file("index.html")
}

/// A file of that page
#[utoipa::path(
    get, path = "/docs/{file}", operation_id = "show_docs_file", tag = "documentation",
    params(("file" = String, Path, description = "Its name.")),
    responses((status = 200, description = "Its style or its script.", content_type = "text/css"))
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
