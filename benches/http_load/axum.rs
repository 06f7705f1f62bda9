//! The comparison for `GET /auth/profile`: axum with the same answer, with jsonwebtoken's check of the token or without
//! one, in a process of its own.

use std::process::Command;

use axum::{
    Router,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::Value;

use crate::http_load::program::Program;

/// The argument with which the bench starts itself as this server.
pub const COMMAND: &str = "bare-axum";
const BODY: &str = "BARE_AXUM_BODY";
const KEYS: &str = "BARE_AXUM_KEYS";

/// Starts the server; with `keys` it checks the token.
pub fn start(body: &str, keys: Option<&Value>) -> Program {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.arg(COMMAND).env(BODY, body);
    if let Some(keys) = keys {
        command.env(KEYS, keys.to_string());
    }
    Program::start(command, "listening on ")
}

#[derive(Clone)]
struct Bare {
    body: &'static str,
    check: Option<&'static (DecodingKey, Validation)>,
}

async fn answer(State(bare): State<Bare>, headers: HeaderMap) -> Response {
    if let Some((key, validation)) = bare.check {
        let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        let is_valid = token.is_some_and(|token| jsonwebtoken::decode::<Value>(token, key, validation).is_ok());
        if !is_valid {
            return StatusCode::UNAUTHORIZED.into_response();
        }
    }
    ([(header::CONTENT_TYPE, "application/json")], bare.body).into_response()
}

fn check() -> Option<(DecodingKey, Validation)> {
    let keys: JwkSet = serde_json::from_str(&std::env::var(KEYS).ok()?).expect("keys");
    let mut validation = Validation::new(Algorithm::EdDSA);
    validation.set_audience(&["majordomo"]);
    validation.set_issuer(&["http://majordomo.localhost"]);
    Some((DecodingKey::from_jwk(&keys.keys[0]).expect("a key"), validation))
}

/// Serves until the process is killed.
pub async fn serve() {
    let body: &'static str = std::env::var(BODY).expect("a body").leak();
    let check = check().map(|check| &*Box::leak(Box::new(check)));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("listening on {}", listener.local_addr().expect("an address"));
    let router = Router::new().route("/auth/profile", get(answer)).with_state(Bare { body, check });
    axum::serve(listener, router).await.expect("it serves");
}
