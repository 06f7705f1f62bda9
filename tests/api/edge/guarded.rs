//! A table of routes of the tests' own with every kind of guard, and clients of it.

use std::future::pending;

use majordomo::{
    config::{Config, Mode},
    domain::access::Permission,
    http::{
        ApiError, Fields, FromFields, Json, ProblemCode, SignedIn,
        credential::ControlToken,
        route::{Access, Class, Listener, On, Route, row},
    },
    types::{CallContext, Caller, Invalid, Secret},
};
use serde_json::{Value, json};
use utoipa_axum::routes;

use crate::harness::{Client, services_of};

#[utoipa::path(
    get, path = "/open", operation_id = "show_open", params(("token" = Option<String>, Query)),
    responses((status = 200)),
)]
async fn open(context: CallContext) -> Json<Value> {
    let caller = match &context.caller {
        Caller::Anonymous => "anonymous",
        Caller::User(_) => "user",
        Caller::Operator => "operator",
        Caller::Service(_) => "service",
    };
    Json(json!({ "caller": caller, "client": context.client.map(|ip| ip.to_string()), "agent": context.user_agent }))
}

#[utoipa::path(post, path = "/login", operation_id = "log_in", responses((status = 200)))]
async fn login() -> Result<Json<()>, ApiError> {
    Err(ApiError::new(ProblemCode::InvalidCredentials))
}

#[utoipa::path(
    get, path = "/own", operation_id = "show_own", params(("token" = Option<String>, Query)),
    responses((status = 200)),
)]
async fn own(SignedIn(principal): SignedIn) -> Json<String> {
    Json(principal.user.to_string())
}

#[utoipa::path(get, path = "/stats", operation_id = "show_stats", responses((status = 200)))]
async fn stats(context: CallContext) -> Json<String> {
    Json(format!("{:?}", context.caller))
}

#[utoipa::path(
    post, path = "/restart", operation_id = "restart_it", params(("token" = Option<String>, Query)),
    responses((status = 200)),
)]
async fn restart(context: CallContext) -> Json<String> {
    Json(format!("{:?}", context.caller))
}

#[utoipa::path(get, path = "/dev/inbox", operation_id = "list_inbox", responses((status = 200)))]
async fn inbox() -> Json<()> {
    Json(())
}

#[utoipa::path(
    get, path = "/crash", operation_id = "crash_it", params(("token" = Option<String>, Query)),
    responses((status = 200)),
)]
async fn crash() -> Json<()> {
    panic!("the internals")
}

#[derive(utoipa::ToSchema)]
struct Newcomer(String);

impl FromFields for Newcomer {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        body.required("name").text(|name| Ok(name.to_owned())).map(Self)
    }
}

#[utoipa::path(post, path = "/enrol", operation_id = "enrol", responses((status = 200)))]
async fn enrol(Json(Newcomer(name)): Json<Newcomer>) -> Result<Json<()>, ApiError> {
    if name == "invited" {
        let why = Invalid::new("invitation_invalid", "is not a code that lets this address register");
        return Err(ApiError::invalid(vec![why.at("/invitation")]));
    }
    Ok(Json(()))
}

#[utoipa::path(get, path = "/stuck", operation_id = "show_stuck", responses((status = 200)))]
async fn stuck() -> Json<()> {
    pending().await
}

pub fn table() -> Vec<Route> {
    let read = Access::Needs(Permission::ReadOperations);
    let operate = Access::Needs(Permission::Operate);
    vec![
        row(On::Both, Access::Anonymous, Class::Standard, routes!(open)),
        row(On::Public, Access::Anonymous, Class::Login, routes!(login)),
        row(On::Public, Access::Needs(Permission::UseOwnAccount), Class::Standard, routes!(own)),
        row(On::Ops, read, Class::Standard, routes!(stats)),
        row(On::Ops, operate, Class::Standard, routes!(restart)),
        row(On::Public, Access::Development, Class::Standard, routes!(inbox)),
        row(On::Public, Access::Anonymous, Class::Exempt, routes!(stuck)),
        row(On::Public, Access::Needs(Permission::UseOwnAccount), Class::Standard, routes!(crash)),
        row(On::Public, Access::Anonymous, Class::Register, routes!(enrol)),
    ]
}

/// Behind a proxy on the same machine.
pub fn production() -> Config {
    let mut config = Config { mode: Mode::Production, ..Config::default() };
    config.edge.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    config
}

pub fn on(listener: Listener, config: &Config) -> Client {
    let control = ControlToken::new(Secret::new("control-token"));
    Client::of_listener(table(), listener, services_of(config, control))
}

pub fn public() -> Client {
    on(Listener::Public, &Config::default())
}

/// Clients that are not direct loopback requests.
pub fn outsiders(client: &Client) -> Vec<Client> {
    vec![
        client.at("192.0.2.1"),
        client.with("host", "evil.example"),
        client.with("host", "127.0.0.1.evil.example:8080"),
        client.with("x-forwarded-for", "127.0.0.1"),
        client.with("forwarded", "for=127.0.0.1"),
        client.with("via", "1.1 proxy"),
        client.with("x-forwarded-server", "proxy.example"),
        client.with("origin", "https://evil.example"),
        client.with("origin", "null"),
        client.with("sec-fetch-site", "cross-site"),
        client.with("sec-fetch-site", "same-site"),
    ]
}
