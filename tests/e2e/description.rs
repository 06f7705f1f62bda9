//! Programs of others read the description of the API: redocly finds nothing in it, types generated from it compile,
//! schemathesis finds no answer that it does not describe, and a shell runs its samples.

use std::{collections::BTreeSet, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};

use crate::{
    api::Api,
    peers::{browser, node_modules, program, python, script},
    server::{Home, Server, until},
};

/// The longest restart of an actor.
const RESTART_MAX: Duration = Duration::from_secs(10);

/// `majordomo openapi`, in a file of the home.
async fn described(home: &Home) -> Value {
    let printed = home.run(&["openapi"]).await;
    assert!(printed.status.success(), "{}", String::from_utf8_lossy(&printed.stderr));
    std::fs::write(home.path().join("openapi.json"), &printed.stdout).unwrap();
    serde_json::from_slice(&printed.stdout).unwrap()
}

/// Runs a program of an npm package in `folder`; panics with what it wrote if it fails.
fn run_node(modules: &Path, program: &str, folder: &Path, arguments: &[&str]) -> String {
    let output = Command::new(modules.join(".bin").join(program))
        .args(arguments)
        .current_dir(folder)
        .env("REDOCLY_TELEMETRY", "off")
        .env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true")
        .output()
        .unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
    text
}

#[tokio::test]
async fn the_command_prints_what_the_server_serves() {
    let home = Home::new();
    let printed = described(&home).await;
    let server = home.start().await;
    let served = server.api().get("/openapi.json").await.unwrap().expect(200).body;
    for part in ["info", "paths", "components", "tags"] {
        let paths = |document: &Value| match part {
            // The ops listener of this server has a port of its own.
            "paths" => Value::from(document[part].as_object().unwrap().keys().cloned().collect::<Vec<_>>()),
            _ => document[part].clone(),
        };
        assert_eq!(paths(&printed), paths(&served), "{part}");
    }
}

#[tokio::test]
async fn redocly_finds_nothing_in_the_description() {
    let Some(modules) = node_modules("@redocly/cli") else { return };
    let mut home = Home::new();
    for mode in ["development", "production"] {
        home.set("mode", mode);
        home.set("public_url", "https://id.example.org");
        described(&home).await;
        let found = run_node(&modules, "redocly", home.path(), &["lint", "openapi.json", "--format=json"]);
        let from = found.find('{').unwrap_or_else(|| panic!("{found}"));
        let to = found.rfind('}').unwrap();
        let found: Value = serde_json::from_str(&found[from..=to]).unwrap();
        assert_eq!(found["problems"], Value::Array(Vec::new()), "{mode}: {found:#}");
    }
}

#[tokio::test]
async fn types_made_from_the_description_compile_as_a_user_expects() {
    let Some(modules) = node_modules("openapi-typescript") else { return };
    let home = Home::new();
    described(&home).await;
    run_node(&modules, "openapi-typescript", home.path(), &["openapi.json", "-o", "api.d.ts"]);
    std::fs::copy(script("client.ts"), home.path().join("client.ts")).unwrap();
    let check = ["--noEmit", "--strict", "--skipLibCheck", "false", "--target", "es2022", "--module", "esnext"];
    let check = [&check[..], &["--moduleResolution", "bundler", "client.ts"]].concat();
    run_node(&modules, "tsc", home.path(), &check);
}

/// Operations that a random caller must not run: what they do outlasts the request.
const LEFT_OUT: [(&str, &str); 12] = [
    ("create_snapshot", "writes a file wherever the body says"),
    ("rotate_keys", "voids all tokens, with the urgency `stolen`"),
    ("advance_clock", "ends all tokens and codes"),
    ("list_inbox_mails", "waits for as many seconds as the query says"),
    ("show_inbox_code", "waits for as many seconds as the query says"),
    ("logout_session", "ends the session of the run"),
    ("logout_all_sessions", "ends the session of the run"),
    ("end_own_session", "ends the session of the run, whose id another answer names"),
    ("change_password", "ends the session of the run"),
    ("end_sessions_of_user", "ends the session of the run, for `me`"),
    ("change_user_status", "locks the caller of the run, for `me`"),
    ("change_user_roles", "takes the roles of the caller of the run, for `me`"),
];

/// The failures that are no faults, a line each: code of schemathesis, method, path: reason.
const KNOWN: &str = include_str!("../peers/schemathesis.txt");

/// The operations of `document` that `listener` answers, all at one address.
fn of_listener(document: &Value, listener: &str) -> Value {
    let mut document = document.clone();
    for (_, item) in document["paths"].as_object_mut().unwrap() {
        item.as_object_mut().unwrap().retain(|_, operation| {
            operation.as_object_mut().unwrap().remove("servers");
            [listener, "both"].contains(&operation["x-majordomo"]["listener"].as_str().unwrap())
        });
    }
    document["paths"].as_object_mut().unwrap().retain(|_, item| !item.as_object().unwrap().is_empty());
    document
}

