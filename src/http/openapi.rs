//! The OpenAPI 3.1 document, made from the route table.

use serde_json::{Value, json};
use utoipa::openapi::{
    Components, ContentBuilder, Info, OpenApi, OpenApiBuilder, PathItem, Paths, Ref, RefOr, ResponseBuilder,
    extensions::Extensions,
    path::Operation,
    schema::{ArrayBuilder, ObjectBuilder, Schema, Type},
    security::{HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme},
};

use super::{
    error::Code,
    route::{Access, Class, Route, Rule},
};

const BEARER: &str = "bearer";
const PROBLEM: &str = "Problem";

/// The document of all `routes`.
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
        for code in frame_refusals(&rule, &operation) {
            let status = code.row().status.to_string();
            operation.responses.responses.entry(status).or_insert_with(|| RefOr::T(problem_response(code)));
        }
        let demands = json!({
            "permission": rule.access.as_str(),
            "listener": rule.on.as_str(),
            "limit": rule.class.as_str(),
        });
        operation.extensions = Some(Extensions::from_iter([("x-majordomo", demands)]));
        operation.security = Some(match rule.access {
            Access::Nobody | Access::Development => vec![SecurityRequirement::default()],
            Access::Needs(_) => vec![SecurityRequirement::new(BEARER, Vec::<String>::new())],
        });
        let item = PathItem::new(method, operation);
        match paths.paths.get_mut(&rule.path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(rule.path, item)),
        }
    }
    let mut info = Info::new("Majordomo", env!("CARGO_PKG_VERSION"));
    info.description = Some(env!("CARGO_PKG_DESCRIPTION").to_owned());
    let mut document = OpenApiBuilder::new().info(info).paths(paths).components(Some(components)).build();
    document.extensions = Some(Extensions::from_iter([("x-problem-codes", codes())]));
    document
}

/// The table of codes, for the page that explains them.
fn codes() -> Value {
    let rows = Code::ALL
        .iter()
        .map(|code| code.row())
        .map(|row| json!({ "code": row.code, "status": row.status, "title": row.title, "meaning": row.meaning }));
    rows.collect()
}

/// What the frame itself may answer on such a route.
fn frame_refusals(rule: &Rule, operation: &Operation) -> Vec<Code> {
    let mut codes = vec![Code::Internal, Code::Unavailable];
    if rule.class != Class::Exempt {
        codes.push(Code::RateLimited);
    }
    if operation.request_body.is_some() {
        codes.extend([Code::InvalidJson, Code::BodyTooLarge, Code::UnsupportedMediaType, Code::ValidationFailed]);
    }
    match rule.access {
        Access::Nobody => {}
        Access::Needs(_) => codes.extend([Code::Unauthenticated, Code::Forbidden]),
        Access::Development => codes.push(Code::LoopbackOnly),
    }
    codes
}

fn problem_response(code: Code) -> utoipa::openapi::Response {
    let content = ContentBuilder::new().schema(Some(Ref::from_schema_name(PROBLEM))).build();
    ResponseBuilder::new().description(code.row().title).content("application/problem+json", content).build()
}

fn problem_schema() -> Schema {
    let text = |description: &str| ObjectBuilder::new().schema_type(Type::String).description(Some(description));
    let flag = |description: &str| ObjectBuilder::new().schema_type(Type::Boolean).description(Some(description));
    let error = ObjectBuilder::new()
        .property("pointer", text("JSON pointer into the body, or the name of a query parameter."))
        .property("code", text("Stable, for programs."))
        .property("detail", text("What is expected."));
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.row().code).collect();
    let object = ObjectBuilder::new()
        .description(Some("RFC 9457 problem details."))
        .property("type", text("Names the problem; resolves to its description."))
        .property("title", text("The same for every occurrence."))
        .property("status", ObjectBuilder::new().schema_type(Type::Integer))
        .property("detail", text("What happened here, and what to do."))
        .property("instance", text("The request's path."))
        .property("code", text("Stable, for programs.").enum_values(Some(codes)))
        .property("requestId", text("Under which operators find it in the log."))
        .property("errors", ArrayBuilder::new().items(error))
        .property("retryable", flag("Whether the same request may succeed later."))
        .property(
            "outcome",
            text("What became of the change.").enum_values(Some(["not_applied", "applied", "unknown"])),
        );
    let required =
        ["type", "title", "status", "detail", "instance", "code", "requestId", "errors", "retryable", "outcome"];
    Schema::Object(required.into_iter().fold(object, ObjectBuilder::required).build())
}
