//! A real mail server with a certificate of its own: aiosmtpd.

use std::{
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use super::{program, python, script};

/// The user and the password of the server, as they are written in a URL.
pub const ACCOUNT: &str = "mailer:p%40ss%3Aword%2F1";
/// The parts of them that must not be found in any output.
pub const SECRETS: [&str; 4] = ["p@ss", "p%40ss", "bWFpbGVy", "AG1haWxlcg"];

/// The directory of mail servers: its files remain after a server has ended.
pub struct PostOffice {
    python: PathBuf,
    folder: TempDir,
}

/// A running mail server; killed when it is dropped.
pub struct Post {
    process: Child,
    reports: Receiver<Value>,
    pub port: u16,
}

impl Drop for Post {
    fn drop(&mut self) {
        // The process may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl PostOffice {
    /// `None`: the programs are not installed, and may be missing.
    pub fn found() -> Option<Self> {
        let python = python("aiosmtpd")?;
        let openssl = program("openssl")?;
        let office = Self { python, folder: TempDir::new().unwrap() };
        make_certificate(openssl, &office.certificate(), &office.key());
        Some(office)
    }

    /// The file with its certificate, for `localhost`.
    pub fn certificate(&self) -> PathBuf {
        self.folder.path().join("certificate.pem")
    }

    fn key(&self) -> PathBuf {
        self.folder.path().join("key.pem")
    }

    /// A server on a free port, in the mode that `mail_server.py` describes.
    pub fn open(&self, mood: &str) -> Post {
        self.start(mood, 0)
    }

    /// A server on the port of an earlier one.
    pub fn reopen(&self, mood: &str, port: u16) -> Post {
        self.start(mood, port)
    }

    fn start(&self, mood: &str, port: u16) -> Post {
        let mut process = Command::new(&self.python)
            .arg(script("mail_server.py"))
            .arg(mood)
            .args([self.certificate(), self.key()])
            .arg(port.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let first = lines.next().unwrap_or_default();
        let port = first.strip_prefix("listening ").expect("the server prints its port").parse().unwrap();
        let (sender, reports) = channel();
        std::thread::spawn(move || {
            for line in lines {
                let Ok(report) = serde_json::from_str(&line) else { continue };
                if sender.send(report).is_err() {
                    return;
                }
            }
        });
        Post { process, reports, port }
    }
}

impl Post {
    /// The next report of the server, within `timeout`.
    pub fn next(&self, timeout: Duration) -> Option<Value> {
        self.reports.recv_timeout(timeout).ok()
    }

    /// The next message of `did` (`took`, `stalled`, `refused`) to `address`.
    pub fn next_to(&self, address: &str, did: &str, timeout: Duration) -> Value {
        let end = Instant::now() + timeout;
        while let Some(report) = self.next(end.saturating_duration_since(Instant::now())) {
            if report["did"] == did && report["to"] == address {
                return report;
            }
        }
        panic!("nothing was {did} to {address} within {timeout:?}");
    }
}

/// Self-signed, for `localhost`.
fn make_certificate(openssl: &str, certificate: &Path, key: &Path) {
    let made = Command::new(openssl)
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-out")
        .arg(certificate)
        .arg("-keyout")
        .arg(key)
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(made.success());
}
