//! Mail by a real mail server: one that accepts it, one that refuses, one that stalls, one that is unreachable for a
//! while.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use serde_json::Value;

use crate::{
    api::Api,
    peers::post::{ACCOUNT, Post, PostOffice, SECRETS},
    server::{Home, Server, until},
};

const PASSWORD: &str = "Velvet-Anchor-7731-Quince";
pub const TIMEOUT: Duration = Duration::from_secs(40);
/// The time limit for handing over one mail; a request that waits for mail would take longer.
const SMTP_TIMEOUT: Duration = Duration::from_secs(5);
/// The number of consecutive failures that opens the circuit breaker of the provider.
const ENOUGH: usize = 5;

pub fn home_of(office: &PostOffice, port: u16) -> Home {
    let mut home = Home::new();
    home.set("notify.email.transport", "smtp");
    home.set("notify.email.smtp_url", &format!("smtp://{ACCOUNT}@localhost:{port}?tls=required"));
    home.set("notify.email.from", "Example <no-reply@example.com>");
    home.set("notify.email.ca_file", &office.certificate().to_string_lossy());
    home.set("notify.email.timeout", &format!("{}s", SMTP_TIMEOUT.as_secs()));
    home
}

/// Registers `names`, and returns the ids; none of the requests may have waited for mail.
pub async fn register_all(api: &Api, names: &[String]) -> Vec<String> {
    let mut ids = Vec::new();
    for name in names {
        let began = Instant::now();
        ids.push(api.register(name, PASSWORD).await.unwrap().expect(201).text_of("id"));
        assert!(began.elapsed() < SMTP_TIMEOUT, "{name} waited for {:?}", began.elapsed());
    }
    ids
}

fn names<const N: usize>(begin: &str) -> Vec<String> {
    (0..N).map(|at| format!("{begin}{at}@example.org")).collect()
}

/// The code, which is alone on its line.
fn code_in(report: &Value) -> String {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    report["text"].as_str().unwrap().lines().map(str::trim).find(is_code).unwrap().to_owned()
}

/// Waits until the line of mail in `/health` has the status `status`; returns its reasons.
pub async fn mail_becomes(server: &Server, status: &str) -> String {
    let ops = server.ops_api();
    let asked = until(TIMEOUT, || async {
        let health = ops.get("/health").await.ok()?;
        let lines = health.body["services"].as_array().cloned().unwrap_or_default();
        let mail = lines.into_iter().find(|line| line["name"] == "mail").unwrap_or_default();
        (mail["status"] == status).then(|| mail["reasons"].to_string())
    });
    asked.await.unwrap_or_else(|| panic!("mail did not become {status}:\n{}", server.written()))
}

/// Waits until the server did `did` for each of `names`, and nothing else.
pub fn wait_for_all(post: &Post, names: &[String], did: &str) -> Vec<Value> {
    let mut reports: Vec<Value> = Vec::new();
    while reports.len() < names.len() {
        let report = post.next(TIMEOUT).unwrap_or_else(|| panic!("{did} only {} of {}", reports.len(), names.len()));
        assert_eq!(report["did"], did, "{report}");
        reports.push(report);
    }
    let addresses: BTreeSet<_> = reports.iter().filter_map(|report| report["to"].as_str()).collect();
    assert_eq!(addresses, names.iter().map(String::as_str).collect::<BTreeSet<_>>());
    reports
}

