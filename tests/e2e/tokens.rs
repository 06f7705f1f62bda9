//! Access tokens are checked by other libraries with the JWKS only, also while the keys rotate.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicBool, AtomicUsize, Ordering},
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use crate::{
    api::Api,
    peers::checker::Checker,
    server::{Home, Server, until},
};

const PASSWORD: &str = "Velvet-Anchor-7731-Quince";
const EMAIL: &str = "ada@example.org";
const ISSUER: &str = "https://id.example.org";
const AUDIENCE: &str = "shop";
const MEANT: [&str; 2] = [ISSUER, AUDIENCE];
const PUBLISHED_FOR: Duration = Duration::from_secs(2);
const CLIENTS: usize = 4;
const JWKS: &str = "/.well-known/jwks.json";

fn home_with(algorithm: &str) -> Home {
    let mut home = Home::new();
    home.set("auth.issuer", ISSUER);
    home.set("auth.audience", AUDIENCE);
    home.set("auth.token.algorithm", algorithm);
    home.set("edge.rate_limits.enabled", "false");
    home
}

async fn signed_up(server: &Server) -> Api {
    let api = server.api();
    let id = api.register(EMAIL, PASSWORD).await.unwrap().expect(201).text_of("id");
    let code = api.code(EMAIL, 20).await.unwrap().expect("no code came");
    api.verify(&id, &code).await.unwrap().expect(200);
    api
}

fn part(token: &str, at: usize) -> Value {
    let text = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

/// The same token for another user.
fn forged(token: &str) -> String {
    let mut claims = part(token, 1);
    claims["sub"] = json!("00000000-0000-7000-8000-000000000000");
    let claims = URL_SAFE_NO_PAD.encode(claims.to_string());
    let parts: Vec<&str> = token.split('.').collect();
    [parts[0], &claims, parts[2]].join(".")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jose_and_authlib_check_each_algorithm_with_the_jwks_only() {
    let checkers = Checker::all();
    for algorithm in ["RS256", "EdDSA", "ES256"] {
        let home = home_with(algorithm);
        let server = home.start().await;
        let api = signed_up(&server).await;
        let login = api.login(EMAIL, PASSWORD).await.unwrap().expect(200);
        let token = login.text_of("token");
        let tokens = [token.clone(), forged(&token)];
        assert_eq!(part(&token, 0)["alg"], algorithm);
        for checker in &checkers {
            let keys = format!("{}{JWKS}", server.public);
            let (claims_found, strict) =
                (checker.check(&keys, MEANT, &tokens), checker.check(&keys, [ISSUER, "else"], &tokens));
            assert_eq!(claims_found[0], part(&token, 1), "{} and {algorithm}", checker.name);
            for refused in [&claims_found[1], &strict[0], &strict[1]] {
                assert!(refused["refused"].is_string(), "{} and {algorithm}: {refused}", checker.name);
            }
        }
    }
}

/// Clients that use tokens while keys rotate.
#[derive(Default)]
struct Load {
    turns: AtomicUsize,
    enough: AtomicBool,
}

impl Load {
    /// Waits until each client has made some more turns.
    async fn goes_on(&self) {
        let wanted = self.turns.load(Ordering::Relaxed) + 4 * CLIENTS;
        let there =
            until(Duration::from_secs(20), || async { (self.turns.load(Ordering::Relaxed) >= wanted).then_some(()) });
        there.await.expect("the load has stopped");
    }
}

/// Uses and refreshes one session until `enough`; returns every token it received. Each must be valid at once.
async fn use_session(api: &Api, load: &Load) -> Vec<String> {
    let login = api.login(EMAIL, PASSWORD).await.unwrap().expect(200);
    let (mut tokens, mut refresh) = (vec![login.text_of("token")], login.text_of("refreshToken"));
    while !load.enough.load(Ordering::Relaxed) {
        // The newest token, and an older one of the same session.
        for token in tokens.iter().rev().step_by(3).take(2) {
            api.get_as(token, "/auth/profile").await.unwrap().expect(200);
        }
        let refreshed = api.refresh(&refresh).await.unwrap().expect(200);
        tokens.push(refreshed.text_of("token"));
        refresh = refreshed.text_of("refreshToken");
        load.turns.fetch_add(1, Ordering::Relaxed);
    }
    tokens
}

/// Requests a rotation from the running server; returns the `kid` of the signing key.
async fn rotate(home: &Home, server: &Server, flags: &[&str]) -> String {
    let ops = format!("edge.ops_listen={}", server.ops.trim_start_matches("http://"));
    let arguments: Vec<&str> = ["keys", "rotate", "--set", &ops].into_iter().chain(flags.iter().copied()).collect();
    let output = home.run(&arguments).await;
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    let signing = text.lines().find(|line| line.contains(" signing ")).unwrap_or_else(|| panic!("{text}"));
    signing.split(' ').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_rotate_under_load_without_one_refused_token() {
    let checkers = Checker::all();
    let mut home = home_with("EdDSA");
    home.set("auth.token.publish_before", &format!("{}s", PUBLISHED_FOR.as_secs()));
    let server = home.start().await;
    let api = signed_up(&server).await;
    let load = Load::default();
    let seen = home.path().join("seen.json");
    let rotation = async {
        load.goes_on().await;
        let first = rotate(&home, &server, &[]).await;
        // A service that reads the JWKS between publication and first use knows every key before it signs.
        std::fs::write(&seen, api.get(JWKS).await.unwrap().expect(200).text).unwrap();
        let taking_over = until(PUBLISHED_FOR * 10, || async {
            let signing = rotate(&home, &server, &[]).await;
            (signing != first).then_some(signing)
        });
        let second = taking_over.await.expect("the published key signs");
        load.goes_on().await;
        let third = rotate(&home, &server, &["--now"]).await;
        assert_ne!(second, third);
        load.goes_on().await;
        load.enough.store(true, Ordering::Relaxed);
        [first, second, third]
    };
    let (kids, all_tokens) =
        tokio::join!(rotation, futures::future::join_all((0..CLIENTS).map(|_| use_session(&api, &load))));
    let tokens: Vec<String> = all_tokens.into_iter().flatten().collect();
    let kid = |token: &String| part(token, 0)["kid"].as_str().unwrap().to_owned();
    let used: BTreeSet<String> = tokens.iter().map(kid).collect();
    assert_eq!(used, BTreeSet::from(kids.clone()), "each key signed something");
    let (before, sudden): (Vec<_>, Vec<_>) = tokens.into_iter().partition(|token| kid(token) != kids[2]);
    for checker in &checkers {
        let places = [(seen.to_string_lossy().into_owned(), &before), (format!("{}{JWKS}", server.public), &sudden)];
        for (keys, tokens) in places {
            let claims_found = checker.check(&keys, MEANT, tokens);
            let refused: Vec<_> = claims_found.iter().filter(|claims| !claims["refused"].is_null()).collect();
            assert!(refused.is_empty(), "{} of {}: {refused:?}", refused.len(), tokens.len());
        }
    }
}
