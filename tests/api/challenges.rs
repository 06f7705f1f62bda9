//! Each 401 says how to sign in (RFC 9110 section 15.5.2, RFC 6750 section 3).

use serde_json::json;

use crate::test_app::TestApp;

#[tokio::test]
async fn every_401_says_how_to_sign_in() {
    let app = TestApp::new().await;
    let member = app.member("ada@example.com").await;
    member.post("/auth/logout", json!({})).await;
    let wrong = json!({ "identifier": "ada@example.com", "password": "an unguessable sentence of yours" });
    let answers = [
        app.anyone.get("/auth/profile").await,
        app.anyone.signed_in("made.up").get("/auth/profile").await,
        member.get("/auth/profile").await,
        app.anyone.post("/auth/login", wrong).await,
        app.anyone.post("/auth/refresh", json!({ "refreshToken": "made-up" })).await,
        app.anyone.post("/auth/refresh", json!({ "refreshToken": member.tokens["refreshToken"] })).await,
        app.ops.at("192.0.2.1").get("/actors").await,
        app.ops.signed_in("made-up").get("/actors").await,
    ];
    for answer in &answers {
        assert_eq!(answer.status, 401, "{answer:?}");
        let challenge = answer.header("www-authenticate");
        assert!(challenge.starts_with("Bearer realm=\"majordomo\""), "{answer:?}");
        let token_refused = ["invalid_token", "token_expired", "session_ended"].contains(&answer.problem());
        assert_eq!(challenge.contains("error=\"invalid_token\""), token_refused, "{answer:?}");
    }
}
