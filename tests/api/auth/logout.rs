//! The logout of one session and of all.

use majordomo::domain::auth::{actions::AuthAction, events::SessionRevoked};
use serde_json::json;

use crate::test_app::{ADA, TestApp};

#[tokio::test]
async fn a_logout_everywhere_ends_every_session_of_the_user_and_no_other() {
    let app = TestApp::new().await;
    let (ada, bob) = (app.member(ADA).await, app.member("bob@example.com").await);
    let elsewhere = app.sign_in(ADA).await;
    let ended = ada.post("/auth/logout-all", json!({})).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    for session in [&ada, &elsewhere] {
        assert_eq!(session.get("/auth/profile").await.problem(), "session_ended");
    }
    assert_eq!(bob.get("/auth/profile").await.status, 200);
    assert_eq!(app.events(SessionRevoked::TYPE).len(), 2);
    assert_eq!(app.audited(AuthAction::LogoutAll).len(), 1);
    assert_eq!(app.anyone.post("/auth/logout-all", json!({})).await.problem(), "unauthenticated");
}
