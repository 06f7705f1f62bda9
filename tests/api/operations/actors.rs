//! The tree of actors, shown and restarted by operators.

use std::{sync::Arc, time::Duration};

use axum::body::Body;
use majordomo::{
    actors::operations::Operations,
    config::LogLevel,
    domain::{
        audit::Actor,
        event::EventKind,
        operations::OperationsAction,
        otp::events::{OtpEvent, OtpVerificationRequired},
    },
    http::{EdgeServices, route::Listener},
    persistence::Store,
    supervision::{Supervisor, System},
    telemetry::log::LogSwitch,
    types::limits,
};
use serde_json::json;

use crate::{
    harness::{Answer, Client, Still, Zeroes, living},
    test_app::{TestApp, eventually},
};

#[tokio::test]
async fn a_restart_by_an_operator_is_done_and_in_the_audit_log() {
    let app = TestApp::new().await;
    let operator = app.operator();
    let generation = async || operator.get("/actors/relay/notifier").await.body["generation"].as_u64();
    let before = generation().await.unwrap();
    let client = operator.with("x-request-id", "the-restart");
    let restarted = client.send("POST", "/actors/relay/notifier/restart", Body::empty()).await;
    assert_eq!((restarted.status, &restarted.body["path"]), (202, &json!("relay/notifier")), "{restarted:?}");
    eventually("the next start", async || (generation().await > Some(before)).then_some(())).await;
    let restarts = operator.get("/actors/relay/notifier").await;
    assert_eq!(restarts.body["supervision"]["restartsByOperator"], 1, "{restarts:?}");
    let [entry] = &app.audited(OperationsAction::RestartActor)[..] else { panic!("one entry") };
    assert_eq!((&entry.actor, entry.detail.as_str()), (&Actor::Cli, "path=relay/notifier"));
    assert_eq!(entry.request_id, "the-restart");
    app.member("ada@example.com").await;

    let group = operator.send("POST", "/actors/relay/restart", Body::empty()).await;
    assert_eq!((group.status, group.problem()), (409, "status_conflict"));
    assert_eq!(app.audited(OperationsAction::RestartActor).len(), 1, "a refused restart was done");
}

#[tokio::test]
async fn a_child_of_the_otp_actor_shows_when_its_code_ends() {
    let app = TestApp::new().await;
    let operator = app.operator();
    assert_eq!(operator.get("/actors/otp").await.body["kind"], "OtpActor");
    assert_eq!(operator.get("/actors/user").await.body["kind"], "UserActor");
    let registered = app.register("ada@example.com").await;
    app.code_of("ada@example.com").await;
    let otp = operator.get("/actors/otp").await;
    let path = format!("/actors/{}", otp.body["children"][0].as_str().unwrap());
    let child = operator.get(&path).await;
    let required = app.events(OtpVerificationRequired::TYPE).remove(0).kind;
    let Some(EventKind::Otp(OtpEvent::OtpVerificationRequired(required))) = required else { panic!("{required:?}") };
    let end = required.expires_at.to_string();
    assert_eq!((&child.body["status"], &child.body["wakesAt"]), (&json!("running"), &json!(end)), "{child:?}");

    app.advance(Duration::from_secs(601));
    operator.send("POST", &format!("{path}/restart"), Body::empty()).await;
    let is_absent = async || (operator.get(&path).await.status == 404).then_some(());
    eventually("the child has stopped", is_absent).await;
    let tried = json!({ "userId": registered.body["id"], "code": "000000" });
    assert_eq!(app.anyone.post("/auth/verify-email", tried).await.problem(), "code_invalid");
    let child = operator.get(&path).await;
    assert_eq!((&child.body["status"], child.body.get("wakesAt")), (&json!("running"), None), "{child:?}");
}

#[tokio::test]
async fn the_tree_is_shown_in_pages() {
    const COUNT: usize = limits::ACTORS_PAGE + 3;
    let system = System::new(Arc::new(Still), Arc::new(Zeroes));
    let mut root = Supervisor::root(&system);
    for number in 0..COUNT {
        root.group(&format!("group{number:04}"), |_empty| ());
    }
    let services = living();
    let store = Store::in_memory(Arc::new(Still), &Zeroes);
    let log = LogSwitch::without_output(LogLevel::Info);
    let operations = Operations::new(system, store, (services.relays.clone(), services.notifier.clone()), log);
    let ops = Client::new(Listener::Ops, EdgeServices { operations, ..services });
    let paths = |page: &Answer| -> Vec<String> {
        let actors = page.body["actors"].as_array().unwrap().iter();
        actors.map(|actor| actor["path"].as_str().unwrap().to_owned()).collect()
    };
    let first = ops.get("/actors").await;
    let cursor = first.body["nextCursor"].as_str().unwrap();
    let rest = ops.get(&format!("/actors?cursor={cursor}")).await;
    assert!(rest.body["nextCursor"].is_null(), "{rest:?}");
    let mut paths: Vec<_> = [&first, &rest].into_iter().flat_map(paths).collect();
    assert!(paths.is_sorted());
    paths.dedup();
    assert_eq!(paths.len(), COUNT + 1, "the groups and their root");
}

#[tokio::test]
async fn the_tree_is_shown_and_its_actors_restarted() {
    let services = living();
    let ops = Client::new(Listener::Ops, services.clone());
    let all = ops.get("/actors").await;
    assert_eq!(all.status, 200);
    assert!(all.body["totals"].is_object() && all.body["actors"].is_array(), "{all:?}");
    let node = &all.body["node"];
    let id: uuid::Uuid = node["id"].as_str().unwrap().parse().unwrap();
    assert_eq!((id.get_version_num(), &node["started"]), (7, &json!("2026-01-01T00:00:00.000000Z")));
    assert!(!node["name"].as_str().unwrap().is_empty(), "{node}");
    assert_eq!(ops.get("/actors/no/such/actor").await.problem(), "not_found");
    assert_eq!(ops.get("/actors?page=2").await.problem(), "invalid_query");
    let made_up = ops.get("/actors?cursor=x").await;
    assert_eq!((made_up.status, made_up.problem()), (400, "invalid_cursor"));

    let restart = "/actors/no/such/actor/restart";
    assert_eq!(ops.send("POST", restart, Body::empty()).await.problem(), "unauthenticated");
    assert_eq!(ops.signed_in("support").send("POST", restart, Body::empty()).await.problem(), "forbidden");
    assert_eq!(ops.signed_in("control").send("POST", restart, Body::empty()).await.problem(), "not_found");
    let public = Client::new(Listener::Public, services);
    assert_eq!(public.signed_in("admin").get("/actors").await.problem(), "not_found");
}
