//! From the route table to the router of a listener.

use std::collections::BTreeMap;

use axum::{Router, middleware as axum_middleware, routing::MethodRouter};

use super::{
    error::{ApiError, Code},
    middleware::{
        frame,
        gate::{self, Gate},
    },
    route::{Listener, Route},
    services::Services,
};

/// The router of `listener`: its routes behind their gates, all of it in the frame.
pub fn router(listener: Listener, services: Services) -> Router {
    from_table(super::routes::table(), listener, services)
}

/// The same from a table of one's own, for tests.
pub fn from_table(table: Vec<Route>, listener: Listener, services: Services) -> Router {
    let mut paths: BTreeMap<String, (MethodRouter<Services>, Vec<&'static str>)> = BTreeMap::new();
    for route in table.into_iter().filter(|route| gate::is_answered(&route.rule, listener, services.edge.mode)) {
        let Route { rule, handler, .. } = route;
        let (path, method) = (rule.path.clone(), rule.method);
        let gate = Gate { edge: services.edge.clone(), listener, rule: rule.into() };
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
        router.route(&path, methods.fallback(async move || ApiError::method_not_allowed(&allow)))
    });
    router
        .fallback(async || ApiError::new(Code::NotFound))
        .layer(axum_middleware::from_fn_with_state(services.edge.clone(), frame::wrap))
        .with_state(services)
}
