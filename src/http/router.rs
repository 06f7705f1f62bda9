//! Builds the router of a listener from the route table.

use std::collections::BTreeMap;

use axum::{Extension, Router, extract::State, middleware as axum_middleware, routing::MethodRouter};

use super::{
    context::RequestOrigin,
    error::{ApiError, ProblemCode},
    middleware::{
        frame::{self, RequestFrame},
        gate::{self, Gate},
    },
    route::{Listener, Route},
    services::EdgeServices,
};

/// The router of `listener`: its routes, each behind its `Gate`, with the edge code around all of them.
pub fn router(listener: Listener, services: EdgeServices) -> Router {
    from_table(super::routes::table(), listener, services)
}

/// The same for a given table; tests pass their own.
pub fn from_table(table: Vec<Route>, listener: Listener, services: EdgeServices) -> Router {
    let mut paths: BTreeMap<String, (MethodRouter<EdgeServices>, Vec<&'static str>)> = BTreeMap::new();
    for route in table.into_iter().filter(|route| gate::is_answered(&route.rule, listener, &services.edge)) {
        let Route { rule, handler, .. } = route;
        let (path, method) = (rule.mount.clone(), rule.method);
        let users = services.users.clone();
        let gate = Gate { edge: services.edge.clone(), listener, rule: rule.into(), users };
        let handler = handler.route_layer(axum_middleware::from_fn_with_state(gate, gate::pass));
        let (methods, allowed) = paths.entry(path).or_default();
        *methods = std::mem::take(methods).merge(handler);
        allowed.push(method);
        if method == "GET" {
            allowed.push("HEAD");
        }
    }
    let router = paths.into_iter().fold(Router::new(), |router, (path, (methods, allowed))| {
        let mut allowed = allowed;
        allowed.sort_unstable();
        let allow = allowed.join(", ");
        let refuse = async move |State(services): State<EdgeServices>, Extension(origin): Extension<RequestOrigin>| {
            gate::refuse_unrouted(&services.edge, &origin, ApiError::method_not_allowed(&allow))
        };
        router.route(&path, methods.fallback(refuse))
    });
    let nothing = async |State(services): State<EdgeServices>, Extension(origin): Extension<RequestOrigin>| {
        gate::refuse_unrouted(&services.edge, &origin, ApiError::new(ProblemCode::NotFound))
    };
    let frame = RequestFrame { edge: services.edge.clone(), listener };
    router.fallback(nothing).layer(axum_middleware::from_fn_with_state(frame, frame::wrap)).with_state(services)
}
