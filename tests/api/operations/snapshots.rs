//! Snapshots, requested by an operator. The file itself is tested with a store on disk in `tests/e2e/snapshots.rs`.

use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn a_snapshot_needs_an_absolute_path_and_a_store_on_disk() {
    let app = TestApp::new().await;
    let operator = app.operator();
    let snapshot = |file: &str| json!({ "file": file });
    assert_eq!(operator.post("/snapshots", snapshot("copy")).await.fields(), ["/file not_absolute"]);
    assert_eq!(operator.post("/snapshots", snapshot("/nowhere/copy")).await.problem(), "conflict");
    assert_eq!(app.ops.post("/snapshots", snapshot("/nowhere/copy")).await.problem(), "unauthenticated");
}
