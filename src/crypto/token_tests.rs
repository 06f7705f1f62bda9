//! Tests of access tokens, with `jsonwebtoken` as an independent implementation.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, jwk::Jwk as TheirJwk};
use uuid::Uuid;

use super::*;
use crate::types::{Role, SigningAlgorithm, id::KeyId};

const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

fn expected() -> ExpectedClaims {
    ExpectedClaims { issuer: "https://id.example.com".into(), audience: "app".into() }
}

fn claims() -> AccessClaims {
    AccessClaims {
        iss: expected().issuer,
        aud: expected().audience,
        sub: UserId::from(Uuid::from_u128(1)),
        exp: NOW.as_seconds() + 900,
        iat: NOW.as_seconds(),
        jti: "0190".into(),
        sid: SessionId::from(Uuid::from_u128(2)),
        generation: 3,
        client_id: "app".into(),
        scope: String::new(),
        roles: [Role::Admin, Role::User].into_iter().collect(),
        auth_time: NOW.as_seconds(),
        amr: vec!["pwd".into()],
        extra: BTreeMap::from([("email".into(), Value::from("ann@example.com"))]),
    }
}

fn pair(number: u128, algorithm: SigningAlgorithm) -> SigningKeyPair {
    SigningKeyPair::generate(KeyId::from(Uuid::from_u128(number)), algorithm).unwrap()
}

fn key_set(algorithm: SigningAlgorithm) -> KeySet {
    KeySet::new(pair(1, algorithm), vec![]).unwrap()
}

