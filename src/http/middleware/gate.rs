//! The gate before a route's handler: is it answered here, who calls, may they, and for how long.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::HeaderMap,
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    http::{
        context::Origin,
        credential::{bearer, demand_loopback, unauthenticated},
        error::{ApiError, Code},
        extract::BodyLimit,
        route::{Access, Listener, Pace, Rule},
        services::{Edge, Mode},
    },
    types::{Caller, Outcome, limits},
};

/// What stands before one route.
#[derive(Clone)]
pub struct Gate {
    /// What the frame knows.
    pub edge: Arc<Edge>,
    /// Where the request came in.
    pub listener: Listener,
    /// What the route demands.
    pub rule: Arc<Rule>,
}

/// Whether `listener` answers the route at all; `/dev/*` does not exist in production.
pub fn is_answered(rule: &Rule, listener: Listener, mode: Mode) -> bool {
    let exists = match (rule.access, mode) {
        (Access::Development, Mode::Production) => false,
        (Access::Development, Mode::Development) | (Access::Nobody | Access::SignedIn, _) => true,
    };
    exists && rule.on.includes(listener)
}

/// Lets a request through to its handler, or answers it.
pub async fn pass(State(gate): State<Gate>, mut request: Request, next: Next) -> Response {
    let Some(origin) = request.extensions().get::<Origin>().cloned() else {
        return ApiError::new(Code::Internal).into_response();
    };
    let caller = match gate.admit(&origin, request.headers()).await {
        Ok(caller) => caller,
        Err(refusal) => return refusal.into_response(),
    };
    request.extensions_mut().insert(origin.context(caller));
    request.extensions_mut().insert(BodyLimit(gate.rule.body_max));
    match gate.rule.pace {
        Pace::Stream => next.run(request).await,
        Pace::Prompt => match tokio::time::timeout(limits::HANDLER_TIMEOUT, next.run(request)).await {
            Ok(response) => response,
            Err(_elapsed) => ApiError::new(Code::OutcomeUnknown).outcome(Outcome::Unknown).into_response(),
        },
    }
}

impl Gate {
    async fn admit(&self, origin: &Origin, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let caller = self.identify(headers).await;
        match self.rule.access {
            Access::Nobody => Ok(caller.unwrap_or(Caller::Anonymous)),
            Access::Development => demand_loopback(origin, headers).map(|()| Caller::Anonymous),
            Access::SignedIn => match caller? {
                Caller::Anonymous => Err(unauthenticated()),
                caller @ (Caller::User(_) | Caller::Operator | Caller::House(_)) => Ok(caller),
            },
        }
    }

    /// Who the credential of a request stands for; none is `Anonymous`.
    async fn identify(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(token) = bearer(headers) else { return Ok(Caller::Anonymous) };
        if self.listener == Listener::Ops && self.edge.control.is(&token) {
            return Ok(Caller::Operator);
        }
        let principal = self.edge.authenticator.authenticate(token.reveal()).await?;
        Ok(Caller::User(principal))
    }
}
