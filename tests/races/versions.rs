//! A hundred changes to one version of a record.

use majordomo::domain::user::actions::UserAction;
use serde_json::json;

use crate::{
    races::{hundred, with_status},
    test_app::{PASSWORD, TestApp},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_hundred_changes_to_one_version_one_is_made() {
    let app = TestApp::new().await;
    let made = json!({ "email": "ann@example.com", "password": PASSWORD });
    assert_eq!(app.operator().post("/users/admins", made).await.status, 201);
    let ann = app.sign_in("ann@example.com").await;
    let bob = app.member("bob@example.com").await;
    let tag = bob.get("/users/me").await.header("etag").to_owned();
    let path = format!("/users/{}/roles", bob.id);
    let answers = hundred(|number| {
        let role = if number % 2 == 0 { "support" } else { "auditor" };
        let (client, path) = (ann.with("if-match", &tag), path.clone());
        async move { client.put(&path, json!({ "roles": ["user", role] })).await }
    })
    .await;
    assert_eq!(with_status(&answers, 200), 1);
    assert_eq!(with_status(&answers, 412) + with_status(&answers, 503), 99);
    assert_eq!(app.audited(UserAction::ChangeRoles).len(), 1);
    let winner = answers.iter().find(|answer| answer.status == 200).unwrap();
    let now = bob.get("/users/me").await;
    assert_eq!((&now.body, now.header("etag")), (&winner.body, winner.header("etag")));
}
