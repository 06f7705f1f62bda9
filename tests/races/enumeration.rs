//! Ways to find out whether an address belongs to a user: a request for a known address and one for an unknown address
//! cost the same hashes and commits, and have answers of the same size.

use serde_json::{Value, json};

use crate::{
    races::roomy,
    test_app::{PASSWORD, TestApp, wrong},
};

/// What a client can observe, and the server's work.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    code: Value,
    bytes: usize,
    headers: Vec<String>,
    hashes: u64,
    commits: u64,
}

async fn seen(app: &TestApp, path: &str, body: Value) -> Seen {
    let (hashes, commits) = (app.hashes(), app.commits());
    let answer = app.anyone.post(path, body).await;
    Seen {
        status: answer.status,
        code: answer.body["code"].clone(),
        bytes: answer.body.to_string().len(),
        headers: answer.headers.keys().map(ToString::to_string).collect(),
        hashes: app.hashes() - hashes,
        commits: app.commits() - commits,
    }
}

/// Sends the same request for each and compares; the addresses have one length, so that they differ in nothing else.
async fn alike(app: &TestApp, path: &str, bodies: impl IntoIterator<Item = Value>) -> Seen {
    let mut first = None;
    for body in bodies {
        let found = seen(app, path, body.clone()).await;
        match &first {
            None => first = Some(found),
            Some(first) => assert_eq!(&found, first, "{path} {body}"),
        }
    }
    first.unwrap()
}

/// `known1` is a user, for whose address another registration exists; `known2` a user; `regist` waits for its code;
/// `nobody` is an unknown address.
async fn street() -> (TestApp, [Value; 2]) {
    let app = roomy().await;
    app.verified("known1@example.com").await;
    app.verified("known2@example.com").await;
    let other = app.register("known1@example.com").await;
    let waiting = app.register("regist@example.com").await;
    app.code_of("regist@example.com").await;
    for email in ["known1@example.com", "known2@example.com", "regist@example.com", "nobody@example.com"] {
        app.anyone.post("/auth/password/forgot", json!({ "email": email })).await;
    }
    for email in ["known1@example.com", "known2@example.com", "regist@example.com"] {
        app.mail(email, "reset_code", 1).await;
    }
    app.hush().await;
    (app, [other.body["id"].clone(), waiting.body["id"].clone()])
}

