//! Users, read and changed by administrators.

use std::time::Duration;

use majordomo::domain::user::{actions::UserAction, events::UserStatusChanged};
use serde_json::{Value, json};

use crate::test_app::TestApp;

fn emails(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|user| user["email"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn users_see_themselves_and_only_readers_see_others() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member("ada@example.com").await, app.member("bob@example.com").await);
    let sue = app.holder("sue@example.com", "support").await;
    assert_eq!(ada.get("/users/me").await.body, ada.get(&format!("/users/{}", ada.id)).await.body);
    let of_bob = format!("/users/{}", bob.id);
    assert_eq!((ada.get(&of_bob).await.status, ada.get(&of_bob).await.problem()), (404, "not_found"));
    assert_eq!(sue.get(&of_bob).await.body["email"], "bob@example.com");
    assert_eq!(sue.get("/users/0199b2c0-0000-7000-8000-000000000000").await.problem(), "not_found");
    assert_eq!(sue.get("/users/you").await.problem(), "not_found");
    assert_eq!(ada.get("/users").await.problem(), "forbidden");
    assert_eq!(sue.put(&format!("{of_bob}/status"), json!({ "status": "disabled" })).await.problem(), "forbidden");
}

#[tokio::test]
async fn users_are_listed_newest_first_and_by_filters() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    for name in ["bob", "cid", "dan"] {
        app.advance(Duration::from_secs(1));
        app.verified(&format!("{name}@example.com")).await;
    }
    let all = ["dan@example.com", "cid@example.com", "bob@example.com", "ann@example.com"];
    assert_eq!(emails(&ann.get("/users").await.body), all);

    let first = ann.get("/users?limit=3").await.body;
    assert_eq!(emails(&first), all[..3]);
    let cursor = first["nextCursor"].as_str().unwrap();
    let second = ann.get(&format!("/users?limit=3&cursor={cursor}")).await.body;
    assert_eq!((emails(&second), &second["nextCursor"]), (vec![all[3]], &Value::Null));
    let stray = ann.get(&format!("/users?status=active&cursor={cursor}")).await;
    assert_eq!(stray.problem(), "invalid_cursor");
    let whole = ann.get("/users?limit=4").await.body;
    assert_eq!((emails(&whole).len(), &whole["nextCursor"]), (4, &Value::Null));

    let dan = ann.get("/users?email=DAN%40example.com").await.body;
    assert_eq!(emails(&dan), ["dan@example.com"]);
    let id = dan["data"][0]["id"].as_str().unwrap();
    assert_eq!(ann.put(&format!("/users/{id}/status"), json!({ "status": "disabled" })).await.status, 200);
    assert_eq!(emails(&ann.get("/users?status=disabled").await.body), ["dan@example.com"]);
    assert_eq!(emails(&ann.get("/users?role=admin").await.body), ["ann@example.com"]);
    assert_eq!(emails(&ann.get("/users?role=admin&status=disabled").await.body), Vec::<&str>::new());
    let page = ann.get("/users?role=user&status=active&limit=2").await.body;
    assert_eq!(emails(&page), all[1..3]);
    assert_eq!(ann.get("/users?role=king&status=odd&sort=up").await.fields().len(), 3);
}

#[tokio::test]
async fn a_disabled_user_is_refused_at_once_and_can_be_enabled_again() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    let bob = app.member("bob@example.com").await;
    let status = format!("/users/{}/status", bob.id);
    let disabled = ann.put(&status, json!({ "status": "disabled" })).await;
    assert_eq!((disabled.status, &disabled.body["status"]), (200, &json!("disabled")));
    assert_eq!(bob.get("/auth/profile").await.problem(), "session_ended");
    assert_eq!(app.login("bob@example.com").await.problem(), "invalid_credentials");
    assert_eq!(app.events(UserStatusChanged::TYPE).len(), 1);
    assert_eq!(ann.put(&status, json!({ "status": "disabled" })).await.status, 200, "it is so already");
    assert_eq!(app.events(UserStatusChanged::TYPE).len(), 1);

    let locked = ann.put(&status, json!({ "status": "locked" })).await;
    assert_eq!((locked.status, locked.problem()), (409, "status_conflict"));
    assert_eq!(ann.put(&status, json!({ "status": "pending" })).await.problem(), "status_conflict");
    assert_eq!(ann.put(&status, json!({ "status": "deleted" })).await.fields(), ["/status unknown_value"]);
    let unlock = app.operator().post("/users/unlock", json!({ "email": "bob@example.com" })).await;
    assert_eq!(unlock.problem(), "status_conflict");
    assert_eq!(ann.put(&status, json!({ "status": "active" })).await.body["status"], "active");
    app.sign_in("bob@example.com").await;
}

