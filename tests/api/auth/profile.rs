//! The profile of the signed-in user, and the claims of the token.

use serde_json::json;

use crate::test_app::{ADA, TestApp};

#[tokio::test]
async fn a_signed_in_user_reads_the_profile_and_the_claims_of_the_token() {
    let app = TestApp::new().await;
    let ada = app.member(ADA).await;
    let profile = ada.get("/auth/profile").await;
    assert_eq!((profile.status, &profile.body["email"]), (200, &json!(ADA)), "{profile:?}");
    assert_eq!((&profile.body["id"], &profile.body["status"]), (&json!(ada.id), &json!("active")));
    let valid = ada.get("/auth/validate").await;
    assert_eq!((valid.status, &valid.body["active"]), (200, &json!(true)), "{valid:?}");
    let claims = &valid.body["claims"];
    assert_eq!((&claims["sub"], &claims["sid"]), (&json!(ada.id), &ada.tokens["sessionId"]));
    for path in ["/auth/profile", "/auth/validate"] {
        assert_eq!(app.anyone.get(path).await.problem(), "unauthenticated");
        assert_eq!(app.anyone.signed_in("made.up").get(path).await.problem(), "invalid_token");
    }
}
