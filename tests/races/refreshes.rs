//! Refresh tokens that are used many times in parallel, and clients that lose answers.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use futures::future::join_all;
use majordomo::domain::auth::events::{SessionRefreshed, SessionReuseDetected, SessionRevoked};
use serde_json::json;

use crate::{
    races::{hundred, make_room, roomy, with_status},
    test_app::{PASSWORD, TestApp},
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_refresh_token_used_a_hundred_times_has_one_successor() {
    let app = TestApp::with(|config| {
        make_room(config);
        config.events.session_refreshed = true;
    })
    .await;
    let ada = app.member("ada@example.com").await;
    let body = json!({ "refreshToken": ada.tokens["refreshToken"] });
    let answers = hundred(|_| {
        let (client, body) = (app.anyone.clone(), body.clone());
        async move { client.post("/auth/refresh", body).await }
    })
    .await;
    assert_eq!(with_status(&answers, 200), 100);
    let successors: BTreeSet<_> = answers.iter().map(|answer| answer.body["refreshToken"].to_string()).collect();
    assert_eq!(successors.len(), 1);
    assert_eq!(app.events(SessionRefreshed::TYPE).len(), 1);
    assert!(app.events(SessionReuseDetected::TYPE).is_empty());
    for answer in answers.into_iter().take(3) {
        assert_eq!(app.member_of(answer.body).get("/auth/profile").await.status, 200);
    }
}

/// One device that refreshes; after a lost answer it repeats the request with the same token.
async fn device(app: Arc<TestApp>, answers: Arc<AtomicU64>, mut token: String) -> u32 {
    let mut lost = 0;
    for _ in 0..20 {
        let answer = app.anyone.post("/auth/refresh", json!({ "refreshToken": token })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let number = answers.fetch_add(1, Ordering::Relaxed);
        if number.is_multiple_of(10) {
            lost += 1;
            continue;
        }
        if number.is_multiple_of(7) {
            app.advance(Duration::from_secs(1));
        }
        let user = app.member_of(answer.body);
        assert_eq!(user.get("/auth/profile").await.status, 200);
        token = user.tokens["refreshToken"].as_str().unwrap().to_owned();
    }
    lost
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_devices_that_lose_every_tenth_answer_stay_signed_in() {
    let app = Arc::new(roomy().await);
    app.verified("ada@example.com").await;
    let answers = Arc::new(AtomicU64::new(0));
    let mut devices = Vec::new();
    for _ in 0..50 {
        let entered =
            app.anyone.post("/auth/login", json!({ "identifier": "ada@example.com", "password": PASSWORD })).await;
        let token = entered.body["refreshToken"].as_str().unwrap().to_owned();
        devices.push(tokio::spawn(device(Arc::clone(&app), Arc::clone(&answers), token)));
    }
    let lost: u32 = join_all(devices).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(lost, 100, "of a thousand answers");
    assert!(app.events(SessionReuseDetected::TYPE).is_empty());
    assert!(app.events(SessionRevoked::TYPE).is_empty());
}