#[tokio::test]
async fn roles_apply_from_the_next_request() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    let bob = app.member("bob@example.com").await;
    let roles = format!("/users/{}/roles", bob.id);
    assert_eq!(bob.get("/users").await.problem(), "forbidden");
    let changed = ann.put(&roles, json!({ "roles": ["support", "user", "support"] })).await;
    assert_eq!((changed.status, &changed.body["roles"]), (200, &json!(["user", "support"])));
    assert_eq!(bob.get("/users").await.status, 200);
    assert_eq!(ann.put(&roles, json!({ "roles": ["user"] })).await.status, 200);
    assert_eq!(bob.get("/users").await.problem(), "forbidden");
    assert_eq!(ann.put(&roles, json!({ "roles": ["king"] })).await.fields(), ["/roles/0 unknown_role"]);
    assert_eq!(app.audited(UserAction::ChangeRoles).len(), 2);
}

#[tokio::test]
async fn a_change_applies_only_to_the_version_that_was_read() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    let bob = app.member("bob@example.com").await;
    let of_bob = format!("/users/{}", bob.id);
    let read = ann.get(&of_bob).await;
    let tag = read.header("etag").to_owned();
    assert!(tag.starts_with('"') && tag.ends_with('"') && tag.len() > 2, "{tag}");
    assert_eq!(bob.get("/auth/profile").await.header("etag"), tag);
    assert_eq!(bob.get("/users/me").await.header("etag"), tag);
    app.sign_in("bob@example.com").await;
    assert_eq!(bob.get("/users/me").await.header("etag"), tag, "what is not shown does not count");

    let (roles, status) = (format!("{of_bob}/roles"), format!("{of_bob}/status"));
    let support = json!({ "roles": ["user", "support"] });
    let changed = ann.with("if-match", &tag).put(&roles, support.clone()).await;
    let newer = changed.header("etag").to_owned();
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_ne!(newer, tag);
    assert_eq!(ann.get(&of_bob).await.header("etag"), newer);
    for (path, body) in [(&roles, support), (&status, json!({ "status": "disabled" }))] {
        let late = ann.with("if-match", &tag).put(path, body).await;
        assert_eq!((late.status, late.problem()), (412, "precondition_failed"), "{path}");
        assert_eq!(late.body["outcome"], "not_applied");
    }
    assert_eq!(ann.get(&of_bob).await.header("etag"), newer, "nothing was changed");
    let weak = ann.with("if-match", &format!("W/{newer}")).put(&status, json!({ "status": "disabled" })).await;
    assert_eq!(weak.problem(), "precondition_failed", "If-Match compares strongly");
    let bare = ann.with("if-match", "7").put(&status, json!({ "status": "disabled" })).await;
    assert_eq!((bare.status, bare.problem()), (400, "invalid_header"));

    let listed = format!("{tag}, {newer}");
    let disabled = ann.with("if-match", &listed).put(&status, json!({ "status": "disabled" })).await;
    assert_eq!((disabled.status, &disabled.body["status"]), (200, &json!("disabled")));
    let any = ann.with("if-match", "*").put(&status, json!({ "status": "active" })).await;
    assert_eq!(any.status, 200);
    let unknown = "/users/0199b2c0-0000-7000-8000-000000000000/status";
    assert_eq!(ann.with("if-match", "*").put(unknown, json!({ "status": "active" })).await.problem(), "not_found");
}

#[tokio::test]
async fn the_last_administrator_is_not_disabled() {
    let app = TestApp::new().await;
    let ann = app.admin("ann@example.com").await;
    for status in ["disabled", "locked"] {
        let refused = ann.put("/users/me/status", json!({ "status": status })).await;
        assert_eq!((refused.status, refused.problem()), (409, "last_admin"));
    }
    assert_eq!(ann.put("/users/me/roles", json!({ "roles": ["user"] })).await.problem(), "last_admin");
    let bea = app.admin("bea@example.com").await;
    let [of_ann, of_bea] = [&ann, &bea].map(|admin| format!("/users/{}/status", admin.id));
    let disabled = || json!({ "status": "disabled" });
    let both = tokio::join!(ann.put(&of_bea, disabled()), bea.put(&of_ann, disabled()));
    let done = [both.0, both.1].into_iter().filter(|answer| answer.status == 200).count();
    assert_eq!(done, 1, "of two administrators who disable each other in parallel one remains");
}
