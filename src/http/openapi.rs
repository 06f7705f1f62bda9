//! Builds the OpenAPI 3.1 document from the route table.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use utoipa::openapi::{
    Components, ContentBuilder, HeaderBuilder, Info, OpenApi, OpenApiBuilder, PathItem, Paths, Ref, RefOr, Response,
    ResponseBuilder,
    extensions::Extensions,
    path::{Operation, Parameter, ParameterIn},
    schema::{ArrayBuilder, ObjectBuilder, Schema, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use super::{
    error::ProblemCode,
    route::{Access, Class, Route, Rule},
    schemas,
};

const BEARER: &str = "bearer";
const PROBLEM: &str = "Problem";

/// The document of `routes`.
pub fn document(routes: Vec<Route>) -> OpenApi {
    let mut paths = Paths::new();
    let mut components = Components::new();
    components.schemas.insert(PROBLEM.to_owned(), RefOr::T(problem_schema()));
    let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).bearer_format("JWT").build();
    components.security_schemes.insert(BEARER.to_owned(), RefOr::T(SecurityScheme::Http(bearer)));
    for route in routes {
        let method = route.http_method();
        let Route { rule, mut operation, schemas, .. } = route;
        components.schemas.extend(schemas);
        describe_refusals(&rule, &mut operation);
        let demands = json!({
            "permission": rule.access.as_str(),
            "listener": rule.on.as_str(),
            "limit": rule.class.as_str(),
        });
        operation.extensions = Some(Extensions::from_iter([("x-majordomo", demands)]));
        operation.security = Some(match rule.access {
            Access::Anonymous | Access::Development => vec![SecurityRequirement::default()],
            Access::Needs(_) => vec![SecurityRequirement::new(BEARER, Vec::<String>::new())],
        });
        let item = PathItem::new(method, operation);
        match paths.paths.get_mut(&rule.path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(rule.path, item)),
        }
    }
    schemas::flatten(&mut components.schemas);
    let mut info = Info::new("Majordomo", env!("CARGO_PKG_VERSION"));
    info.description = Some(env!("CARGO_PKG_DESCRIPTION").to_owned());
    let mut document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    document.extensions = Some(Extensions::from_iter([("x-problem-codes", codes())]));
    document
}

/// The table of problem codes, for the API page.
fn codes() -> Value {
    let rows = ProblemCode::ALL
        .iter()
        .map(|code| code.row())
        .map(|row| json!({ "code": row.code, "status": row.status, "title": row.title, "meaning": row.meaning }));
    rows.collect()
}

/// Adds the refusals of the edge code and the extractors, and gives every refusal the form of a problem document.
fn describe_refusals(rule: &Rule, operation: &mut Operation) {
    let mut titles: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in frame_refusals(rule, operation).into_iter().map(ProblemCode::row) {
        titles.entry(row.status.to_string()).or_default().push(format!("{} (`{}`)", row.title, row.code));
    }
    let responses = &mut operation.responses.responses;
    for (status, titles) in titles {
        let told = || RefOr::T(ResponseBuilder::new().description(titles.join(", or: ")).build());
        responses.entry(status).or_insert_with(told);
    }
    for (status, response) in responses.iter_mut().filter(|(status, _)| status.starts_with(['4', '5'])) {
        if let RefOr::T(response) = response {
            take_form(status, rule.class, response);
        }
    }
}

/// The problem document, and the headers that belong to the status.
fn take_form(status: &str, class: Class, response: &mut Response) {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    response.content.insert("application/problem+json".to_owned(), RefOr::T(content));
    let mut header = |name: &str, kind: Type, told: &str| {
        let schema = ObjectBuilder::new().schema_type(kind).build();
        let header = HeaderBuilder::new().schema(Some(schema)).description(Some(told)).build();
        response.headers.insert(name.to_owned(), RefOr::T(header));
    };
    if status == "401" {
        header("WWW-Authenticate", Type::String, "How to sign in, and whether a token was refused (RFC 6750).");
    }
    if matches!(status, "429" | "503") {
        header("Retry-After", Type::Integer, "Seconds to wait before sending the request again.");
    }
    if status == "429" && class != Class::Exempt {
        header("RateLimit", Type::String, "The rest of the quota, and the seconds until it is full.");
        header("RateLimit-Policy", Type::String, "The quota, and its window in seconds.");
    }
}

/// The refusals of the edge code and the extractors for a route.
fn frame_refusals(rule: &Rule, operation: &Operation) -> Vec<ProblemCode> {
    let mut codes = vec![ProblemCode::Internal, ProblemCode::Unavailable];
    if rule.class != Class::Exempt {
        codes.push(ProblemCode::RateLimited);
    }
    if operation.request_body.is_some() {
        codes.extend([ProblemCode::InvalidJson, ProblemCode::RequestTimeout, ProblemCode::BodyTooLarge]);
        codes.extend([ProblemCode::UnsupportedMediaType, ProblemCode::ValidationFailed]);
    }
    for parameter in operation.parameters.iter().flatten() {
        let RefOr::T(Parameter { name, parameter_in, .. }) = parameter else { continue };
        match parameter_in {
            ParameterIn::Path => codes.push(ProblemCode::NotFound),
            ParameterIn::Query if name == "cursor" => codes.push(ProblemCode::InvalidCursor),
            ParameterIn::Query | ParameterIn::QueryString => codes.push(ProblemCode::InvalidQuery),
            ParameterIn::Header | ParameterIn::Cookie => {}
        }
    }
    match rule.access {
        Access::Anonymous => {}
        Access::Needs(_) => {
            codes.extend([
                ProblemCode::Unauthenticated,
                ProblemCode::InvalidToken,
                ProblemCode::TokenExpired,
                ProblemCode::SessionEnded,
            ]);
            codes.push(ProblemCode::Forbidden);
        }
        Access::Development => codes.push(ProblemCode::LoopbackOnly),
    }
    codes
}

fn problem_schema() -> Schema {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let flag = |description: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description));
    let error = ObjectBuilder::new()
        .property("pointer", text("JSON pointer into the body, or the name of a query parameter."))
        .property("code", text("Stable, for programs."))
        .property("detail", text("What is expected."));
    let codes: Vec<&str> = ProblemCode::ALL.iter().map(|code| code.row().code).collect();
    let object = ObjectBuilder::new()
        .description(Some("RFC 9457 problem details."))
        .property("type", text("Names the problem; resolves to its description."))
        .property("title", text("The same text for every occurrence of the code."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text("What happened here, and what to do."))
        .property("instance", text("The request's path."))
        .property("code", text("Stable, for programs.").enum_values(Some(codes)))
        .property("requestId", text("The id of the request in the server's log."))
        .property("errors", ArrayBuilder::new().items(error))
        .property("retryable", flag("Whether the same request may succeed later."))
        .property(
            "outcome",
            text("Whether the change was applied.").enum_values(Some(["not_applied", "applied", "unknown"])),
        )
        .property("permission", text("With `forbidden`: the permission that the caller lacks."))
        .property(
            "attemptsLeft",
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .description(Some("With `code_wrong`: the number of code tries that are left.")),
        );
    let required =
        ["type", "title", "status", "detail", "instance", "code", "requestId", "errors", "retryable", "outcome"];
    Schema::Object(required.into_iter().fold(object, ObjectBuilder::required).build())
}
