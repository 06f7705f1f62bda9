//! Builds the OpenAPI 3.1 document from the route table.
//!
//! Owns: the document, tight enough to generate clients and tests from. Must not know: what a handler does. Begin with
//! [`document`]. The rows and their handlers describe operations and bodies, `forms.rs` the values in them; the other
//! files add what follows from these: refusals, required members, examples, shared parts.

mod examples;
mod flatten;
pub mod forms;
mod refusals;
mod schemas;
mod shared;
mod tags;

use std::sync::OnceLock;

use axum::body::Bytes;
use serde_json::{Value, json};
use utoipa::openapi::{Components, OpenApiBuilder, PathItem, Paths, extensions::Extensions};

use super::{
    route::{Access, Credential, Listener, On, Route, Rule},
    services::METRICS,
    tags::content_tag,
};
use crate::config::{Config, Mode};

const BEARER: &str = "bearer";

/// What the document states about one installation, for the readers of one of its listeners.
#[derive(Debug, Clone)]
pub struct Installation {
    mode: Mode,
    listener: Listener,
    public_url: String,
    ops_url: String,
    /// The listeners with metrics.
    metrics: On,
    /// The fewest characters of a new password.
    password_min: usize,
}

impl Installation {
    /// The installation with the settings `config`.
    pub fn new(config: &Config, listener: Listener) -> Self {
        Self {
            mode: config.mode,
            listener,
            public_url: config.public_url(),
            ops_url: format!("http://{}", config.edge.ops_listen),
            metrics: if config.edge.metrics_public { On::Both } else { On::Ops },
            password_min: usize::try_from(config.auth.password.min_length).unwrap_or(usize::MAX),
        }
    }

    /// The listeners that answer a route here.
    fn on(&self, rule: &Rule) -> On {
        if rule.path == METRICS { self.metrics } else { rule.on }
    }

    /// The listener that the example requests of a route go to.
    fn listener_of(&self, rule: &Rule) -> Listener {
        match self.on(rule) {
            On::Public => Listener::Public,
            On::Ops => Listener::Ops,
            On::Both => self.listener,
        }
    }

    fn server(&self, listener: Listener) -> Value {
        match listener {
            Listener::Public => json!({ "url": self.public_url, "description": "The public listener." }),
            Listener::Ops => json!({ "url": self.ops_url, "description": "The ops listener, for operators." }),
        }
    }

    /// The credentials of a route: alternatives, of which an empty one means that none is needed.
    fn security(&self, rule: &Rule) -> Value {
        let none = json!({});
        let bearer = json!({ BEARER: [] });
        let is_read_on_ops = rule.method == "GET" && self.listener_of(rule) == Listener::Ops;
        let is_public_metrics = rule.path == METRICS && self.listener_of(rule) == Listener::Public;
        match (rule.access, rule.credential, self.mode) {
            (Access::Development, _, _) | (Access::Anonymous, Credential::AsAccess, _) => json!([]),
            (Access::Anonymous, Credential::Optional, _) => json!([none, bearer]),
            (Access::Needs(_), _, _) if is_public_metrics => json!([]),
            (Access::Needs(_), _, Mode::Development) if is_read_on_ops => json!([none, bearer]),
            (Access::Needs(_), _, _) => json!([bearer]),
        }
    }
}

/// The documents that the listeners serve, each built for its first reader.
pub struct Documents {
    public: (Installation, OnceLock<Document>),
    ops: (Installation, OnceLock<Document>),
}

/// A document as text, with its entity tag.
pub struct Document {
    /// JSON.
    pub text: Bytes,
    /// The strong entity tag.
    pub tag: String,
}

impl Documents {
    /// The documents of an installation.
    pub fn new(config: &Config) -> Self {
        let of = |listener| (Installation::new(config, listener), OnceLock::new());
        Self { public: of(Listener::Public), ops: of(Listener::Ops) }
    }

    /// The document of `routes` for the readers of `listener`.
    pub fn of(&self, listener: Listener, routes: impl FnOnce() -> Vec<Route>) -> &Document {
        let (installation, built) = match listener {
            Listener::Public => &self.public,
            Listener::Ops => &self.ops,
        };
        built.get_or_init(|| {
            let text = Bytes::from(document(routes(), installation).to_string());
            let tag = content_tag(&text);
            Document { text, tag }
        })
    }
}

/// The document of `routes`.
pub fn document(routes: Vec<Route>, installation: &Installation) -> Value {
    let mut paths = Paths::new();
    let mut components = Components::new();
    let mut rules = Vec::new();
    for route in routes {
        let method = route.http_method();
        let Route { rule, operation, schemas, .. } = route;
        components.schemas.extend(schemas);
        let item = PathItem::new(method, operation);
        match paths.paths.get_mut(&rule.path) {
            Some(there) => there.merge_operations(item),
            None => drop(paths.paths.insert(rule.path.clone(), item)),
        }
        rules.push(rule);
    }
    flatten::flatten(&mut components.schemas);
    let mut document = OpenApiBuilder::new().paths(paths).components(Some(components)).build();
    document.extensions = Some(Extensions::from_iter([("x-problem-codes", refusals::codes())]));
    let mut document = serde_json::to_value(document).unwrap_or_default();
    document["info"] = info();
    document["servers"] = json!([installation.server(installation.listener)]);
    document["components"]["securitySchemes"] = json!({
        BEARER: {
            "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
            "description": "The `token` that `POST /auth/login` answers.",
        },
    });
    schemas::tighten(&mut document, installation);
    for (place, rule) in rules.iter().enumerate() {
        let operation = &mut document["paths"][&rule.path][rule.method.to_ascii_lowercase()];
        refusals::describe(rule, operation);
        describe(rule, operation, installation);
        // The order of the table is that of a reader who begins.
        operation["x-majordomo"]["place"] = Value::from(place);
    }
    schemas::expand_alternatives(&mut document);
    examples::add(&mut document);
    shared::share(&mut document);
    schemas::prune(&mut document);
    tags::describe(&mut document);
    document
}

fn info() -> Value {
    json!({
        "title": "Majordomo",
        "version": env!("CARGO_PKG_VERSION"),
        "description": env!("CARGO_PKG_DESCRIPTION"),
        "license": { "name": "MIT or Apache-2.0", "identifier": env!("CARGO_PKG_LICENSE") },
    })
}

/// What the row states.
fn describe(rule: &Rule, operation: &mut Value, installation: &Installation) {
    operation["x-majordomo"] = json!({
        "permission": rule.access.as_str(),
        "listener": installation.on(rule).as_str(),
        "limit": rule.class.as_str(),
    });
    operation["security"] = installation.security(rule);
    if let Some(body) = operation.get_mut("requestBody") {
        demand_body(body);
    }
    if let Some((first, second)) = rule.either {
        operation["x-either"] = json!([first, second]);
    }
    let listener = installation.listener_of(rule);
    if listener != installation.listener {
        operation["servers"] = json!([installation.server(listener)]);
    }
}

/// A body that may be missing is not `null` where it is sent.
fn demand_body(body: &mut Value) {
    let schema = &mut body["content"]["application/json"]["schema"];
    let parts = schema["oneOf"].as_array().cloned().unwrap_or_default();
    let is_optional = parts.iter().any(|part| part["type"] == "null");
    if let Some(part) = parts.into_iter().find(|part| part["type"] != "null").filter(|_| is_optional) {
        *schema = part;
    }
    body["required"] = Value::Bool(!is_optional);
}
