//! A route's row is beside its handler: `http/routes/<service>/<resource>.rs` has as many rows as handlers.

use crate::source::Source;
use crate::{finds, hold};

/// Files whose rows and handlers differ, and handlers or rows outside a service's folder.
fn routes(source: &Source) -> Vec<String> {
    let Some(place) = source.path.strip_prefix("src/http/routes/") else { return Vec::new() };
    let handlers = source.code.matches("#[utoipa::path(").count();
    let rows = source.code.matches("routes!(").count();
    let mut found = Vec::new();
    if handlers != rows {
        found.push(format!("{}: {handlers} handlers and {rows} rows", source.path));
    }
    if rows > 0 && (place.split('/').count() != 2 || place.ends_with("/mod.rs")) {
        found.push(format!("{}: a row belongs in routes/<service>/<resource>.rs", source.path));
    }
    found
}

#[test]
fn each_handler_has_its_row_beside_it() {
    hold(routes);
}

#[test]
fn the_rule_on_routes_can_fail() {
    let (handler, row) = ("#[utoipa::path(get)]\npub async fn a() {}\n", "row(Public, routes!(a));\n");
    finds(routes, 0, "src/http/routes/auth/a.rs", &format!("{row}{handler}"));
    finds(routes, 1, "src/http/routes/auth/a.rs", handler);
    finds(routes, 1, "src/http/routes/auth/a.rs", row);
    finds(routes, 1, "src/http/routes/auth/mod.rs", &format!("{row}{handler}"));
    finds(routes, 1, "src/http/routes/a.rs", &format!("{row}{handler}"));
    finds(routes, 0, "src/http/route.rs", row);
}
