//! A whole listener without a socket. The receiver of a call is the sender: `alice.post("/otp", json!({...})).await`.

use std::{net::SocketAddr, sync::Arc, time::Instant};

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request},
};
use futures::future::BoxFuture;
use http_body_util::BodyExt;
use majordomo::{
    actors::{operations::Operations, relay::Relays},
    config::{Config, LogLevel},
    http::{
        EdgeServices,
        context::Peer,
        credential::{AuthRefusal, Authenticator, ControlToken},
        route::{Listener, Route},
        router,
        services::{EdgeContext, EdgeDependencies},
    },
    persistence::Store,
    supervision::{Spec, Supervisor, System},
    telemetry::log::LogSwitch,
    types::{Clock, Entropy, Principal, Role, Roles, Secret, Timestamp},
};
use serde_json::Value;
use tower::ServiceExt;

use crate::api::idle_services::{assembled, cheap_hasher};

/// One client of one listener.
#[derive(Clone)]
pub struct Client {
    router: Router,
    peer: SocketAddr,
    headers: Vec<(String, String)>,
}

/// A complete answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The header's text; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }

    /// Asserts a complete problem document and returns its code.
    pub fn problem(&self) -> &str {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        for member in ["type", "title", "detail", "instance", "code", "requestId", "outcome"] {
            assert!(self.body[member].is_string(), "{member} in {self:?}");
        }
        assert_eq!(self.body["status"], self.status);
        assert!(self.body["errors"].is_array() && self.body["retryable"].is_boolean(), "{self:?}");
        assert_eq!(self.body["requestId"], self.header("x-request-id"));
        self.body["code"].as_str().unwrap()
    }

    /// `pointer code` of each field error, in order of pointer.
    pub fn fields(&self) -> Vec<String> {
        let mut fields: Vec<String> = self.body["errors"]
            .as_array()
            .unwrap()
            .iter()
            .map(|error| format!("{} {}", error["pointer"].as_str().unwrap(), error["code"].as_str().unwrap()))
            .collect();
        fields.sort();
        fields
    }
}

impl Client {
    /// A client of `listener` with the real table.
    pub fn new(listener: Listener, services: EdgeServices) -> Self {
        Self::over(router::router(listener, services))
    }

    /// A client of a given table.
    pub fn of_table(table: Vec<Route>, services: EdgeServices) -> Self {
        Self::of_listener(table, Listener::Public, services)
    }

    /// A client of a given table on `listener`.
    pub fn of_listener(table: Vec<Route>, listener: Listener, services: EdgeServices) -> Self {
        Self::over(router::from_table(table, listener, services))
    }

    fn over(router: Router) -> Self {
        let host = ("host".to_owned(), "127.0.0.1:8080".to_owned());
        Self { router, peer: SocketAddr::from(([127, 0, 0, 1], 40_000)), headers: vec![host] }
    }

    /// The same client with an additional header on each request.
    pub fn with(&self, name: &str, value: &str) -> Self {
        let mut client = self.clone();
        client.headers.retain(|(known, _)| known != name);
        client.headers.push((name.to_owned(), value.to_owned()));
        client
    }

    /// The same client with another address.
    pub fn at(&self, address: &str) -> Self {
        let mut client = self.clone();
        client.peer = SocketAddr::new(address.parse().unwrap(), 40_000);
        client
    }

    /// The same client with an access token.
    pub fn signed_in(&self, token: &str) -> Self {
        self.with("authorization", &format!("Bearer {token}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send("GET", path, Body::empty()).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send("DELETE", path, Body::empty()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Answer {
        self.with("content-type", "application/json").send("POST", path, Body::from(body.to_string())).await
    }

    pub async fn put(&self, path: &str, body: Value) -> Answer {
        self.with("content-type", "application/json").send("PUT", path, Body::from(body.to_string())).await
    }

    pub async fn post_text(&self, path: &str, body: impl Into<Body>) -> Answer {
        self.with("content-type", "application/json").send("POST", path, body.into()).await
    }

    pub async fn send(&self, method: &str, path: &str, body: Body) -> Answer {
        let mut request = Request::builder().method(method).uri(path).extension(Peer(self.peer));
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        let response = self.router.clone().oneshot(request.body(body).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }
}

/// A clock that does not advance.
pub struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_767_225_600_000_000)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the clock of the tests")]
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// Randomness that is always zero.
pub struct Zeroes;

impl Entropy for Zeroes {
    fn fill(&self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

/// Accepts a role's name as the token of a user with that role, and `expired` as an expired token.
pub struct ByName;

impl Authenticator for ByName {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>> {
        let id = uuid::Uuid::from_u128(7);
        let roles = token.parse::<Role>().map(|role| Roles::from_iter([role]));
        let principal = roles.map(|roles| Principal {
            user: id.into(),
            session: id.into(),
            generation: 1,
            roles,
            auth_time: Timestamp::ZERO,
        });
        let refusal = if token == "expired" { AuthRefusal::Expired } else { AuthRefusal::Invalid };
        Box::pin(async { principal.map_err(|_| refusal) })
    }
}

/// The edge without services.
pub fn bare_services() -> EdgeServices {
    services_of(&Config::default(), ControlToken::absent())
}

/// The same with another configuration.
pub fn services_of(config: &Config, control: ControlToken) -> EdgeServices {
    let (store, _never_driven) = Store::in_hand(Arc::new(Still), &Zeroes);
    services_over(&store, config, control)
}

/// The same with a store of the test.
pub fn services_over(store: &Store, config: &Config, control: ControlToken) -> EdgeServices {
    let dependencies = EdgeDependencies {
        clock: Arc::new(Still),
        entropy: Arc::new(Zeroes),
        authenticator: Arc::new(ByName),
        control,
    };
    let edge = Arc::new(EdgeContext::new(config, dependencies));
    let system = System::new(Arc::new(Still), Arc::new(Zeroes));
    let log = LogSwitch::without_output(config.log.level);
    let assembly = assembled(config, &system, (store, cheap_hasher(config)), (ControlToken::absent(), None), log);
    EdgeServices { edge, ..assembly.edge }
}

/// Services with a store whose writer runs.
pub fn living() -> EdgeServices {
    let services = services_of(&Config::default(), ControlToken::new(Secret::new("control")));
    over(services, Store::in_memory(Arc::new(Still), &Zeroes))
}

/// `services` over another store.
pub fn over(services: EdgeServices, store: Store) -> EdgeServices {
    by_clock(services, store, Arc::new(Still))
}

/// `services` over another store, with the health of another clock.
pub fn by_clock(services: EdgeServices, store: Store, clock: Arc<dyn Clock>) -> EdgeServices {
    let system = System::new(clock, Arc::new(Zeroes));
    let relays = Relays::supervised(&mut Supervisor::root(&system), Spec::park, [], (&store, &system));
    let log = LogSwitch::without_output(LogLevel::Info);
    let operations = Operations::new(system, store, (relays, services.notifier.clone()), log);
    EdgeServices { operations, ..services }
}
