//! Compaction, requested by an operator. A compaction itself is tested with stores on disk in `tests/store/swaps.rs`
//! and `tests/e2e/compaction.rs`.

use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn a_compaction_needs_an_operator_and_a_tree_on_disk() {
    let app = TestApp::new().await;
    assert_eq!(app.operator().post("/store/compact", json!({})).await.problem(), "conflict");
    assert_eq!(app.ops.post("/store/compact", json!({})).await.problem(), "unauthenticated");
}
