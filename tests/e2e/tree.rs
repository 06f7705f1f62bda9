//! The tree of actors as an operator sees it, and its page in the reference.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use serde_json::Value;

use crate::server::Home;

fn text<'a>(actor: &'a Value, member: &str) -> &'a str {
    actor[member].as_str().unwrap_or_else(|| panic!("no `{member}` in {actor}"))
}

/// One line per child, indented by its depth.
fn line(page: &mut String, actor: &Value) {
    let supervision = &actor["supervision"];
    let path = text(actor, "path");
    let depth = path.matches('/').count();
    let name = path.rsplit('/').next().unwrap_or(path);
    let restarts = format!("{} / {} s", supervision["restartsLimit"], supervision["windowSeconds"]);
    let past = text(supervision, "pastLimit");
    let name = format!("{}`{name}`", "- ".repeat(depth));
    writeln!(page, "| {name} | {} | {restarts} | {past} |", text(actor, "kind")).unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_reference_of_the_tree_is_the_running_tree() {
    let mut home = Home::new();
    home.set("auth.hash.threads", "1");
    let server = home.start().await;
    let ops = server.ops_api();
    let health = ops.get("/health").await.unwrap().expect(200).body;
    let actors = ops.get("/actors").await.unwrap().expect(200).body;
    let actors = actors["actors"].as_array().unwrap();
    assert!(actors.iter().all(|actor| actor["status"] == "running"), "{actors:?}");

    let by_path: BTreeMap<&str, &Value> = actors.iter().map(|actor| (text(actor, "path"), actor)).collect();
    let mut page =
        "# The tree\n\nPrinted by a test from a running program; do not edit. Children are started downwards and \
        stopped upwards. Past its restarts in the period a child escapes, which ends the process, or is parked.\n\n\
        | actor | kind | restarts | past them |\n|---|---|---|---|\n"
            .to_owned();
    for service in health["services"].as_array().unwrap() {
        let name = text(service, "name");
        let below = format!("{name}/");
        for (_, actor) in by_path.iter().filter(|(path, _)| **path == name || path.starts_with(&below)) {
            line(&mut page, actor);
        }
    }

    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference/tree.md");
    if std::env::var("UPDATE_REFERENCE").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &page).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == page, "tree.md differs from the running tree; run the tests with UPDATE_REFERENCE=1:\n{page}");
}
