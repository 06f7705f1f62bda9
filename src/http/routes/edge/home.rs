//! `/`: the first page of a developer, or a redirect to the operator's website.

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use utoipa_axum::routes;

use crate::{
    config::Mode,
    http::{
        error::{ApiError, ProblemCode},
        pages::HOME,
        route::{Access::Anonymous, Class::Standard, On::Public, Route, row},
        services::EdgeServices,
    },
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Public, Anonymous, Standard, routes!(show_home))]
}

/// Show the first page
///
/// In development a page that names the API page, the inbox, health and the ops listener. In production a redirect to
/// `edge.root_redirect`; without that setting the path does not exist.
#[utoipa::path(
    get, path = "/", operation_id = "show_home", tag = "documentation",
    responses(
        (status = 200, description = "The page, in development.", content_type = "text/html", body = String),
        (status = 302, description = "In production, the address of another page.", headers(("Location" = String))),
        (status = 404, description = "In production without `edge.root_redirect`."),
    )
)]
pub async fn show_home(State(services): State<EdgeServices>) -> Result<Response, ApiError> {
    let edge = &services.edge;
    match (edge.mode, &edge.root_redirect) {
        (Mode::Development, _) => Ok(HOME.answer_with(&[("@ops@", &format!("http://{}", edge.ops_listen))])),
        (Mode::Production, Some(to)) => {
            Ok((StatusCode::FOUND, [(header::LOCATION, to.as_str().to_owned())]).into_response())
        }
        (Mode::Production, None) => Err(ApiError::new(ProblemCode::NotFound)),
    }
}
