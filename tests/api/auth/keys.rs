//! The published signing keys.

use jsonwebtoken::{Algorithm, DecodingKey, Validation, jwk::JwkSet};
use serde_json::{Value, json};

use crate::test_app::TestApp;

#[tokio::test]
async fn any_service_checks_a_token_with_the_published_keys_only() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let keys = app.anyone.get("/.well-known/jwks.json").await;
    assert_eq!(keys.header("cache-control"), "public, max-age=300");
    let keys: JwkSet = serde_json::from_value(keys.body).unwrap();
    let token = ada.tokens["token"].as_str().unwrap();
    let header = jsonwebtoken::decode_header(token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("at+jwt"));
    let key = DecodingKey::from_jwk(keys.find(header.kid.as_deref().unwrap()).unwrap()).unwrap();
    let mut wanted = Validation::new(Algorithm::EdDSA);
    wanted.validate_exp = false;
    wanted.validate_aud = false;
    let claims = jsonwebtoken::decode::<Value>(token, &key, &wanted).unwrap().claims;
    assert_eq!((&claims["sub"], &claims["email"]), (&json!(ada.id), &json!("ada@example.com")));
    assert_eq!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap(), 900);
    let mut forged = token.to_owned();
    forged.replace_range(token.len() - 4.., "AAAA");
    assert!(jsonwebtoken::decode::<Value>(&forged, &key, &wanted).is_err());
    assert_eq!(app.anyone.signed_in(&forged).get("/auth/profile").await.problem(), "invalid_token");
}