const ALL: [&str; 4] = ["known1@example.com", "known2@example.com", "regist@example.com", "nobody@example.com"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_wrong_passwords_do_not_reveal_who_is_a_user() {
    let (app, _) = street().await;
    for round in 0..6 {
        let bodies = ALL.map(|email| json!({ "identifier": email, "password": "not the one it is" }));
        let found = alike(&app, "/auth/login", bodies).await;
        let wanted = if round < 5 { (401, 1, 3) } else { (429, 0, 0) };
        assert_eq!((found.status, found.hashes, found.commits), wanted, "{round}");
    }
    let names = ["countess", "somebody"].map(|name| json!({ "identifier": name, "password": PASSWORD }));
    alike(&app, "/auth/login", names).await;
    let odd = ["x", "\u{ff4b}nown2@example.com ", "a@b", "known2 @example.com"];
    for identifier in odd {
        assert_eq!(
            app.anyone.post("/auth/login", json!({ "identifier": identifier, "password": "x" })).await.status / 100,
            4
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn variants_of_an_identifier_are_counted_as_one_for_known_and_unknown_users() {
    let (app, _) = street().await;
    for variant in ["0@example.com", "0@EXAMPLE.com", " 0@example.com ", "0@ex\u{ff41}mple.com", "0@example.Com"] {
        let bodies = ["known2", "nobody", "regist"]
            .map(|who| json!({ "identifier": variant.replace('0', who), "password": "not the one it is" }));
        assert_eq!(alike(&app, "/auth/login", bodies).await.status, 401, "{variant}");
    }
    let bodies = ["known2@example.com", "nobody@example.com", "regist@example.com"]
        .map(|email| json!({ "identifier": email, "password": PASSWORD }));
    assert_eq!(alike(&app, "/auth/login", bodies).await.status, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_registration_and_a_sign_in_after_it_do_not_reveal_who_is_a_user() {
    let (app, _) = street().await;
    for round in 0..4 {
        let bodies = ["known2@example.com", "nobody@example.com"]
            .map(|email| json!({ "email": email, "password": "the other person's sentence" }));
        let found = alike(&app, "/auth/register", bodies).await;
        assert_eq!(found.status, if round < 3 { 201 } else { 429 }, "{round}");
        assert_eq!(found.hashes, 1);
    }
    let bodies = ["known2@example.com", "nobody@example.com"]
        .map(|email| json!({ "identifier": email, "password": "the other person's sentence" }));
    let found = alike(&app, "/auth/login", bodies).await;
    assert_eq!((found.status, found.hashes, found.commits), (401, 1, 3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reserved_user_name_does_not_reveal_its_address() {
    let (app, _) = street().await;
    let form = |email: &str, name: &str| json!({ "email": email, "password": PASSWORD, "username": name });
    let bodies = [form("known2@example.com", "countess"), form("nobody@example.com", "princess")];
    assert_eq!(alike(&app, "/auth/register", bodies).await.status, 201);
    let bodies = [form("x@example.com", "countess"), form("x@example.com", "princess")];
    assert_eq!(alike(&app, "/auth/register", bodies).await.status, 409);
    let names = ["countess", "princess", "somebody"].map(|name| json!({ "identifier": name, "password": PASSWORD }));
    assert_eq!(alike(&app, "/auth/login", names).await.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_to_codes_do_not_reveal_who_is_a_user() {
    let (app, ids) = street().await;
    let code = wrong(&app.code_of("regist@example.com").await);
    let made_up = json!(uuid::Uuid::from_u128(7));
    for round in 0..7 {
        let bodies = ids.iter().chain([&made_up]).map(|id| json!({ "userId": id, "code": code }));
        let found = alike(&app, "/auth/verify-email", bodies).await;
        assert_eq!((found.status, found.hashes, found.commits), (422, 0, 1), "{round}");
    }
    let bodies = ids.iter().chain([&made_up]).map(|id| json!({ "userId": id, "code": "none" }));
    alike(&app, "/auth/verify-email", bodies).await;
    for _ in 0..2 {
        let found = alike(&app, "/auth/verify-email/resend", ALL.map(|email| json!({ "email": email }))).await;
        assert_eq!((found.status, found.commits), (202, 1));
        alike(&app, "/auth/verify-email/resend", ids.iter().map(|id| json!({ "userId": id }))).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_reset_does_not_reveal_who_is_a_user() {
    let (app, _) = street().await;
    let found = alike(&app, "/auth/password/forgot", ALL.map(|email| json!({ "email": email }))).await;
    assert_eq!((found.status, found.hashes, found.commits), (202, 0, 1));
    let mut requests = Vec::new();
    for email in ALL {
        let answer = app.anyone.post("/auth/password/forgot", json!({ "email": email })).await;
        requests.push(answer.body["requestId"].clone());
    }
    requests.push(json!(uuid::Uuid::from_u128(7)));
    for round in 0..7 {
        let by_request = requests
            .iter()
            .map(|id| json!({ "requestId": id, "code": "000000", "newPassword": "a sentence for the thief" }));
        let found = alike(&app, "/auth/password/reset", by_request).await;
        assert_eq!((found.status, found.hashes, found.commits), (422, 1, 2), "{round}");
    }
    for _ in 0..22 {
        let by_address =
            ALL.map(|email| json!({ "email": email, "code": "000000", "newPassword": "a sentence for the thief" }));
        let found = alike(&app, "/auth/password/reset", by_address).await;
        assert_eq!((found.status, found.hashes, found.commits), (422, 1, 2));
    }
}