fn resigned(keys: &KeySet, header: &str, payload: &str) -> String {
    let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
    let signature = keys.signer.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

#[test]
fn what_was_signed_is_verified_to_the_same_claims() {
    for algorithm in SigningAlgorithm::ALL {
        let keys = key_set(algorithm);
        let token = keys.sign(&claims()).unwrap();
        assert_eq!(keys.verify(token.reveal(), &expected(), NOW), Ok(claims()));
    }
}

#[test]
fn another_library_accepts_our_tokens_from_the_jwks_alone() {
    for (ours, theirs) in [
        (SigningAlgorithm::Rs256, Algorithm::RS256),
        (SigningAlgorithm::EdDsa, Algorithm::EdDSA),
        (SigningAlgorithm::Es256, Algorithm::ES256),
    ] {
        let keys = key_set(ours);
        let token = keys.sign(&claims()).unwrap();
        let published = serde_json::to_value(keys.jwks()).unwrap();
        let jwk: TheirJwk = serde_json::from_value(published["keys"][0].clone()).unwrap();
        let mut validation = Validation::new(theirs);
        // It uses the machine's clock, so its check of `exp` is off; the other checks stay on.
        validation.validate_exp = false;
        validation.set_audience(&["app"]);
        validation.set_issuer(&["https://id.example.com"]);
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        let read = jsonwebtoken::decode::<Value>(token.reveal(), &key, &validation).unwrap();
        assert_eq!(read.header.typ.as_deref(), Some("at+jwt"));
        assert_eq!(read.header.kid, jwk.common.key_id);
        let mut names: Vec<_> = read.claims.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        assert_eq!(
            names,
            ["amr", "aud", "auth_time", "client_id", "email", "exp", "gen", "iat", "iss", "jti", "roles", "sid", "sub"]
        );
        assert_eq!(read.claims["roles"], serde_json::json!(["user", "admin"]));
        assert_eq!(read.claims["sub"], "00000000-0000-0000-0000-000000000001");
    }
}

/// RFC 9068 section 2.2.3: `scope` states what was granted. RFC 6749 section 3.3 has no empty one.
#[test]
fn a_scope_is_in_the_token_if_there_is_one() {
    let keys = key_set(SigningAlgorithm::EdDsa);
    let payload = |claims: &AccessClaims| -> Value {
        let token = keys.sign(claims).unwrap();
        let part = token.reveal().split('.').nth(1).unwrap().to_owned();
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
    };
    assert_eq!(payload(&claims()).get("scope"), None);
    let scoped = AccessClaims { scope: "read write".into(), ..claims() };
    assert_eq!(payload(&scoped)["scope"], "read write");
    let token = keys.sign(&scoped).unwrap();
    assert_eq!(keys.verify(token.reveal(), &expected(), NOW), Ok(scoped));
    // Tokens of an earlier version, with an empty scope, stay valid until they expire.
    let mut old = serde_json::to_value(claims()).unwrap();
    old["scope"] = "".into();
    let old = resigned(&keys, &header_of(&keys), &old.to_string());
    assert_eq!(keys.verify(&old, &expected(), NOW), Ok(claims()));
}

fn header_of(keys: &KeySet) -> String {
    String::from_utf8(URL_SAFE_NO_PAD.decode(&keys.signer_header).unwrap()).unwrap()
}

#[test]
fn our_private_keys_are_plain_pkcs8() {
    let pair = pair(1, SigningAlgorithm::EdDsa);
    let key = EncodingKey::from_ed_der(&pair.to_pkcs8().unwrap());
    let header = Header { typ: Some(TYPE.into()), ..Header::new(Algorithm::EdDSA) };
    let theirs = jsonwebtoken::encode(&header, &claims(), &key).unwrap();
    let (message, signature) = theirs.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    assert!(pair.verifying_key().unwrap().verifies(message.as_bytes(), &signature));
}

#[test]
fn a_token_cannot_choose_how_it_is_checked() {
    let keys = key_set(SigningAlgorithm::Rs256);
    let payload = serde_json::to_string(&claims()).unwrap();
    let kid = keys.signer.id();
    for header in [
        format!(r#"{{"alg":"none","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"HS256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","typ":"JWT","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","kid":"{kid}"}}"#),
        r#"{"alg":"RS256","typ":"at+jwt"}"#.to_owned(),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","jku":"https://evil.example"}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{kid}","crit":["b64"],"b64":false}}"#),
        format!(r#"{{ "alg":"RS256","typ":"at+jwt","kid":"{kid}"}}"#),
        format!(r#"{{"alg":"RS256","typ":"at+jwt","kid":"{}"}}"#, Uuid::from_u128(99)),
    ] {
        let token = resigned(&keys, &header, &payload);
        assert_eq!(keys.verify(&token, &expected(), NOW), Err(TokenRefusal::NotOurs), "{header}");
    }
    let unsigned = format!("{}.{}.", keys.signer_header, URL_SAFE_NO_PAD.encode(&payload));
    assert_eq!(keys.verify(&unsigned, &expected(), NOW), Err(TokenRefusal::Signature));
}

#[test]
fn issuer_audience_and_time_are_exact() {
    let keys = key_set(SigningAlgorithm::EdDsa);
    let refusal = |change: &dyn Fn(&mut AccessClaims), now: Timestamp| {
        let mut changed = claims();
        change(&mut changed);
        keys.verify(keys.sign(&changed).unwrap().reveal(), &expected(), now).err()
    };
    assert_eq!(refusal(&|c| c.iss = "https://id.example.com/".into(), NOW), Some(TokenRefusal::Issuer));
    assert_eq!(refusal(&|c| c.iss = "https://ID.example.com".into(), NOW), Some(TokenRefusal::Issuer));
    assert_eq!(refusal(&|c| c.aud = "apps".into(), NOW), Some(TokenRefusal::Audience));
    let last = Timestamp::from_micros((claims().exp * 1_000_000) - 1);
    assert_eq!(refusal(&|_| (), last), None);
    assert_eq!(refusal(&|_| (), Timestamp::from_micros(claims().exp * 1_000_000)), Some(TokenRefusal::Expired));
}

#[test]
fn changed_cut_and_overlong_tokens_are_refused() {
    let keys = key_set(SigningAlgorithm::EdDsa);
    let token = keys.sign(&claims()).unwrap();
    let token = token.reveal();
    let verify = |text: &str| keys.verify(text, &expected(), NOW).unwrap_err();
    assert_eq!(verify(""), TokenRefusal::Malformed);
    assert_eq!(verify("a.b"), TokenRefusal::Malformed);
    assert_eq!(verify(&format!("{token}=")), TokenRefusal::Malformed);
    assert_eq!(verify(&token[..token.len() - 2]), TokenRefusal::Signature);
    assert_eq!(verify(&"a".repeat(limits::ACCESS_TOKEN_MAX + 1)), TokenRefusal::TooLong);
    let (message, signature) = token.rsplit_once('.').unwrap();
    let (header, payload) = message.split_once('.').unwrap();
    assert_eq!(verify(&format!("{header}.{payload}.{payload}.{signature}")), TokenRefusal::Signature);
    let other = payload.replacen(&payload[10..11], if &payload[10..11] == "A" { "B" } else { "A" }, 1);
    assert_eq!(verify(&format!("{header}.{other}.{signature}")), TokenRefusal::Signature);
    assert_eq!(verify(&resigned(&keys, r#"x"#, "{}")), TokenRefusal::NotOurs);
    let header = String::from_utf8(URL_SAFE_NO_PAD.decode(header).unwrap()).unwrap();
    assert_eq!(verify(&resigned(&keys, &header, "{}")), TokenRefusal::Claims);
}

#[test]
fn every_key_of_the_set_is_accepted_and_only_one_signs() {
    let old = key_set(SigningAlgorithm::Rs256);
    let token = old.sign(&claims()).unwrap();
    let others = vec![old.signer.verifying_key().unwrap(), pair(3, SigningAlgorithm::EdDsa).verifying_key().unwrap()];
    let rotated = KeySet::new(pair(2, SigningAlgorithm::Es256), others).unwrap();
    assert_eq!(rotated.verify(token.reveal(), &expected(), NOW), Ok(claims()));
    assert_eq!(rotated.jwks().keys.len(), 3);
    assert_eq!(rotated.jwks().keys[0].kid, rotated.signer.id().to_string());
    let retired = KeySet::new(pair(2, SigningAlgorithm::Es256), vec![]).unwrap();
    assert_eq!(retired.verify(token.reveal(), &expected(), NOW), Err(TokenRefusal::NotOurs));
}

#[test]
fn extra_claims_cannot_take_the_place_of_others_nor_grow_without_bound() {
    let keys = key_set(SigningAlgorithm::EdDsa);
    for name in RESERVED_CLAIMS {
        let mut taken = claims();
        taken.extra.insert(name.into(), Value::from("x"));
        assert!(matches!(keys.sign(&taken), Err(SigningKeyFault::Claims { .. })), "{name}");
    }
    let mut long = claims();
    long.extra.insert("note".into(), Value::from("x".repeat(limits::ACCESS_TOKEN_MAX)));
    assert!(matches!(keys.sign(&long), Err(SigningKeyFault::Claims { .. })));
}
