//! `/problems/{code}`: what the `type` of a problem document leads to (RFC 9457 section 3.1.1).

use axum::{
    http::header,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use super::openapi::PUBLIC_FOR_A_WHILE;
use crate::http::{
    accept::AnswerForm,
    error::{ApiError, ProblemCode, ProblemRow, Retry},
    extract::{Json, Path},
    openapi::forms::ProblemCodeForm,
    pages::PROBLEM,
    route::{Access::Anonymous, Class::Standard, On::Both, Route, row},
    tags::{IfNoneMatch, content_tag},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![row(Both, Anonymous, Standard, routes!(show_problem))]
}

/// A kind of problem.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProblemKindBody {
    /// The `code` of its problem documents.
    #[schema(value_type = ProblemCodeForm)]
    code: &'static str,
    /// The status of its answers.
    #[schema(minimum = 400, maximum = 599, example = 429)]
    status: u16,
    /// Their `title`.
    #[schema(example = "Too many requests")]
    title: &'static str,
    /// What it means, and what a client can do.
    #[schema(example = "Wait for `Retry-After`.")]
    meaning: &'static str,
    /// Whether the same request may succeed after a wait.
    retryable: bool,
}

impl From<ProblemRow> for ProblemKindBody {
    fn from(row: ProblemRow) -> Self {
        let ProblemRow { code, status, retryable, title, meaning } = row;
        Self { code, status, title, meaning, retryable: retryable == Retry::Later }
    }
}

/// Show a kind of problem
///
/// The `type` of each problem document is the address of this answer. A browser, which names `text/html` in `Accept`,
/// gets it as a page.
#[utoipa::path(
    get, path = "/problems/{code}", operation_id = "show_problem", tag = "documentation",
    params(
        ("code" = ProblemCodeForm, Path, description = "The `code` of a problem document."),
        ("If-None-Match" = Option<String>, Header, description = "The `ETag` of an earlier answer."),
    ),
    responses(
        (
            status = 200, description = "The kind of problem.", headers(("ETag" = String)),
            content((ProblemKindBody = "application/json"), (String = "text/html")),
        ),
        (status = 304, description = "The answer is the same as before."),
    )
)]
pub async fn show_problem(
    form: AnswerForm,
    known: IfNoneMatch,
    Path(code): Path<String>,
) -> Result<Response, ApiError> {
    let rows = ProblemCode::ALL.iter().map(|code| code.row());
    let row = rows.into_iter().find(|row| row.code == code).ok_or_else(|| ApiError::new(ProblemCode::NotFound))?;
    let (answer, tagged) = match form {
        AnswerForm::Json => (Json(ProblemKindBody::from(row)).into_response(), "json"),
        AnswerForm::Page => (page(row), "page"),
    };
    let tag = content_tag(format!("{tagged} {row:?} {}", env!("CARGO_PKG_VERSION")).as_bytes());
    let headers = [(header::CACHE_CONTROL, PUBLIC_FOR_A_WHILE), (header::VARY, "accept, origin")];
    Ok(known.or(&tag, (headers, answer)))
}

fn page(row: ProblemRow) -> Response {
    let retry = match row.retryable {
        Retry::Later => "The same request may succeed after a wait.",
        Retry::Never => "The same request is refused again.",
    };
    let status = row.status.to_string();
    PROBLEM.answer_with(&[
        ("@code@", row.code),
        ("@status@", &status),
        ("@title@", row.title),
        ("@meaning@", row.meaning),
        ("@retry@", retry),
    ])
}
