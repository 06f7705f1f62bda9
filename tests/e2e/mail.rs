//! Mail by a real mail server: one that takes it, one that refuses, one that stalls, one that is away for a while.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    api::{Answer, Api},
    peers::post::{ACCOUNT, Post, PostOffice, SECRETS},
    server::{Home, Server, until},
};

const PASSWORD: &str = "Velvet-Anchor-7731-Quince";
const PATIENCE: Duration = Duration::from_secs(40);
/// How long handing over one mail may take; a request that waits for mail would take longer.
const SMTP_TIMEOUT: Duration = Duration::from_secs(5);
/// So many failures in a row and the provider is held to be out of order.
const ENOUGH: usize = 5;

fn home_of(office: &PostOffice, port: u16) -> Home {
    let mut home = Home::new();
    home.set("notify.email.transport", "smtp");
    home.set("notify.email.smtp_url", &format!("smtp://{ACCOUNT}@localhost:{port}?tls=required"));
    home.set("notify.email.from", "Example <no-reply@example.com>");
    home.set("notify.email.ca_file", &office.certificate().to_string_lossy());
    home.set("notify.email.timeout", &format!("{}s", SMTP_TIMEOUT.as_secs()));
    home
}

/// Registers `names` side by side; none of the requests may have waited for mail.
async fn register_all(api: &Api, names: &[String]) {
    let register = |name: &String| {
        let (api, name) = (api.clone(), name.clone());
        async move {
            let began = Instant::now();
            let answer = api.register(&name, PASSWORD).await.unwrap().expect(201);
            assert!(began.elapsed() < SMTP_TIMEOUT, "{name} waited for {:?}", began.elapsed());
            answer
        }
    };
    let _: Vec<Answer> = futures::future::join_all(names.iter().map(register)).await;
}

fn names(begin: &str) -> Vec<String> {
    (0..ENOUGH).map(|at| format!("{begin}{at}@example.org")).collect()
}

/// The digits: they stand on a line of their own.
fn code_in(said: &Value) -> String {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    said["text"].as_str().unwrap().lines().map(str::trim).find(is_code).unwrap().to_owned()
}

/// Waits until the line of mail in `/health` says `status`; gives its reasons.
async fn mail_becomes(server: &Server, status: &str) -> String {
    let ops = server.ops_api();
    let asked = until(PATIENCE, || async {
        let health = ops.get("/health").await.unwrap();
        let lines = health.body["services"].as_array().cloned().unwrap_or_default();
        let mail = lines.into_iter().find(|line| line["name"] == "mail").unwrap_or_default();
        (mail["status"] == status).then(|| mail["reasons"].to_string())
    });
    asked.await.unwrap_or_else(|| panic!("mail did not become {status}:\n{}", server.written()))
}

/// What was taken for each of `names`; each is taken once, and nothing else is.
fn took_once(post: &Post, names: &[String]) -> Vec<Value> {
    let mut took = Vec::new();
    while took.len() < names.len() {
        let said = post.next(PATIENCE).unwrap_or_else(|| panic!("only {} of {} came", took.len(), names.len()));
        if said["did"] == "took" {
            took.push(said);
        }
    }
    let distinct = |member: &str| took.iter().map(|said| said[member].to_string()).collect::<BTreeSet<_>>().len();
    assert_eq!((distinct("id"), distinct("to")), (names.len(), names.len()), "{took:#?}");
    took
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_arrives_by_smtp_and_a_test_shows_the_conversation() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("takes");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let api = server.api();
    api.register("ada@example.org", PASSWORD).await.unwrap().expect(201);
    let took = post.next_to("ada@example.org", "took", PATIENCE);
    assert_eq!((&took["encrypted"], &took["user"]), (&true.into(), &"mailer".into()));
    api.verify("ada@example.org", &code_in(&took)).await.unwrap().expect(200);
    let welcome = post.next_to("ada@example.org", "took", PATIENCE);
    assert!(welcome["subject"].as_str().unwrap().contains("Welcome"), "{welcome}");
    api.login("ada@example.org", PASSWORD).await.unwrap().expect(200);

    let tried = home.run(&["notify", "test", "--channel", "email", "--to", "grace@example.org"]).await;
    let told = String::from_utf8(tried.stdout).unwrap() + &String::from_utf8_lossy(&tried.stderr);
    assert!(tried.status.success(), "{told}");
    for line in ["> STARTTLS", "> AUTH as mailer ***", "> RCPT TO:<grace@example.org>", "< 250 2.0.0 queued"] {
        assert!(told.lines().any(|said| said == line), "{line} is missing in\n{told}");
    }
    post.next_to("grace@example.org", "took", PATIENCE);
    let written = server.written() + &told;
    for secret in SECRETS {
        assert!(!written.contains(secret), "{secret} in\n{written}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_address_is_not_tried_again_and_stops_nobody_else() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("refuses");
    let server = home_of(&office, post.port).start().await;
    let refused = names("refused");
    register_all(&server.api(), &refused).await;
    for name in &refused {
        post.next_to(name, "refused", PATIENCE);
    }
    mail_becomes(&server, "up").await;
    // Long past the first retries that a passing failure would have.
    let advanced = server.api().post("/dev/clock/advance", serde_json::json!({ "seconds": 120 })).await.unwrap();
    advanced.expect(200);
    let welcome = names("welcome");
    register_all(&server.api(), &welcome).await;
    let mut left: BTreeSet<_> = welcome.iter().map(String::as_str).collect();
    while !left.is_empty() {
        let said = post.next(PATIENCE).expect("mail to others goes on");
        assert_eq!(said["did"], "took", "a refused address was tried again: {said}");
        left.remove(said["to"].as_str().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stalls_holds_up_no_request_and_each_mail_comes_once_in_the_end() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("stalls_once");
    let server = home_of(&office, post.port).start().await;
    let names = names("patient");
    register_all(&server.api(), &names).await;
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("provider_failing") && reasons.contains("no answer in time"), "{reasons}");
    let mut stalled = BTreeSet::new();
    while stalled.len() < names.len() {
        let said = post.next(PATIENCE).expect("each mail is tried");
        assert_eq!(said["did"], "stalled");
        stalled.insert(said["id"].to_string());
    }
    let took = took_once(&post, &names);
    let again: BTreeSet<_> = took.iter().map(|said| said["id"].to_string()).collect();
    assert_eq!(again, stalled, "a mail that is sent again has the same Message-ID");
    mail_becomes(&server, "up").await;
    assert_eq!(post.next(Duration::from_millis(500)), None, "nothing comes twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_the_server_is_away_nothing_is_lost_even_if_the_process_is_killed() {
    let Some(office) = PostOffice::found() else { return };
    let port = office.open("takes").port;
    let home = home_of(&office, port);
    let server = home.start().await;
    let names = names("waiting");
    register_all(&server.api(), &names).await;
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("provider_failing") && reasons.contains("broken at connect"), "{reasons}");
    server.kill().await;

    let server = home.start().await;
    let post = office.reopen("takes", port);
    for said in took_once(&post, &names) {
        let name = said["to"].as_str().unwrap();
        server.api().verify(name, &code_in(&said)).await.unwrap().expect(200);
    }
    mail_becomes(&server, "up").await;
}
