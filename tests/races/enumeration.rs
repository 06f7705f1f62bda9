//! Ways to find out whether an address belongs to a user: a request for a known address and one for an unknown address
//! cost the same hashes and commits, and have answers of the same size.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use majordomo::{
    crypto::password::{PasswordCost, PasswordHasher, Scratch},
    domain::{
        otp::{actions::OtpAction, events::OtpFailed},
        user::User,
    },
    http::route::{Access, Listener},
    persistence::{Write, tables::user},
    types::{CallContext, EmailAddress, Secret, Work, limits},
};
use serde_json::{Value, json};

use crate::{
    races::roomy,
    test_app::{PASSWORD, TestApp, code_in, wrong},
};

/// What a client can observe, and the server's work.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    status: u16,
    code: Value,
    bytes: usize,
    headers: Vec<String>,
    hashes: u64,
    /// KiB of memory times passes.
    work: u64,
    commits: u64,
    /// Messages that mailboxes accepted.
    messages: u64,
}

async fn seen(app: &TestApp, path: &str, body: Value) -> Seen {
    let (hashes, work, commits, messages) = (app.hashes(), app.hash_work(), app.commits(), app.messages().await);
    let answer = app.anyone.post(path, body).await;
    Seen {
        status: answer.status,
        code: answer.body["code"].clone(),
        bytes: answer.body.to_string().len(),
        headers: answer.headers.keys().map(ToString::to_string).collect(),
        hashes: app.hashes() - hashes,
        work: app.hash_work() - work,
        commits: app.commits() - commits,
        messages: app.messages().await - messages,
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

/// `known1` is a user, for whose address another registration exists; `known2` a user; `known3` one with the user name
/// `baroness`; `regist` waits for its code; `nobody` is an unknown address.
async fn street() -> (TestApp, [Value; 2]) {
    let app = roomy().await;
    app.verified("known1@example.com").await;
    app.verified("known2@example.com").await;
    let form = json!({ "email": "known3@example.com", "password": PASSWORD, "username": "baroness" });
    let registered = app.anyone.post("/auth/register", form).await;
    let code = app.code_of("known3@example.com").await;
    assert_eq!(app.verify(&registered.body["id"], &code).await.status, 200);
    // Registrations are counted for a day after the proof.
    app.advance(Duration::from_secs(24 * 3_600));
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
        requests.push(answer.body["resetId"].clone());
    }
    requests.push(json!(uuid::Uuid::from_u128(7)));
    for round in 0..7 {
        let by_request = requests
            .iter()
            .map(|id| json!({ "resetId": id, "code": "000000", "newPassword": "a sentence for the thief" }));
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_registration_says_that_its_address_is_not_verified_also_of_a_taken_one() {
    let (app, ids) = street().await;
    let login = |id: &Value, password: &str| json!({ "identifier": id, "password": password });
    for _ in 0..6 {
        let found = alike(&app, "/auth/login", ids.iter().map(|id| login(id, PASSWORD))).await;
        assert_eq!((found.status, &found.code, found.hashes), (403, &json!("email_not_verified"), 1));
    }
    let made_up = json!(uuid::Uuid::from_u128(7));
    for round in 0..6 {
        let bodies = ids.iter().chain([&made_up]).map(|id| login(id, "not the one it is"));
        let found = alike(&app, "/auth/login", bodies).await;
        let wanted = if round < 5 { (401, 1, 3) } else { (429, 0, 0) };
        assert_eq!((found.status, found.hashes, found.commits), wanted, "{round}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_id_of_a_verified_registration_signs_no_user_in() {
    let app = roomy().await;
    let id = app.verified("ada@example.com").await;
    assert_eq!(app.login(&id).await.problem(), "invalid_credentials");
    assert_eq!(app.login("ada@example.com").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_by_user_name_does_not_reveal_whose_address_it_is() {
    let (app, _) = street().await;
    let wrong = |identifier: &str| json!({ "identifier": identifier, "password": "not the one it is" });
    for _ in 0..5 {
        let found = alike(&app, "/auth/login", ["baroness", "viscount"].map(wrong)).await;
        assert_eq!(found.status, 401);
    }
    assert_eq!(alike(&app, "/auth/login", ["baroness", "viscount"].map(wrong)).await.status, 429);
    let addresses = ["known3@example.com", "nobod3@example.com"];
    for round in 0..4 {
        let found = alike(&app, "/auth/login", addresses.map(wrong)).await;
        assert_eq!((found.status, found.hashes, found.commits), (401, 1, 3), "{round}");
    }
    let right = addresses.map(|address| json!({ "identifier": address, "password": PASSWORD }));
    let found = alike(&app, "/auth/login", right).await;
    assert_eq!((found.status, found.commits), (401, 3), "the user is locked out, which looks like a wrong password");
    assert_eq!(alike(&app, "/auth/login", addresses.map(wrong)).await.status, 429);
    app.advance(Duration::from_secs(120));
    assert_eq!(app.login("known3@example.com").await.status, 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_identifier_has_the_cost_of_an_old_hash_as_often_as_users_have() {
    let (app, _) = street().await;
    let old = PasswordHasher::new(PasswordCost { memory_kib: 8, passes: 3, lanes: 1 }, Vec::new()).unwrap();
    let hash = old.hash(&mut Scratch::default(), &Secret::new(PASSWORD), [1; 16]).unwrap();
    let address = EmailAddress::parse("known2@example.com").unwrap();
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "old-hash"));
    let written = app.store.write(write, move |tx| {
        let known = user::find_by_email(tx, &address)?.unwrap();
        user::replace(tx, &User { password_hash: Some(hash.clone()), ..known })
    });
    written.await.unwrap();
    let login = |address: String| json!({ "identifier": address, "password": "not the one it is" });
    let known = [
        seen(&app, "/auth/login", login("known1@example.com".to_owned())).await.work,
        seen(&app, "/auth/login", login("known2@example.com".to_owned())).await.work,
    ];
    assert_eq!(known, [8, 24]);
    let mut counts = [0, 0];
    for number in 0..40 {
        let body = login(format!("nobd{number:02}@example.com"));
        let first = seen(&app, "/auth/login", body.clone()).await;
        let second = seen(&app, "/auth/login", body).await;
        assert_eq!(first, second);
        counts[usize::from(first.work == 24)] += 1;
        assert!(known.contains(&first.work), "{first:?}");
    }
    assert!(counts.iter().all(|count| *count >= 8), "{counts:?}");
}

/// Holds the writer of the store until the sender is dropped; returns when the writer is held.
async fn hold_writer(app: &TestApp) -> std::sync::mpsc::Sender<()> {
    let (held, released) = std::sync::mpsc::channel::<()>();
    let (entered, inside) = tokio::sync::oneshot::channel();
    let ends = Mutex::new(Some((entered, released)));
    let work = Work::until(app.system.clock().instant() + Duration::from_secs(60));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "hold"));
    let waiting = app.store.write(write, move |_| {
        if let Some((entered, released)) = ends.lock().unwrap().take() {
            entered.send(()).unwrap();
            assert!(released.recv().is_err(), "nothing is sent");
        }
        Ok(())
    });
    tokio::spawn(waiting);
    inside.await.unwrap();
    held
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_burst_is_refused_for_unknown_addresses_as_for_known_ones() {
    const BURST: usize = 160;
    let (app, ids) = street().await;
    let by_address = ALL.map(|email| ("/auth/verify-email/resend", json!({ "email": email })));
    let by_id = ids.iter().map(|id| ("/auth/verify-email", json!({ "userId": id, "code": "000000" })));
    for (path, body) in by_address.into_iter().chain(by_id) {
        let held = hold_writer(&app).await;
        let (sender, mut answers) = tokio::sync::mpsc::unbounded_channel();
        for _ in 0..BURST {
            let (client, body, sender) = (app.anyone.clone(), body.clone(), sender.clone());
            tokio::spawn(async move { sender.send(client.post(path, body).await.status).unwrap() });
        }
        let refused = BURST - limits::CHILD_MAILBOX;
        for number in 0..refused {
            let answered = tokio::time::timeout(Duration::from_secs(4), answers.recv()).await;
            assert_eq!(answered, Ok(Some(503)), "{path} {body}: {number}");
        }
        drop(held);
        for _ in refused..BURST {
            assert_ne!(answers.recv().await, Some(503), "{path} {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_frees_no_place_of_its_address_and_no_user_name() {
    let app = roomy().await;
    let form = |email: &str, name: &str| json!({ "email": email, "password": PASSWORD, "username": name });
    let [free, taken] = ["free01@example.com", "taken1@example.com"];
    // Each mail is awaited before the next registration, because senders work side by side.
    app.anyone.post("/auth/register", form(free, "strange1")).await;
    app.mail(free, "verification_code", 1).await;
    let pending = app.anyone.post("/auth/register", form(free, "strange2")).await.body["id"].clone();
    app.mail(free, "verification_code", 2).await;
    let owner = app.register(free).await.body["id"].clone();
    let code = code_in(&app.mail(free, "verification_code", 3).await);
    assert_eq!(app.verify(&owner, &code).await.status, 200);
    for _ in 0..3 {
        assert_eq!(app.register(taken).await.status, 201);
    }
    app.mail(taken, "verification_code", 3).await;
    app.mail(free, "welcome", 1).await;
    app.hush().await;
    let found = alike(&app, "/auth/register", [form(free, "strange3"), form(taken, "strange4")]).await;
    assert_eq!(found.status, 429, "three registrations of each address live");
    let names = ["strange1", "strange2"].map(|name| form("other1@example.com", name));
    assert_eq!(alike(&app, "/auth/register", names).await.status, 409, "they keep their user names");
    let login = json!({ "identifier": pending, "password": PASSWORD });
    assert_eq!(seen(&app, "/auth/login", login).await.code, json!("email_not_verified"));
    app.advance(Duration::from_secs(24 * 3_600));
    assert_eq!(app.register(free).await.status, 201, "their time is over");
}

/// Events of wrong codes, and their audit entries.
async fn refusals(app: &TestApp) -> (usize, usize) {
    (app.events(OtpFailed::TYPE).len(), app.audited(OtpAction::CodeRefused).len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_try_of_any_code_costs_the_same_events_and_audit_entries() {
    let app = roomy().await;
    let used = json!(app.verified("known1@example.com").await);
    let taken = app.register("known1@example.com").await.body["id"].clone();
    let waiting = app.register("regist@example.com").await.body["id"].clone();
    app.code_of("regist@example.com").await;
    app.anyone.post("/auth/password/forgot", json!({ "email": "known1@example.com" })).await;
    app.mail("known1@example.com", "reset_code", 1).await;
    for id in [&taken, &waiting, &used] {
        for round in 0..6 {
            let before = refusals(&app).await;
            let answer = app.anyone.post("/auth/verify-email", json!({ "userId": id, "code": "999999" })).await;
            assert_eq!(answer.problem(), "code_invalid");
            let after = refusals(&app).await;
            let wanted = if round < 5 { (1, 1) } else { (0, 0) };
            assert_eq!((after.0 - before.0, after.1 - before.1), wanted, "{id} {round}");
        }
    }
    for email in ["known1@example.com", "nobody@example.com"] {
        let request = app.anyone.post("/auth/password/forgot", json!({ "email": email })).await.body["resetId"].clone();
        for round in 0..6 {
            let before = refusals(&app).await.1;
            let body = json!({ "resetId": request, "code": "999999", "newPassword": "a sentence for the thief" });
            assert_eq!(app.anyone.post("/auth/password/reset", body).await.problem(), "code_invalid");
            assert_eq!(refusals(&app).await.1 - before, usize::from(round < 5), "{email} {round}");
        }
    }
}

/// Anonymous routes that name a user, with a body for an address; they cost the same for each.
const COMPARED: [&str; 6] = [
    "/auth/login",
    "/auth/password/forgot",
    "/auth/password/reset",
    "/auth/register",
    "/auth/verify-email",
    "/auth/verify-email/resend",
];
/// Anonymous routes that take a token.
const BY_TOKEN: [&str; 2] = ["/auth/logout", "/auth/refresh"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_unauthenticated_route_costs_the_same_for_known_and_unknown_addresses() {
    let table = majordomo::http::routes::table().into_iter().map(|route| route.rule);
    let changing = table
        .filter(|rule| rule.access == Access::Anonymous && rule.on.includes(Listener::Public) && rule.method != "GET");
    let paths: BTreeSet<String> = changing.map(|rule| rule.path.clone()).collect();
    let known: BTreeSet<String> = COMPARED.iter().chain(&BY_TOKEN).map(ToString::to_string).collect();
    assert_eq!(paths, known, "a new route is compared here, or takes a token");
    let (app, [taken, waiting]) = street().await;
    for path in COMPARED {
        let by_address = |email: &str| match path {
            "/auth/login" => json!({ "identifier": email, "password": "not the one it is" }),
            "/auth/register" => json!({ "email": email, "password": PASSWORD }),
            "/auth/password/reset" => {
                json!({ "email": email, "code": "999999", "newPassword": "a sentence for the thief" })
            }
            _ => json!({ "email": email }),
        };
        let bodies = match path {
            "/auth/verify-email" => [&taken, &waiting].map(|id| json!({ "userId": id, "code": "999999" })).to_vec(),
            "/auth/register" => ["known2@example.com", "nobody@example.com"].map(by_address).to_vec(),
            _ => ALL.map(by_address).to_vec(),
        };
        let found = alike(&app, path, bodies).await;
        assert_ne!(found.commits, 0, "{path} {found:?}");
        assert_ne!(found.status, 429, "{path} {found:?}");
    }
}
