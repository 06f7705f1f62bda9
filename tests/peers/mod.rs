//! Other programs that tests use. `.ci/peers` installs them; a test without its program prints a line and is skipped,
//! unless `MAJORDOMO_TEST_ALL=1`.
#![expect(dead_code, reason = "not every test uses every program")]

pub mod checker;
pub mod post;

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The directory of `.ci/peers`.
fn folder() -> PathBuf {
    let named = std::env::vars_os().find(|(name, _)| name == "MAJORDOMO_TEST_PEERS");
    named.map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), |(_, folder)| folder.into())
}

/// A file of this directory.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}

/// A Python that has `module`: the installed one, or that of the machine.
pub fn python(module: &str) -> Option<PathBuf> {
    let installed = folder().join("python/bin/python");
    let known = [installed, PathBuf::from("python3")];
    let found = known.into_iter().find(|python| runs(Command::new(python).args(["-c", &format!("import {module}")])));
    found.or_else(|| missing(&format!("python3 with {module}")))
}

/// The folder with the npm package `name`, for a `node` that runs.
pub fn node_modules(name: &str) -> Option<PathBuf> {
    let modules = folder().join("node/node_modules");
    let is_there = modules.join(name).is_dir() && runs(Command::new("node").arg("--version"));
    if is_there { Some(modules) } else { missing(&format!("node with {name}")) }
}

/// A program of the machine.
pub fn program(name: &'static str) -> Option<&'static str> {
    // openssl has a command, others have a flag.
    if ["--version", "version"].into_iter().any(|argument| runs(Command::new(name).arg(argument))) {
        Some(name)
    } else {
        missing(name)
    }
}

/// A browser that scripts can steer.
pub fn browser() -> Option<&'static str> {
    const NAMES: [&str; 3] = ["chromium", "google-chrome", "chromium-browser"];
    let found = NAMES.into_iter().find(|name| runs(Command::new(name).arg("--version")));
    found.or_else(|| missing("chromium"))
}

/// The checker of Prometheus' text format, of Debian's package `prometheus`.
pub fn promtool() -> Option<&'static str> {
    with_version("promtool")
}

/// The server of Debian's package `prometheus`.
pub fn prometheus() -> Option<&'static str> {
    with_version("prometheus")
}

fn with_version(name: &'static str) -> Option<&'static str> {
    if runs(Command::new(name).arg("--version")) { Some(name) } else { missing(name) }
}

fn runs(command: &mut Command) -> bool {
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

fn missing<T>(what: &str) -> Option<T> {
    let must_run = std::env::vars().any(|(name, value)| name == "MAJORDOMO_TEST_ALL" && value == "1");
    assert!(!must_run, "{what} must be installed");
    println!("skipped: {what} is not installed");
    None
}
