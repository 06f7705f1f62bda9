//! The settings in `deploy/` are accepted, and sufficient for production.

use std::fs;

use crate::server::Home;

const IMAGE: &str = include_str!("../../deploy/Dockerfile");
const COMPOSE: &str = include_str!("../../deploy/compose.yaml");
const UNIT: &str = include_str!("../../deploy/majordomo.service");

/// Every `MAJORDOMO__X=value` or `MAJORDOMO__X: value` of a text.
fn settings(text: &str) -> Vec<(String, String)> {
    let lines = text.lines().filter_map(|line| line.split_once("MAJORDOMO__"));
    let pairs = lines.filter_map(|(_, rest)| rest.split_once(['=', ':']));
    let plain = |value: &str| value.trim_end_matches('\\').trim().to_owned();
    pairs.map(|(name, value)| (format!("MAJORDOMO__{name}"), plain(value))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_container_s_settings_are_accepted_for_production() {
    let home = Home::new();
    let mail_server = home.path().join("smtp_url");
    fs::write(&mail_server, "smtps://user:password@mail.example.com").unwrap();
    let mut command = home.command(&["config", "check", "--production"]);
    for (name, value) in settings(IMAGE).into_iter().chain(settings(COMPOSE)) {
        let is_secret = name.ends_with("SMTP_URL_FILE");
        command.env(name, if is_secret { mail_server.display().to_string() } else { value });
    }
    let output = command.output().await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{text}");
    assert!(!text.contains("password@"), "{text}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_unit_s_command_line_is_accepted() {
    let home = Home::new();
    let start = UNIT.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/majordomo ")).unwrap();
    let mut arguments: Vec<&str> = start.split(' ').collect();
    let file = home.path().join("config.toml");
    fs::write(&file, "nonsense = 1\n").unwrap();
    let path = file.display().to_string();
    let place = arguments.iter().position(|argument| argument.starts_with("/etc/")).unwrap();
    arguments[place] = &path;
    let output = home.run(&arguments).await;
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && text.contains("nonsense") && text.contains(&path), "{text}");
}

#[test]
fn settings_are_read_from_both_forms() {
    let found = settings("ENV MAJORDOMO__A=1 \\\n    MAJORDOMO__B__C=x:y\n  MAJORDOMO__D: https://e\n# none\n");
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(found[..2], [pair("MAJORDOMO__A", "1"), pair("MAJORDOMO__B__C", "x:y")]);
    assert_eq!(found[2], pair("MAJORDOMO__D", "https://e"));
}
