//! One row of the route table, and what the frame knows of a request's route.

use axum::routing::MethodRouter;
use utoipa::openapi::{
    RefOr, Schema,
    path::{HttpMethod, Operation, PathItem},
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::services::EdgeServices;
use crate::domain::access::Permission;

/// Which listener answers a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Apps and browsers.
    Public,
    /// Operators; loopback by default.
    Ops,
    /// Both.
    Both,
}

/// One of the two listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Apps and browsers.
    Public,
    /// Operators.
    Ops,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Whoever; a valid access token still tells the handler who it is.
    Anonymous,
    /// Whoever holds the permission; every user holds `UseOwnAccount`.
    Needs(Permission),
    /// Development mode and this machine only.
    Development,
}

/// By which limit requests are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not counted: health and keys.
    Exempt,
    /// By principal, or by address when there is none.
    Standard,
    /// By address, as logins.
    Login,
    /// By address, as registrations.
    Register,
    /// By address, as requests that send a code.
    CodeRequest,
}

/// How long an answer may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At most `edge.timeouts.handler`.
    Prompt,
    /// As long as the client stays.
    Stream,
}

/// How large a body may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BodySize {
    /// `edge.body_max`.
    Usual,
    /// So many bytes.
    UpTo(usize),
}

/// What the table says of a route, beside its handler.
#[derive(Debug, Clone)]
pub struct Rule {
    /// As in the OpenAPI document, e.g. `/users/{id}`.
    pub path: String,
    /// As the router matches it; differs from `path` where a parameter holds slashes.
    pub mount: String,
    /// In capitals.
    pub method: &'static str,
    /// `<verb>_<resource>`, unique.
    pub operation_id: String,
    /// Which listeners answer it.
    pub on: On,
    /// Who may call it.
    pub access: Access,
    /// By which limit it is counted.
    pub class: Class,
    /// How long it may take.
    pub pace: Pace,
    /// How much it takes.
    pub body: BodySize,
}

/// One row of the route table.
pub struct Route {
    /// What the frame enforces.
    pub rule: Rule,
    /// What the OpenAPI document says.
    pub operation: Operation,
    /// Schemas that `operation` refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// What answers it.
    pub handler: MethodRouter<EdgeServices>,
}

impl On {
    /// Whether `listener` is meant.
    pub fn includes(self, listener: Listener) -> bool {
        match (self, listener) {
            (Self::Both, _) | (Self::Public, Listener::Public) | (Self::Ops, Listener::Ops) => true,
            (Self::Public, Listener::Ops) | (Self::Ops, Listener::Public) => false,
        }
    }

    /// The name in the reference page.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Ops => "ops",
            Self::Both => "both",
        }
    }
}

impl Access {
    /// The name in the reference page and in the OpenAPI document.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::Needs(permission) => permission.as_str(),
            Self::Development => "development, loopback",
        }
    }
}

impl Class {
    /// The name in the reference page and in rate-limit headers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Exempt => "exempt",
            Self::Standard => "standard",
            Self::Login => "login",
            Self::Register => "register",
            Self::CodeRequest => "code",
        }
    }
}

/// A row: where, for whom, by which limit, and `routes!(handler)`, whose `#[utoipa::path]` names method and path.
pub fn row(on: On, access: Access, class: Class, described: UtoipaMethodRouter<EdgeServices>) -> Route {
    let (schemas, mut paths, handler) = described;
    let (path, item) = paths.paths.pop_first().unwrap_or_default();
    let (method, operation) = only_operation(item);
    let operation_id = operation.operation_id.clone().unwrap_or_default();
    let mount = path.clone();
    let rule = Rule { path, mount, method, operation_id, on, access, class, pace: Pace::Prompt, body: BodySize::Usual };
    Route { rule, operation, schemas, handler }
}

impl Route {
    /// The answer goes on for as long as the client stays.
    pub fn streams(mut self) -> Self {
        self.rule.pace = Pace::Stream;
        self
    }

    /// The router matches `pattern`, whose last parameter holds slashes.
    pub fn mounted_at(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.rule.mount);
        self
    }

    /// The body may have `bytes`.
    pub fn body_max(mut self, bytes: usize) -> Self {
        self.rule.body = BodySize::UpTo(bytes);
        self
    }

    /// The method, as OpenAPI names it.
    pub fn http_method(&self) -> HttpMethod {
        match self.rule.method {
            "POST" => HttpMethod::Post,
            "PUT" => HttpMethod::Put,
            "PATCH" => HttpMethod::Patch,
            "DELETE" => HttpMethod::Delete,
            _ => HttpMethod::Get,
        }
    }
}

fn only_operation(item: PathItem) -> (&'static str, Operation) {
    let PathItem { get, post, put, patch, delete, .. } = item;
    let found = [("GET", get), ("POST", post), ("PUT", put), ("PATCH", patch), ("DELETE", delete)]
        .into_iter()
        .find_map(|(method, operation)| Some((method, operation?)));
    found.unwrap_or(("GET", Operation::default()))
}
