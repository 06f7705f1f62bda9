//! The checks before a route's handler: rate limit, authentication, permission, time limit.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderName, Method, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Response},
};

use crate::{
    actors::user::{AccessKind, NoteAccess, Users},
    config::Mode,
    domain::access::{self, Permission},
    http::{
        context::{Insight, RequestOrigin},
        credential::{bearer, demand_loopback},
        error::{ApiError, ProblemCode},
        extract::{self, BodyLimit},
        limits::{Policy, QuotaTaken, RateLimitKey},
        route::{Access, Class, Listener, Pace, QueryForm, Rule},
        services::{EdgeContext, METRICS},
    },
    types::{Caller, Outcome, limits},
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// The checks of one route.
#[derive(Clone)]
pub struct Gate {
    /// The context of the edge.
    pub edge: Arc<EdgeContext>,
    /// The listener of the request.
    pub listener: Listener,
    /// The rule of the route.
    pub rule: Arc<Rule>,
    /// The service that enters refusals in the audit log.
    pub users: Users,
}

/// Whether `listener` answers the route. In production `/dev/*` does not exist, and the API page is on the ops
/// listener only, unless `edge.docs_public` is true; `/` exists there with `edge.root_redirect` alone.
pub fn is_answered(rule: &Rule, listener: Listener, edge: &EdgeContext) -> bool {
    let exists = match (rule.access, edge.mode) {
        (Access::Development, Mode::Production) => false,
        (Access::Development, Mode::Development) | (Access::Anonymous | Access::Needs(_), _) => true,
    };
    let is_page = rule.path == "/docs" || rule.path.starts_with("/docs/");
    let is_hidden =
        rule.path == METRICS && listener == Listener::Public && !edge.shows_metrics_to_all(listener, METRICS);
    let leads_nowhere = rule.path == "/" && edge.mode == Mode::Production && edge.root_redirect.is_none();
    exists
        && !leads_nowhere
        && rule.on.includes(listener)
        && (!is_page || edge.shows_operations_on(listener))
        && !is_hidden
}

/// Passes a request to its handler, or refuses it.
pub async fn pass(State(gate): State<Gate>, request: Request, next: Next) -> Response {
    // The body is not `Sync`, so no future that waits may borrow the whole request.
    let (mut parts, body) = request.into_parts();
    let Some(origin) = parts.extensions.get::<RequestOrigin>().cloned() else {
        return ApiError::new(ProblemCode::Internal).into_response();
    };
    let (taken, admitted) = gate.admit(&origin, &parts).await;
    let mut response = match admitted {
        Err(refusal) => refusal.into_response(),
        Ok(_) if let Err(refusal) = gate.demand_query(&parts) => refusal.into_response(),
        Ok(caller) => {
            parts.extensions.insert(gate.insight(&caller, &origin, &parts));
            parts.extensions.insert(origin.context(caller));
            parts.extensions.insert(gate.body_limit());
            parts.extensions.insert(gate.edge.password_policy);
            parts.extensions.insert(gate.listener);
            gate.run(Request::from_parts(parts, body), next).await
        }
    };
    let taken = gate.recounted(&origin, &response).or(taken);
    if lacks_permission(&response) {
        gate.enter_refusal(&origin);
    }
    if let Some(taken) = taken {
        taken.write(response.headers_mut());
    }
    response
}

/// Counts a request without a matching route, and answers `refusal`, or 429 if the quota is used up.
pub fn refuse_unrouted(edge: &EdgeContext, origin: &RequestOrigin, refusal: ApiError) -> Response {
    let taken = edge.limiter.take(Policy::Anonymous, RateLimitKey::at(origin.client()), edge.clock.instant());
    let refusal = taken.and_then(|taken| taken.allowed().err()).unwrap_or(refusal);
    let mut response = refusal.into_response();
    if let Some(taken) = taken {
        taken.write(response.headers_mut());
    }
    response
}

/// Whether a refusal concerns only the form of a request. A refused invitation code does not count as one.
fn is_of_form(error: &ApiError) -> bool {
    const GUESSES: [&str; 1] = ["invitation_invalid"];
    match error.code() {
        ProblemCode::InvalidJson
        | ProblemCode::InvalidQuery
        | ProblemCode::BodyTooLarge
        | ProblemCode::UnsupportedMediaType
        | ProblemCode::IdempotencyNotSupported => true,
        ProblemCode::ValidationFailed => !error.field_errors().iter().any(|error| GUESSES.contains(&error.code)),
        _ => false,
    }
}

/// Whether the caller lacks the permission that the request needs.
fn lacks_permission(response: &Response) -> bool {
    response.extensions().get::<ApiError>().is_some_and(|error| error.code() == ProblemCode::Forbidden)
}

impl Gate {
    fn body_limit(&self) -> BodyLimit {
        BodyLimit { bytes: self.edge.limits.body_max, time: self.edge.limits.body }
    }

    async fn run(&self, request: Request, next: Next) -> Response {
        match self.rule.pace {
            Pace::Stream => next.run(request).await,
            Pace::Prompt => {
                let began = self.edge.clock.instant();
                let answered = tokio::time::timeout(self.edge.limits.handler, next.run(request)).await;
                self.log_if_slow(began);
                answered.unwrap_or_else(|_elapsed| {
                    tracing::error!(operation = %self.rule.operation_id, "a handler was cancelled at its time limit");
                    ApiError::new(ProblemCode::OutcomeUnknown).outcome(Outcome::Unknown).into_response()
                })
            }
        }
    }

    fn log_if_slow(&self, began: Instant) {
        let took = self.edge.clock.instant().saturating_duration_since(began);
        if took >= limits::SLOW_REQUEST {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            tracing::warn!(operation = %self.rule.operation_id, took_ms, "a slow request");
        }
    }

    /// Has a refusal for a missing permission entered in the audit log. The answer does not wait for it.
    fn enter_refusal(&self, origin: &RequestOrigin) {
        let Some(caller) = origin.caller() else { return };
        let note = NoteAccess { kind: AccessKind::Refused, operation: self.rule.operation_id.to_string() };
        if let Err(fault) = self.users.start(origin.context(caller.clone()), note) {
            tracing::warn!(%fault, "the refusal of a request has no audit entry");
        }
    }

    /// A request that is refused for its form counts as an anonymous request, not as a login or registration: a new
    /// user's typing errors must not use up that quota.
    fn recounted(&self, origin: &RequestOrigin, response: &Response) -> Option<QuotaTaken> {
        let policy = Policy::of_address(self.rule.class)?;
        let error = response.extensions().get::<ApiError>()?;
        if !is_of_form(error) {
            return None;
        }
        self.edge.limiter.recount(policy, RateLimitKey::at(origin.client()), self.edge.clock.instant())
    }

    /// Checks the limits by address first, so that a flood of logins costs no token verification.
    async fn admit(&self, origin: &RequestOrigin, request: &Parts) -> (Option<QuotaTaken>, Result<Caller, ApiError>) {
        let take = |policy, key| self.edge.limiter.take(policy, key, self.edge.clock.instant());
        let address = RateLimitKey::at(origin.client());
        if let Some(policy) = Policy::of_address(self.rule.class) {
            let taken = take(policy, address);
            let admitted = match taken.map_or(Ok(()), |taken| taken.allowed()) {
                Ok(()) => self.judge(self.identify(&request.headers).await, origin, request),
                Err(refusal) => Err(refusal),
            };
            return (taken, admitted);
        }
        let identified = self.identify(&request.headers).await;
        let taken = match (&identified, self.rule.class) {
            (_, Class::Exempt) | (Ok(Caller::Operator | Caller::Service(_)), _) => None,
            (Ok(Caller::User(principal)), _) => take(Policy::Authenticated, RateLimitKey::user(principal)),
            (Ok(Caller::Anonymous) | Err(_), _) => take(Policy::Anonymous, address),
        };
        let allowed = taken.map_or(Ok(()), |taken| taken.allowed());
        (taken, allowed.and_then(|()| self.judge(identified, origin, request)))
    }

    /// Checks that the caller may call the route; refused with 401 `unauthenticated` or 403 `forbidden`.
    fn judge(
        &self,
        identified: Result<Caller, ApiError>,
        origin: &RequestOrigin,
        request: &Parts,
    ) -> Result<Caller, ApiError> {
        if let Ok(caller) = &identified {
            origin.note(caller);
        }
        self.demand_no_key(request)?;
        if self.edge.shows_metrics_to_all(self.listener, &self.rule.path) {
            return Ok(identified.unwrap_or(Caller::Anonymous));
        }
        match self.rule.access {
            // A stale token of an application must not prevent its user from signing in again.
            Access::Anonymous => Ok(identified.unwrap_or(Caller::Anonymous)),
            Access::Development => demand_loopback(origin, &request.headers).map(|()| Caller::Anonymous),
            Access::Needs(permission) => match identified? {
                Caller::Anonymous if self.may_read_here(origin, request) => Ok(Caller::Anonymous),
                Caller::Anonymous => Err(ApiError::new(ProblemCode::Unauthenticated)),
                Caller::User(principal) if !access::may(&principal.roles, permission) => {
                    Err(ApiError::new(ProblemCode::Forbidden).with("permission", permission.as_str()))
                }
                caller @ (Caller::User(_) | Caller::Operator | Caller::Service(_)) => Ok(caller),
            },
        }
    }

    /// Refuses `Idempotency-Key`. No route stores answers under a key yet, and a client would rely on an ignored
    /// key. On anonymous routes a key has no owner, and an answer that is a credential must not be stored.
    fn demand_no_key(&self, request: &Parts) -> Result<(), ApiError> {
        let changes = !matches!(request.method, Method::GET | Method::HEAD);
        if changes && request.headers.contains_key(IDEMPOTENCY_KEY) {
            return Err(ApiError::new(ProblemCode::IdempotencyNotSupported));
        }
        Ok(())
    }

    /// Refuses the parameters of a query where the route has none: a client would rely on an ignored one.
    fn demand_query(&self, request: &Parts) -> Result<(), ApiError> {
        match self.rule.query {
            QueryForm::Parameters => Ok(()),
            QueryForm::Empty => extract::no_parameters(request),
        }
    }

    fn insight(&self, caller: &Caller, origin: &RequestOrigin, request: &Parts) -> Insight {
        let is_operator = match caller {
            Caller::Operator | Caller::Service(_) => true,
            Caller::User(principal) => access::may(&principal.roles, Permission::ReadOperations),
            Caller::Anonymous => self.may_read_here(origin, request),
        };
        if is_operator { Insight::Full } else { Insight::Shallow }
    }

    /// In development mode direct loopback requests may read the ops listener without a credential.
    fn may_read_here(&self, origin: &RequestOrigin, request: &Parts) -> bool {
        let reads = matches!(request.method, Method::GET | Method::HEAD);
        let claims_nothing = !request.headers.contains_key(header::AUTHORIZATION);
        self.listener == Listener::Ops
            && self.edge.mode == Mode::Development
            && reads
            && claims_nothing
            && demand_loopback(origin, &request.headers).is_ok()
    }

    /// The caller that the credential of a request proves; without a credential, `Anonymous`.
    async fn identify(&self, headers: &HeaderMap) -> Result<Caller, ApiError> {
        let Some(token) = bearer(headers) else { return Ok(Caller::Anonymous) };
        if self.listener == Listener::Ops && self.edge.control.is(&token) {
            return Ok(Caller::Operator);
        }
        let principal = self.edge.authenticator.authenticate(token.reveal()).await?;
        Ok(Caller::User(principal))
    }
}
