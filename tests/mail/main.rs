//! Mail to a real SMTP server (aiosmtpd from PyPI) by STARTTLS and authentication. Skipped where python3, aiosmtpd or
//! openssl is missing, unless `MAJORDOMO_TEST_ALL=1`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::disallowed_methods, clippy::print_stderr)]

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, ChildStdout, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use majordomo::{
    outbound::{
        mail::{MailTransport, OutgoingMail, Sender},
        smtp::{SmtpSettings, SmtpTransport, SmtpUrl},
    },
    supervision::SystemClock,
    types::{
        EmailAddress, Timestamp,
        answer::{Answer, Enhanced, Step},
    },
};
use serde_json::Value;
use tempfile::TempDir;

const RIGHT: &str = "mailer:p%40ss%3Aword%2F1";

struct Server {
    process: Child,
    lines: BufReader<ChildStdout>,
    port: u16,
    folder: TempDir,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn runs(program: &str, arguments: &[&str]) -> bool {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}

impl Server {
    /// `None`: the programs are not there, and need not be.
    fn start(mood: &str) -> Option<Self> {
        if !runs("python3", &["-c", "import aiosmtpd"]) || !runs("openssl", &["version"]) {
            let must_run = std::env::vars().any(|(name, value)| name == "MAJORDOMO_TEST_ALL" && value == "1");
            assert!(!must_run, "python3 with aiosmtpd and openssl must be there");
            eprintln!("skipped: python3 with aiosmtpd, or openssl, is not there");
            return None;
        }
        let folder = TempDir::new().unwrap();
        let (certificate, key) = (folder.path().join("certificate.pem"), folder.path().join("key.pem"));
        make_certificate(&certificate, &key);
        let mut process = Command::new("python3")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail/server.py"))
            .arg(mood)
            .args([&certificate, &key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap());
        let mut first = String::new();
        lines.read_line(&mut first).unwrap();
        let port = first.trim().strip_prefix("listening ").expect("the server says where it listens").parse().unwrap();
        Some(Self { process, lines, port, folder })
    }

    fn transport(&self, credentials: &str) -> SmtpTransport {
        let url = format!("smtp://{credentials}@localhost:{}?tls=required", self.port);
        let settings = SmtpSettings {
            url: SmtpUrl::parse(&url).unwrap(),
            timeout: Duration::from_secs(3),
            hello: "example.com".into(),
            extra_roots: Some(std::fs::read(self.folder.path().join("certificate.pem")).unwrap()),
        };
        SmtpTransport::new(settings, Arc::new(SystemClock::after(Timestamp::ZERO))).unwrap()
    }

    /// The next message it took.
    fn took(&mut self) -> Value {
        let mut line = String::new();
        self.lines.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

/// Self-signed, for `localhost`.
fn make_certificate(certificate: &Path, key: &Path) {
    let made = Command::new("openssl")
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

fn mail(id: &str) -> OutgoingMail {
    OutgoingMail {
        message_id: format!("{id}@example.com"),
        from: Sender::parse("Example <no-reply@example.com>").unwrap(),
        to: EmailAddress::parse("ada@example.org").unwrap(),
        kind: "verification_code",
        subject: "Ihr Bestätigungscode".into(),
        text: "Hier ist der Code: 482913\n.\nGrüße\n".into(),
        html: "<p>482913</p>".into(),
        date: Timestamp::from_micros(1_767_323_045_000_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_out_encrypted_and_authenticated_and_the_connection_is_kept() {
    let Some(mut server) = Server::start("takes") else { return };
    let transport = server.transport(RIGHT);
    let first = transport.send(&mail("0199-first")).await;
    assert_eq!(first.answer, Answer::taken("2.0.0 queued"), "{:#?}", first.conversation);
    let took = server.took();
    assert_eq!((&took["encrypted"], &took["user"]), (&true.into(), &"mailer".into()));
    assert_eq!(took["to"][0], "ada@example.org");
    let message = took["message"].as_str().unwrap();
    assert!(message.contains("Message-ID: <0199-first@example.com>\r\n"), "{message}");
    let second = transport.send(&mail("0199-second")).await;
    assert_eq!(second.answer, Answer::taken("2.0.0 queued"));
    assert!(second.conversation[0].contains("kept"), "{:#?}", second.conversation);
    let said = first.conversation.join("\n");
    for secret in ["p@ss", "p%40ss", "482913", "bWFpbGVy", "AG1haWxlcg"] {
        assert!(!said.contains(secret), "{secret} in\n{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_told_as_such_and_a_stranger_s_certificate_is_refused() {
    let Some(server) = Server::start("takes") else { return };
    let wrong = server.transport("mailer:wrong").send(&mail("0199")).await;
    assert!(
        matches!(wrong.answer, Answer::Refused { step: Step::Authenticate, code: 535, .. }),
        "{:#?}",
        wrong.conversation
    );
    let url = SmtpUrl::parse(&format!("smtp://{RIGHT}@localhost:{}?tls=required", server.port)).unwrap();
    let settings =
        SmtpSettings { url, timeout: Duration::from_secs(3), hello: "example.com".into(), extra_roots: None };
    let strict = SmtpTransport::new(settings, Arc::new(SystemClock::after(Timestamp::ZERO))).unwrap();
    let refused = strict.send(&mail("0199")).await;
    assert!(matches!(refused.answer, Answer::Broken { step: Step::StartTls, .. }), "{:#?}", refused.conversation);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_keep_their_codes_and_greylisting_passes() {
    let Some(server) = Server::start("refuses") else { return };
    let refused = server.transport(RIGHT).send(&mail("0199")).await;
    let no_such_user = Some(Enhanced { class: 5, subject: 1, detail: 1 });
    assert!(
        matches!(
            &refused.answer,
            Answer::Refused { step: Step::Recipient, code: 550, enhanced, .. } if *enhanced == no_such_user
        ),
        "{:#?}",
        refused
    );
    let Some(mut server) = Server::start("greylists_once") else { return };
    let transport = server.transport(RIGHT);
    let first = transport.send(&mail("0199")).await;
    assert!(matches!(first.answer, Answer::Refused { step: Step::Recipient, code: 450, .. }), "{first:#?}");
    assert_eq!(transport.send(&mail("0199")).await.answer, Answer::taken("2.0.0 queued"));
    assert!(server.took()["message"].as_str().unwrap().contains("<0199@example.com>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_costs_no_more_than_the_limit() {
    let Some(server) = Server::start("stalls") else { return };
    let began = Instant::now();
    let stalled = server.transport(RIGHT).send(&mail("0199")).await;
    assert_eq!(stalled.answer, Answer::Silent { step: Step::Content }, "{:#?}", stalled.conversation);
    assert!(began.elapsed() < Duration::from_secs(6));
}
