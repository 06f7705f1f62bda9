//! Sending, resumed by an operator. A restored store, which sends nothing until then, is tested in
//! `tests/e2e/restored.rs`.

use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn resuming_a_store_that_was_not_restored_changes_nothing() {
    let app = TestApp::new().await;
    let before = app.commits();
    let resumed = app.operator().post("/notifications/resume", json!({})).await;
    assert_eq!((resumed.status, &resumed.body), (200, &json!({ "resumed": false })));
    assert_eq!(app.commits(), before);
    assert_eq!(app.ops.post("/notifications/resume", json!({})).await.problem(), "unauthenticated");
}
