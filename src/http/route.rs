//! One row of the route table.

use axum::routing::MethodRouter;
use utoipa::openapi::{
    RefOr, Schema,
    path::{HttpMethod, Operation, Parameter, ParameterIn, PathItem},
};
use utoipa_axum::router::UtoipaMethodRouter;

use super::services::EdgeServices;
use crate::domain::access::Permission;

/// The listeners that answer a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// Applications and browsers.
    Public,
    /// Operators; loopback by default.
    Ops,
    /// Both.
    Both,
}

/// One of the two listeners.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listener {
    /// Applications and browsers.
    Public,
    /// Operators.
    Ops,
}

/// Who may call a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Every client. A valid access token still identifies the caller to the handler.
    Anonymous,
    /// A caller with the permission. Every user has `UseOwnAccount`.
    Needs(Permission),
    /// Development mode, and only clients on this machine.
    Development,
}

/// The rate limit that counts the requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Class {
    /// Not counted: health and keys.
    Exempt,
    /// By user, or by address for requests without a credential.
    Standard,
    /// By address, with the quota of logins.
    Login,
    /// By address, with the quota of registrations.
    Register,
    /// By address, with the quota of requests that send a code.
    CodeRequest,
}

/// The credential that a route reads beyond its `Access`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The one that `Access` requires, if any.
    AsAccess,
    /// An access token may be sent; it changes the answer.
    Optional,
}

/// Whether the query of a route may have parameters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueryForm {
    /// The description names parameters. The extractor of the handler refuses others.
    Parameters,
    /// The description names none.
    Empty,
}

impl QueryForm {
    fn of(operation: &Operation) -> Self {
        let mut parameters = operation.parameters.iter().flatten();
        let in_query = |one: &RefOr<Parameter>| match one {
            RefOr::T(parameter) => matches!(parameter.parameter_in, ParameterIn::Query),
            RefOr::Ref(_) => false,
        };
        if parameters.any(in_query) { Self::Parameters } else { Self::Empty }
    }
}

/// The time limit of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// At most `edge.timeouts.handler`.
    Prompt,
    /// Until the client closes the connection.
    Stream,
}

/// The checks of a route, without its handler.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The path in the OpenAPI document, e.g. `/users/{id}`.
    pub path: String,
    /// The pattern for the router. It differs from `path` where a parameter may contain slashes.
    pub mount: String,
    /// The HTTP method, in capitals.
    pub method: &'static str,
    /// `<verb>_<resource>`; unique.
    pub operation_id: String,
    /// The listeners that answer it.
    pub on: On,
    /// Who may call it.
    pub access: Access,
    /// The rate limit that counts it.
    pub class: Class,
    /// The time limit of its answer.
    pub pace: Pace,
    /// The credential that it reads.
    pub credential: Credential,
    /// Whether its query may have parameters. A route without parameters refuses every one.
    pub query: QueryForm,
    /// Two members of its body of which exactly one is sent.
    pub either: Option<(&'static str, &'static str)>,
}

/// One row of the route table.
pub struct Route {
    /// The checks before the handler.
    pub rule: Rule,
    /// The description for the OpenAPI document.
    pub operation: Operation,
    /// Schemas that `operation` refers to.
    pub schemas: Vec<(String, RefOr<Schema>)>,
    /// The handler.
    pub handler: MethodRouter<EdgeServices>,
}

impl On {
    /// Whether `listener` is one of them.
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

/// A row: listeners, access, rate limit, and `routes!(handler)`, whose `#[utoipa::path]` states method and path.
pub fn row(on: On, access: Access, class: Class, described: UtoipaMethodRouter<EdgeServices>) -> Route {
    let (schemas, mut paths, handler) = described;
    let (path, item) = paths.paths.pop_first().unwrap_or_default();
    let (method, operation) = only_operation(item);
    let operation_id = operation.operation_id.clone().unwrap_or_default();
    let mount = path.clone();
    let rule = Rule {
        path,
        mount,
        method,
        operation_id,
        on,
        access,
        class,
        pace: Pace::Prompt,
        credential: Credential::AsAccess,
        query: QueryForm::of(&operation),
        either: None,
    };
    Route { rule, operation, schemas, handler }
}

impl Route {
    /// The answer is a stream: it lasts until the client closes the connection.
    pub fn streams(mut self) -> Self {
        self.rule.pace = Pace::Stream;
        self
    }

    /// The router matches `pattern`, whose last parameter may contain slashes.
    pub fn mounted_at(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.rule.mount);
        self
    }

    /// The answer to a caller with an access token differs.
    pub fn takes_bearer(mut self) -> Self {
        self.rule.credential = Credential::Optional;
        self
    }

    /// The body has exactly one of the members `first` and `second`.
    pub fn either(mut self, first: &'static str, second: &'static str) -> Self {
        self.rule.either = Some((first, second));
        self
    }

    /// The method as a type of the OpenAPI document.
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
