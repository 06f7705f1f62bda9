//! Extractors of handlers: JSON bodies, queries, pages and path parameters. Each refusal is a problem document.

use std::{str::FromStr, time::Duration};

use axum::{
    body::Bytes,
    extract::{FromRequest, FromRequestParts, OptionalFromRequest, RawPathParams, Request},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde_json::{Map, Value};

use super::{
    cursor::Binding,
    error::{ApiError, ProblemCode},
    fields::{FieldSource, Fields, FromFields},
    openapi::forms::CursorForm,
    strict_json,
};
use crate::{
    domain::auth::password_policy::PasswordPolicy,
    types::{FieldError, Invalid, PageLimit, limits},
};

/// A JSON body. As an argument: read by [`FromFields`]; errors 400, 408, 413, 415, 422. As an answer: status 200.
#[derive(Debug, Clone)]
pub struct Json<T>(pub T);

/// The limits of a request body. The `Gate` of the route adds them to the request.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit {
    /// The largest size, in bytes.
    pub bytes: usize,
    /// The longest time from the first byte to the last.
    pub time: Duration,
}

impl Default for BodyLimit {
    fn default() -> Self {
        Self { bytes: limits::BODY_MAX, time: limits::BODY_TIMEOUT }
    }
}

impl<T: FromFields, S: Send + Sync> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        demand_json(request.headers())?;
        let policy = policy_of(&request);
        read_json(&whole_body(request).await?, policy).map(Self)
    }
}

/// `None` if the request has no body.
impl<T: FromFields, S: Send + Sync> OptionalFromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Option<Self>, ApiError> {
        let (typed, policy) = (demand_json(request.headers()), policy_of(&request));
        let body = whole_body(request).await?;
        if body.is_empty() {
            return Ok(None);
        }
        typed?;
        read_json(&body, policy).map(|value| Some(Self(value)))
    }
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(error) => {
                tracing::error!(%error, "an answer could not be written as JSON");
                ApiError::new(ProblemCode::Internal).into_response()
            }
        }
    }
}

/// 201 with the new resource and its `Location`.
#[derive(Debug, Clone)]
pub struct Created<T> {
    /// The path of the new resource.
    pub location: String,
    /// The resource.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Created<T> {
    fn into_response(self) -> Response {
        (StatusCode::CREATED, [(header::LOCATION, self.location)], Json(self.body)).into_response()
    }
}

/// 202 with the state so far.
#[derive(Debug, Clone)]
pub struct Accepted<T>(pub T);

impl<T: Serialize> IntoResponse for Accepted<T> {
    fn into_response(self) -> Response {
        (StatusCode::ACCEPTED, Json(self.0)).into_response()
    }
}

fn demand_json(headers: &HeaderMap) -> Result<(), ApiError> {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
    let is_json = parts.next().is_some_and(|essence| essence == "application/json");
    let is_utf8 = parts.all(|parameter| match parameter.strip_prefix("charset=") {
        Some(charset) => charset.trim_matches('"') == "utf-8",
        None => true,
    });
    let refused = ApiError::new(ProblemCode::UnsupportedMediaType);
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(refused.detail("Send the body as it is, without `Content-Encoding`."));
    }
    match (is_json, is_utf8) {
        (true, true) => Ok(()),
        (true, false) => Err(refused.detail("Send the body in UTF-8, and no other `charset` in `Content-Type`.")),
        (false, _) => Err(refused),
    }
}

/// The body, read within the route's limits, with or without a `Content-Length`.
async fn whole_body(request: Request) -> Result<Bytes, ApiError> {
    let BodyLimit { bytes: limit, time } = request.extensions().get().copied().unwrap_or_default();
    let too_large =
        || ApiError::new(ProblemCode::BodyTooLarge).detail(format!("A body here has at most {limit} bytes."));
    let announced = request.headers().get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|length| length > limit as u64) {
        return Err(too_large());
    }
    let reading = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(time, reading).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(error)) if is_timeout(&*error) => Err(ApiError::new(ProblemCode::RequestTimeout)),
        Ok(Err(_)) => Err(ApiError::new(ProblemCode::InvalidJson).detail("The body ended before it was complete.")),
        Err(_elapsed) => Err(ApiError::new(ProblemCode::RequestTimeout)),
    }
}

/// Whether the accept loop ended a body because no byte arrived within `body_gap`.
fn is_timeout(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<std::io::Error>().is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

/// The rules for new passwords, which the `Gate` of the route adds to the request.
fn policy_of(request: &Request) -> PasswordPolicy {
    request.extensions().get().copied().unwrap_or_default()
}

fn read_json<T: FromFields>(body: &[u8], policy: PasswordPolicy) -> Result<T, ApiError> {
    let parsed = strict_json::parse(body)
        .map_err(|why| ApiError::new(ProblemCode::InvalidJson).detail(format!("The body is not JSON: {why}.")))?;
    if parsed.repeated.len() >= limits::FIELD_ERRORS_MAX {
        return Err(ApiError::invalid(parsed.repeated));
    }
    let Value::Object(object) = parsed.value else {
        let why = Invalid::new("wrong_type", "must be an object");
        return Err(ApiError::invalid(vec![why.at("")]));
    };
    let mut errors = parsed.repeated;
    let mut fields = Fields::new(FieldSource::Body, object).under(policy);
    let value = T::from_fields(&mut fields);
    match fields.finish(value) {
        Ok(value) if errors.is_empty() => Ok(value),
        Ok(_) => Err(ApiError::invalid(errors)),
        Err(more) => {
            errors.extend(more);
            Err(ApiError::invalid(errors))
        }
    }
}

/// The query of a route that is not a list. Unknown and repeated parameters are refused; the error names them.
#[derive(Debug, Clone)]
pub struct Query<T>(pub T);

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let (object, repeated) = parameters(parts)?;
        read_query(object, repeated, T::from_fields).map(Self)
    }
}

