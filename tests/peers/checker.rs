//! Other libraries that check access tokens: jose for Node, authlib for Python.

use std::{
    ffi::OsString,
    io::Write,
    path::PathBuf,
    process::{Command, Stdio},
};

use serde_json::Value;

use super::{node_modules, python, script};

/// A library and the program that runs it.
pub struct Checker {
    pub name: &'static str,
    program: PathBuf,
    arguments: Vec<OsString>,
    folder: PathBuf,
}

impl Checker {
    /// The installed libraries.
    pub fn all() -> Vec<Self> {
        let text = std::fs::read_to_string(script("check_tokens.mjs")).unwrap();
        let jose = node_modules("jose").map(|modules| Self {
            name: "jose",
            program: "node".into(),
            // A module given as text looks for packages from the working directory.
            arguments: ["--input-type=module", "-e", &text].map(OsString::from).to_vec(),
            folder: modules,
        });
        let authlib = python("authlib").map(|python| Self {
            name: "authlib",
            program: python,
            arguments: vec![script("check_tokens.py").into()],
            folder: ".".into(),
        });
        jose.into_iter().chain(authlib).collect()
    }

    /// The result for each of `tokens`: its claims, or `refused`. `keys` is the URL of a JWKS or a file with one.
    pub fn check(&self, keys: &str, [issuer, audience]: [&str; 2], tokens: &[String]) -> Vec<Value> {
        let mut process = Command::new(&self.program)
            .args(&self.arguments)
            .args([keys, issuer, audience])
            .current_dir(&self.folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = process.stdin.take().unwrap();
        let lines = tokens.join("\n") + "\n";
        // In parallel with reading, because both pipes are small.
        let writing = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
        let output = process.wait_with_output().unwrap();
        // The reason of a failure is reported below.
        let _ = writing.join().unwrap();
        assert!(output.status.success(), "{} failed: {}", self.name, String::from_utf8_lossy(&output.stderr));
        let lines = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), tokens.len(), "{} answered so often", self.name);
        lines
    }
}
