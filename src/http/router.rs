//! Builds the router of a listener from the route table.

use std::collections::BTreeMap;

use axum::{Extension, Router, extract::State, http::Uri, middleware as axum_middleware, routing::MethodRouter};

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
    let mut paths: BTreeMap<String, (MethodRouter<EdgeServices>, Allowed)> = BTreeMap::new();
    for route in table.into_iter().filter(|route| gate::is_answered(&route.rule, listener, &services.edge)) {
        let Route { rule, handler, .. } = route;
        let (mount, path, method) = (rule.mount.clone(), rule.path.clone(), rule.method);
        let users = services.users.clone();
        let gate = Gate { edge: services.edge.clone(), listener, rule: rule.into(), users };
        let handler = handler.route_layer(axum_middleware::from_fn_with_state(gate, gate::pass));
        let (methods, allowed) = paths.entry(mount).or_default();
        *methods = std::mem::take(methods).merge(handler);
        allowed.add(&path, method);
    }
    let router = paths.into_iter().fold(Router::new(), |router, (path, (methods, allowed))| {
        let refuse =
            async move |State(services): State<EdgeServices>, Extension(origin): Extension<RequestOrigin>, uri: Uri| {
                gate::refuse_unrouted(&services.edge, &origin, ApiError::method_not_allowed(&allowed.at(uri.path())))
            };
        router.route(&path, methods.fallback(refuse))
    });
    let nothing = async |State(services): State<EdgeServices>, Extension(origin): Extension<RequestOrigin>| {
        gate::refuse_unrouted(&services.edge, &origin, ApiError::new(ProblemCode::NotFound))
    };
    let frame = RequestFrame { edge: services.edge.clone(), listener };
    router.fallback(nothing).layer(axum_middleware::from_fn_with_state(frame, frame::wrap)).with_state(services)
}

/// The methods of the routes that share a pattern of the router, by what follows the last parameter of their paths.
#[derive(Debug, Clone, Default)]
struct Allowed(BTreeMap<String, Vec<&'static str>>);

impl Allowed {
    fn add(&mut self, path: &str, method: &'static str) {
        let ending = path.rsplit_once('}').map_or("", |(_, ending)| ending);
        let methods = self.0.entry(ending.to_owned()).or_default();
        methods.push(method);
        if method == "GET" {
            methods.push("HEAD");
        }
        methods.sort_unstable();
    }

    /// The value of `Allow` for a request's path.
    fn at(&self, path: &str) -> String {
        let fitting = self.0.iter().filter(|(ending, _)| path.ends_with(ending.as_str()));
        fitting.max_by_key(|(ending, _)| ending.len()).map_or_else(String::new, |(_, methods)| methods.join(", "))
    }
}