/// Runs schemathesis on the description in `folder`, with all checks: the failures, and what it wrote.
fn fuzz(python: &Path, folder: &Path, url: &str, token: Option<&str>) -> (Vec<String>, String) {
    let mut command = Command::new(python);
    command.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "listener.json"]);
    command.args(["--url", url, "--checks", "all", "--max-examples", "6", "--seed", "20260131", "--no-color"]);
    command.args(["--continue-on-failure", "--request-timeout", "60", "--generation-database", "none"]);
    // A slow machine is no finding.
    command.args(["--suppress-health-check", "all", "--report", "json", "--report-json-path", "report.json"]);
    command.args(token.into_iter().flat_map(|token| ["--header".into(), format!("Authorization: Bearer {token}")]));
    command.args(LEFT_OUT.iter().flat_map(|(left_out, _)| ["--exclude-operation-id", left_out]));
    let output = command.current_dir(folder).output().unwrap();
    let text = [&output.stdout[..], &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    let report = std::fs::read(folder.join("report.json")).unwrap_or_else(|_| panic!("no report: {text}"));
    let report: Value = serde_json::from_slice(&report).unwrap();
    assert_eq!((&report["complete"], &report["errors"]), (&json!(true), &json!([])), "{text}");
    assert!(report["operations"]["tested"].as_u64().unwrap() > 20, "{text}");
    let mut found = Vec::new();
    for failure in report["failures"].as_array().unwrap() {
        let operations = failure["operations"].as_array().unwrap().iter();
        found.extend(operations.map(|one| format!("{} {}", failure["code"].as_str().unwrap(), one.as_str().unwrap())));
    }
    (found, text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_random_request_gets_an_answer_that_is_not_described() {
    let Some(python) = python("schemathesis") else { return };
    let (home, server) = started().await;
    let folder = home.path();
    let known: Vec<&str> = KNOWN.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    for line in &known {
        assert!(line.split_once(": ").is_some_and(|(_, reason)| !reason.is_empty()), "no reason: {line}");
    }
    let failure = |line: &str| line.split_once(": ").map(|(failure, _)| failure.to_owned()).unwrap();
    let mut unused: BTreeSet<String> = known.iter().map(|line| failure(line)).collect();
    assert_eq!(unused.len(), known.len(), "a failure is listed twice");
    let known = unused.clone();
    for (listener, url) in [("public", &server.public), ("ops", &server.ops)] {
        let document = Api::new(url).get("/openapi.json").await.unwrap().expect(200).body;
        std::fs::write(folder.join("listener.json"), of_listener(&document, listener).to_string()).unwrap();
        for token in [None, Some(token(&server, ADMINS[0]).await)] {
            let (found, text) = fuzz(&python, folder, url, token.as_deref());
            unused.retain(|one| !found.contains(one));
            let new: Vec<&String> = found.iter().filter(|found| !known.contains(*found)).collect();
            let caller = token.as_ref().map_or("anonymous", |_| "administrator");
            assert!(new.is_empty(), "{listener}, as {caller}: {new:?}\n{text}");
        }
    }
    // What a run meets depends on the time and on the limits of requests, so that this is no failure.
    if !unused.is_empty() {
        println!("this run had none of these failures of schemathesis.txt: {unused:?}");
    }
}

const PASSWORD: &str = "correct horse battery staple";
/// Two administrators: one of them signs in, the other is changed last.
const ADMINS: [&str; 2] = ["root@example.com", "second@example.com"];

/// A server with an administrator.
async fn started() -> (Home, Server) {
    let mut home = Home::new();
    home.set("edge.rate_limits.enabled", "false");
    let server = home.start().await;
    std::fs::write(home.path().join("password"), PASSWORD).unwrap();
    for admin in ADMINS {
        let make = ["user", "create-admin", "--email", admin, "--password-file", "password"];
        let made = home.run_beside(&server, &make).await;
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    }
    (home, server)
}

/// A token of `admin`. One of the samples restarts the actor that logs in, so 503 is answered for a moment.
async fn token(server: &Server, admin: &str) -> String {
    let login = async || {
        let answer = server.api().login(admin, PASSWORD).await.unwrap();
        (answer.status != 503).then_some(answer)
    };
    until(RESTART_MAX, login).await.expect("the actor does not run again").expect(200).text_of("token")
}

/// Samples that name what is not there, or what an earlier sample made, and the status of their answers.
const REFUSED: [(&str, u16); 15] = [
    ("verify_email", 422),
    ("refresh_session", 401),
    ("reset_password", 422),
    ("show_code", 404),
    ("verify_code", 410),
    ("end_own_session", 404),
    ("show_dead_letter", 404),
    ("requeue_dead_letter", 404),
    ("discard_dead_letter", 404),
    ("revoke_invitation", 404),
    ("resend_registration", 404),
    ("drop_registration", 404),
    ("create_admin", 409),
    ("create_invitation", 409),
    ("show_inbox_mail", 404),
];

/// Samples that end or change the caller, in an order in which each works.
const LAST: [&str; 5] =
    ["change_password", "end_sessions_of_user", "logout_all_sessions", "change_user_roles", "change_user_status"];

/// The description that `server` serves. Its settings do not name the ports, which the system chose.
async fn with_ports(server: &Server) -> Value {
    let mut document = server.api().get("/openapi.json").await.unwrap().expect(200).body;
    document["servers"][0]["url"] = json!(server.public);
    let items = document["paths"].as_object_mut().unwrap().values_mut();
    for operation in items.flat_map(|item| item.as_object_mut().unwrap().values_mut()) {
        if !operation["servers"].is_null() {
            operation["servers"][0]["url"] = json!(server.ops);
        }
    }
    document
}

/// The commands that the API page shows, by operation.
fn samples(folder: &Path) -> Vec<(String, String)> {
    let viewer = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/docs/viewer.js");
    let mut command = Command::new("node");
    let output =
        command.arg(script("samples.mjs")).arg(viewer).arg("openapi.json").current_dir(folder).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let samples: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    samples.iter().map(|sample| (text(&sample["id"]), text(&sample["command"]))).collect()
}

/// Proves the address of the registration that a sample made, so that the next samples have a user.
async fn prove(server: &Server, answer: &str) {
    let registered: Value = serde_json::from_str(answer.lines().next().unwrap()).unwrap();
    let code = server.api().code("ada@example.com", 20).await.unwrap().expect("no code came");
    server.api().verify(registered["id"].as_str().unwrap(), &code).await.unwrap().expect(200);
}

/// Runs a command in a shell: the status of the answer, and its text.
async fn in_shell(home: &Home, command: &str, token: &str) -> (u16, String) {
    let mut shell = tokio::process::Command::new("sh");
    shell.args(["-c", command]).current_dir(home.path()).env("CURL_HOME", home.path()).env("TOKEN", token);
    let output = shell.output().await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.lines().last().and_then(|line| line.parse().ok());
    (status.unwrap_or_else(|| panic!("{command}: {text} {}", String::from_utf8_lossy(&output.stderr))), text)
}

/// Screens of phones, of tablets and of desks, in CSS pixels.
const WIDTHS: [&str; 5] = ["320", "345", "360", "768", "1280"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_page_is_wider_than_the_screen() {
    let (Some(_), Some(browser)) = (program("node"), browser()) else { return };
    let home = Home::new();
    let server = home.start().await;
    for (path, ready) in [("/docs", ".operation"), ("/", "h1"), ("/dev/inbox", "body"), ("/problems/code_wrong", "h1")]
    {
        let mut command = tokio::process::Command::new("node");
        command.arg(script("page_widths.mjs")).arg(browser).arg(home.path().join("browser"));
        command.arg(format!("{}{path}", server.public)).arg(ready).args(WIDTHS);
        let output = command.output().await.unwrap();
        assert!(output.status.success(), "{path}: {}", String::from_utf8_lossy(&output.stderr));
        let found: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(found.len(), WIDTHS.len());
        for screen in found {
            assert_eq!((&screen["taken"], &screen["over"]), (&screen["width"], &json!([])), "{path}: {screen}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_sample_of_the_api_page_runs_in_a_shell_as_it_is() {
    if !["node", "curl"].into_iter().all(|name| program(name).is_some()) {
        return;
    }
    let (home, server) = started().await;
    std::fs::write(home.path().join(".curlrc"), "silent\nwrite-out = \"\\n%{http_code}\"\nmax-time = 60\n").unwrap();
    let document = with_ports(&server).await;
    std::fs::write(home.path().join("openapi.json"), document.to_string()).unwrap();
    let mut samples = samples(home.path());
    assert!(samples.len() > 50, "{samples:?}");
    samples.sort_by_key(|(id, _)| LAST.iter().position(|last| last == id).map_or(0, |at| at + 1));
    let mut wrong = Vec::new();
    for (id, command) in &samples {
        // A snapshot is written where the sample says, which is not a place for tests.
        let command = command.replace("/var/backups", &home.path().display().to_string());
        let caller = if id == "change_user_status" { ADMINS[1] } else { ADMINS[0] };
        let (status, text) = in_shell(&home, &command, &token(&server, caller).await).await;
        if id == "register_user" {
            prove(&server, &text).await;
        }
        let expected = REFUSED.iter().find(|(refused, _)| refused == id).map(|(_, status)| *status);
        let is_expected = expected.map_or((200..300).contains(&status), |expected| status == expected);
        if !is_expected {
            wrong.push(format!("{id} {status}: {command}\n{text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}