/// The query of a list: its filters, the page size, and the position of the page.
#[derive(Debug, Clone)]
pub struct List<T> {
    /// The list's own parameters.
    pub filter: T,
    /// `limit`: the number of rows per page.
    pub limit: PageLimit,
    /// The key inside `cursor`. The page begins after it.
    pub after: Option<Vec<u8>>,
    binding: Binding,
}

impl<T> List<T> {
    /// The cursor of the next page, which begins after `key`.
    pub fn next(&self, key: &[u8]) -> String {
        self.binding.seal(key)
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Rows<T> {
    /// The rows of this page.
    pub data: Vec<T>,
    /// `null` on the last page.
    #[schema(value_type = Option<CursorForm>)]
    pub next_cursor: Option<String>,
}

impl<T: FromFields, S: Send + Sync> FromRequestParts<S> for List<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let (object, repeated) = parameters(parts)?;
        let filters: Vec<(&str, &str)> = object
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "limit" | "cursor"))
            .map(|(name, value)| (name.as_str(), value.as_str().unwrap_or_default()))
            .collect();
        let binding = Binding::new(parts.uri.path(), filters);
        let (filter, limit, cursor) = read_query(object, repeated, |query| {
            let limit = query.optional("limit").text(page_limit);
            let cursor = query.optional("cursor").text(|text| Ok(text.to_owned()));
            let filter = T::from_fields(query);
            Some((filter?, limit?.unwrap_or_default(), cursor?))
        })?;
        let after = cursor.map(|cursor| binding.open(&cursor)).transpose()?;
        Ok(Self { filter, limit, after, binding })
    }
}

/// Reads `limit`: 1 to `limits::PAGE_MAX`.
fn page_limit(text: &str) -> Result<PageLimit, Invalid> {
    PageLimit::new(text.parse().unwrap_or(0))
}

/// Refuses every parameter of the query.
pub(in crate::http) fn no_parameters(parts: &Parts) -> Result<(), ApiError> {
    let (object, repeated) = parameters(parts)?;
    read_query(object, repeated, <()>::from_fields)
}

fn parameters(parts: &Parts) -> Result<(Map<String, Value>, Vec<FieldError>), ApiError> {
    let pairs = axum::extract::Query::<Vec<(String, String)>>::try_from_uri(&parts.uri)
        .map_err(|_| ApiError::new(ProblemCode::InvalidQuery).detail("The query is not form-encoded UTF-8."))?
        .0;
    if pairs.len() > limits::QUERY_PARAMETERS_MAX {
        let max = limits::QUERY_PARAMETERS_MAX;
        return Err(ApiError::new(ProblemCode::InvalidQuery).detail(format!("A query has at most {max} parameters.")));
    }
    let mut object = Map::new();
    let mut repeated = Vec::new();
    for (name, value) in pairs {
        if object.contains_key(&name) {
            let place = super::fields::place(FieldSource::Query, "", &name);
            repeated.push(Invalid::new("repeated_parameter", "must be given once").at(place));
        } else {
            object.insert(name, Value::String(value));
        }
    }
    Ok((object, repeated))
}

fn read_query<T>(
    object: Map<String, Value>,
    mut errors: Vec<FieldError>,
    read: impl FnOnce(&mut Fields) -> Option<T>,
) -> Result<T, ApiError> {
    let mut fields = Fields::new(FieldSource::Query, object);
    let value = read(&mut fields);
    let refused = |errors| ApiError::new(ProblemCode::InvalidQuery).errors(errors);
    match fields.finish(value) {
        Ok(value) if errors.is_empty() => Ok(value),
        Ok(_) => Err(refused(errors)),
        Err(more) => {
            errors.extend(more);
            Err(refused(errors))
        }
    }
}

/// The only parameter of a path.
///
/// A value of the wrong form names no existing resource, so it is 404 `not_found`.
#[derive(Debug, Clone)]
pub struct Path<T>(pub T);

impl<T: FromStr, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let values = path_values(parts, state).await?;
        let [value] = &values[..] else { return Err(nothing_there()) };
        value.parse().map(Self).map_err(|_| nothing_there())
    }
}

/// The two parameters of a path, in order.
#[derive(Debug, Clone)]
pub struct PathPair<A, B>(pub A, pub B);

impl<A: FromStr, B: FromStr, S: Send + Sync> FromRequestParts<S> for PathPair<A, B> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let values = path_values(parts, state).await?;
        let [first, second] = &values[..] else { return Err(nothing_there()) };
        let first = first.parse().map_err(|_| nothing_there())?;
        let second = second.parse().map_err(|_| nothing_there())?;
        Ok(Self(first, second))
    }
}

fn nothing_there() -> ApiError {
    ApiError::new(ProblemCode::NotFound)
}

async fn path_values<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<Vec<String>, ApiError> {
    let params = RawPathParams::from_request_parts(parts, state).await.map_err(|_| nothing_there())?;
    Ok(params.iter().map(|(_, value)| value.to_owned()).collect())
}
