//! The quick start of the README, run as it is printed.

use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;
use tokio::time::timeout;

use crate::server::Home;

const README: &str = include_str!("../../README.md");
const START: &str = "cargo run --release -- ";

/// The `sh` blocks below the heading, in order.
fn blocks(text: &str) -> Vec<String> {
    let section = text.split("## Quick start").nth(1).expect("no quick start in the README");
    let section = section.split("\n## ").next().unwrap();
    section.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
}

/// The output of the blocks, run one after another in one shell, as a reader would type them.
async fn run(script: &str, folder: &std::path::Path) -> (bool, String, String) {
    let mut shell = Command::new("bash");
    shell.args(["-euo", "pipefail", "-c", script]).current_dir(folder).stdin(Stdio::null()).kill_on_drop(true);
    shell.env_remove("http_proxy").env_remove("HTTP_PROXY").env_remove("ALL_PROXY").env_remove("all_proxy");
    let output = timeout(Duration::from_secs(60), shell.output()).await.expect("the quick start hangs").unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_quick_start_of_the_readme_works() {
    let blocks = blocks(README);
    let (start, rest) = blocks.split_first().unwrap();
    let arguments: Vec<&str> = start.trim().strip_prefix(START).expect("the start differs").split(' ').collect();
    let home = Home::new();
    let server = home.start_with(&arguments).await;

    let script = rest.join("\necho\necho ---\n");
    let script = script.replace("http://127.0.0.1:8080", &server.public).replace("http://127.0.0.1:9090", &server.ops);
    assert!(!script.contains(":8080") && !script.contains(":9090"), "an address that is not a URL: {script}");
    let (passed, out, err) = run(&script, home.path()).await;
    let text = format!("out:\n{out}\nerr:\n{err}\nserver:\n{}", server.written());
    assert!(passed, "{text}");

    let printed: Vec<&str> = out.split("---\n").map(str::trim).collect();
    let wanted: [&[&str]; 8] = [
        &["\"ada@example.com\"", "\"pending\"", "\"resendAt\""],
        &["code: "],
        &["\"active\"", "\"emailVerified\":true"],
        &["token: ey"],
        &["\"keys\"", "\"kid\""],
        &["\"ada@example.com\"", "\"firstName\":\"Ada\""],
        &["401"],
        &["\"actors\"", "\"auth\"", "\"up\""],
    ];
    assert_eq!(printed.len(), wanted.len(), "{text}");
    for (printed, wanted) in printed.iter().zip(wanted) {
        let dense = printed.replace("\": ", "\":");
        for word in wanted {
            assert!(dense.contains(word), "{word} is not in {printed}\n{text}");
        }
    }
    assert_eq!(printed[1].len(), "code: ".len() + 6, "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_start_reports_every_address_and_path() {
    let home = Home::new();
    let server = home.start().await;
    let written = server.written();
    for word in ["public listener on http://", "ops listener on http://", "/dev/inbox", "majordomo user create-admin"] {
        assert!(written.contains(word), "{word} is not in:\n{written}");
    }
}

#[test]
fn blocks_are_found_in_order() {
    let text = "# A\n## Quick start\nx\n```sh\na\nb\n```\n```\nno\n```\n```sh\nc\n```\n## Next\n```sh\nd\n```\n";
    assert_eq!(blocks(text), ["a\nb\n", "c\n"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_for_the_first_administrator_is_logged_until_there_is_one() {
    const HINT: &str = "first administrator: majordomo user create-admin";
    let home = Home::new();
    std::fs::write(home.path().join("password"), "Velvet-Anchor-7731-Quince").unwrap();
    for has_hint in [true, false] {
        let server = home.start().await;
        server.ask_to_stop();
        let (_, written) = server.ended(Duration::from_secs(8)).await;
        assert_eq!(written.contains(HINT), has_hint, "{written}");
        if has_hint {
            let make = ["user", "create-admin", "--email", "root@example.com", "--password-file", "password"];
            let made = home.run(&make).await;
            assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        }
    }
}
