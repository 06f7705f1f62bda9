//! Programs of others read the description of the API: redocly finds nothing in it, types generated from it compile, and
//! schemathesis finds no answer that it does not describe.

use std::{path::Path, process::Command};

use serde_json::Value;

use crate::{
    peers::{node_modules, script},
    server::Home,
};

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
const LEFT_OUT: [(&str, &str); 7] = [
    ("create_snapshot", "writes a file wherever it is told to"),
    ("advance_clock", "ends all tokens and codes"),
    ("logout_session", "ends the session of the run"),
    ("logout_all_sessions", "ends the session of the run"),
    ("change_password", "ends the session of the run"),
    ("end_sessions_of_user", "ends the session of the run, for `me`"),
    ("change_user_status", "locks the caller of the run, for `me`"),
];

/// A run of schemathesis.
struct Fuzz<'a> {
    listener: &'a str,
    url: &'a str,
    token: Option<&'a str>,
    only: Option<&'a str>,
}

impl Fuzz<'_> {
    /// The failures: a code of schemathesis and an operation each, and what it wrote.
    fn failures(&self, python: &Path, folder: &Path) -> (Vec<(String, String)>, String) {
        let report = folder.join("report.json");
        let mut command = Command::new(python);
        command.args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run", "openapi.json"]);
        command.args(["--url", self.url, "--checks", "all", "--max-examples", "12", "--seed", "20260131"]);
        command.args(["--no-color", "--continue-on-failure", "--request-timeout", "35", "--generation-database", "none"]);
        command.args(["--report", "json", "--report-json-path", "report.json"]);
        if let Some(token) = self.token {
            command.args(["--header", &format!("Authorization: Bearer {token}")]);
        }
        match self.only {
            Some(only) => drop(command.args(["--include-operation-id", only])),
            None => {
                for (left_out, _) in LEFT_OUT {
                    command.args(["--exclude-operation-id", left_out]);
                }
            }
        }
        let output = command.current_dir(folder).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        let report: Value = serde_json::from_slice(&std::fs::read(report).unwrap_or_else(|_| panic!("{text}"))).unwrap();
        assert_eq!((&report["complete"], &report["errors"]), (&Value::Bool(true), &Value::Array(Vec::new())), "{text}");
        assert_ne!(report["operations"]["tested"], 0, "{text}");
        let mut found = Vec::new();
        for failure in report["failures"].as_array().unwrap() {
            for operation in failure["operations"].as_array().unwrap() {
                found.push((failure["code"].as_str().unwrap().to_owned(), operation.as_str().unwrap().to_owned()));
            }
        }
        (found, text)
    }
}