fn ids(reports: &[Value]) -> BTreeSet<String> {
    reports.iter().map(|report| report["id"].to_string()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_code_arrives_by_smtp_and_a_test_shows_the_conversation() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("takes");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let api = server.api();
    let id = api.register("ada@example.org", PASSWORD).await.unwrap().expect(201).text_of("id");
    let took = post.next_to("ada@example.org", "took", TIMEOUT);
    assert_eq!((&took["encrypted"], &took["user"]), (&true.into(), &"mailer".into()));
    api.verify(&id, &code_in(&took)).await.unwrap().expect(200);
    let welcome = post.next_to("ada@example.org", "took", TIMEOUT);
    assert!(welcome["subject"].as_str().unwrap().contains("Welcome"), "{welcome}");
    api.login("ada@example.org", PASSWORD).await.unwrap().expect(200);

    let tried = home.run(&["notify", "test", "--channel", "email", "--to", "grace@example.org"]).await;
    let text = String::from_utf8(tried.stdout).unwrap() + &String::from_utf8_lossy(&tried.stderr);
    assert!(tried.status.success(), "{text}");
    for line in ["> STARTTLS", "> AUTH as mailer ***", "> RCPT TO:<grace@example.org>", "< 250 2.0.0 queued"] {
        assert!(text.lines().any(|report| report == line), "{line} is missing in\n{text}");
    }
    post.next_to("grace@example.org", "took", TIMEOUT);
    let written = server.written() + &text;
    for secret in SECRETS {
        assert!(!written.contains(secret), "{secret} in\n{written}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_link_of_a_mail_arrives_whole_and_its_secret_is_not_logged() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("takes");
    let mut home = home_of(&office, post.port);
    home.set("notify.email.app_url", "https://app.example.org/en");
    home.set("log.level", "debug");
    let server = home.start().await;
    server.api().register("ada@example.org", PASSWORD).await.unwrap().expect(201);
    let took = post.next_to("ada@example.org", "took", TIMEOUT);
    let lines: Vec<&str> = took["text"].as_str().unwrap().lines().collect();
    let secret = lines.iter().find_map(|line| line.trim().strip_prefix("https://app.example.org/en/verify?secret="));
    let secret = secret.unwrap_or_else(|| panic!("no link in {took}")).to_owned();
    let body = serde_json::json!({ "secret": secret });
    server.api().post("/auth/verify-email", body).await.unwrap().expect(200);
    server.api().login("ada@example.org", PASSWORD).await.unwrap().expect(200);
    let logged = until(TIMEOUT, || async { server.written().contains("/auth/login").then(|| server.written()) });
    let written = logged.await.unwrap_or_else(|| panic!("no request in the log:\n{}", server.written()));
    assert!(!written.contains(&secret) && !written.contains(&secret[26..]), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_address_is_not_tried_again_and_delays_no_other_recipient() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("refuses");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let refused = names::<2>("refused");
    register_all(&server.api(), &refused).await;
    wait_for_all(&post, &refused, "refused");
    mail_becomes(&server, "up").await;
    // Later than the first repetitions after a temporary failure.
    let advanced = server.api().post("/dev/clock/advance", serde_json::json!({ "by": "PT2M" })).await.unwrap();
    advanced.expect(200);
    let welcome = names::<2>("welcome");
    register_all(&server.api(), &welcome).await;
    wait_for_all(&post, &welcome, "took");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_stalls_delays_no_request_and_each_mail_arrives_once() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("stalls_once");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let names = names::<ENOUGH>("patient");
    register_all(&server.api(), &names).await;
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("no answer in time"), "{reasons}\n{}", server.written());
    let stalled = wait_for_all(&post, &names, "stalled");
    let took = wait_for_all(&post, &names, "took");
    assert_eq!(ids(&took), ids(&stalled), "a mail that is sent again has the same Message-ID");
    assert_eq!(ids(&took).len(), names.len());
    mail_becomes(&server, "up").await;
    assert_eq!(post.next(Duration::from_millis(500)), None, "no mail arrives twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_wait_for_an_unreachable_server_even_if_the_process_is_killed() {
    let Some(office) = PostOffice::found() else { return };
    let port = office.open("takes").port;
    let home = home_of(&office, port);
    let server = home.start().await;
    let names = names::<ENOUGH>("waiting");
    let registered = register_all(&server.api(), &names).await;
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("provider_failing") && reasons.contains("broken at connect"), "{reasons}");
    server.kill().await;

    let server = home.start().await;
    let post = office.reopen("takes", port);
    let took = wait_for_all(&post, &names, "took");
    assert_eq!(ids(&took).len(), names.len());
    for report in took {
        let at = names.iter().position(|name| report["to"] == name.as_str()).unwrap();
        server.api().verify(&registered[at], &code_in(&report)).await.unwrap().expect(200);
    }
    mail_becomes(&server, "up").await;
}

/// Refuses every mail permanently, as a provider does that does not accept the operator's account.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refusals_of_all_recipients_degrade_health_with_the_text_of_the_server() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("refuses_all");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let names = names::<3>("lost");
    register_all(&server.api(), &names).await;
    wait_for_all(&post, &names, "refused");
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("recipients_refused") && reasons.contains("refused by policy"), "{reasons}");
    assert!(!reasons.contains("@example.org"), "{reasons}");
    let written = server.written();
    assert!(written.contains("the mail provider refuses a mail permanently"), "{written}");
    assert!(!written.contains("lost0@example.org"), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mails_wait_while_the_server_refuses_to_relay() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("denies_relay");
    let home = home_of(&office, post.port);
    let server = home.start().await;
    let names = names::<ENOUGH>("relayed");
    register_all(&server.api(), &names).await;
    let reasons = mail_becomes(&server, "degraded").await;
    assert!(reasons.contains("provider_failing") && reasons.contains("Relay access denied"), "{reasons}");
    let port = post.port;
    drop(post);
    let post = office.reopen("takes", port);
    wait_for_all(&post, &names, "took");
    mail_becomes(&server, "up").await;
}

/// Too few failures to open the circuit breaker: the reason of a single late mail is in health too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_mail_that_fails_is_in_health_and_log_without_its_address() {
    // Bound, and without a listener: no other process gets the port, and connections to it are refused.
    let unused = tokio::net::TcpSocket::new_v4().unwrap();
    unused.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let port = unused.local_addr().unwrap().port();
    let mut home = Home::new();
    home.set("notify.email.transport", "smtp");
    home.set("notify.email.smtp_url", &format!("smtp://127.0.0.1:{port}"));
    home.set("notify.email.from", "Example <no-reply@example.com>");
    let server = home.start().await;
    register_all(&server.api(), &names::<1>("first")).await;
    let ops = server.ops_api();
    let failure = until(TIMEOUT, || async {
        let mail = ops.get("/health/mail").await.ok()?;
        mail.body["details"]["lastFailure"].as_str().map(str::to_owned)
    });
    let failure = failure.await.unwrap_or_else(|| panic!("health reports no failure:\n{}", server.written()));
    assert!(failure.contains("broken at connect"), "{failure}");
    let warned = until(TIMEOUT, || async { server.written().contains("the mail provider fails").then_some(()) });
    assert!(warned.await.is_some(), "{}", server.written());
    assert!(!server.written().contains("first0@example.org"), "{}", server.written());
}
