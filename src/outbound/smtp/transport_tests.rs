#![expect(clippy::disallowed_methods, reason = "the server that is spoken to is a task of the test")]

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::TcpListener,
};

use super::*;
use crate::{
    outbound::mail::Sender,
    types::{EmailAddress, Timestamp},
};

struct TestClock;

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(1_767_323_045_000_000)
    }
    fn instant(&self) -> Instant {
        Instant::now()
    }
}

/// A server that answers each line by its first word. After an empty reply it sends nothing more.
struct Server {
    port: u16,
    connections: Arc<AtomicU32>,
    received: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(replies: &'static [(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = Self { port, connections: Arc::default(), received: Arc::default() };
        let (connections, received) = (server.connections.clone(), server.received.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                connections.fetch_add(1, Ordering::SeqCst);
                let received = received.clone();
                tokio::spawn(async move {
                    let (read, mut write) = stream.into_split();
                    let mut lines = BufReader::new(read).lines();
                    write.write_all(b"220 test\r\n").await.unwrap();
                    let mut in_message = false;
                    while let Ok(Some(line)) = lines.next_line().await {
                        let word = if in_message { "." } else { line.as_str() };
                        if in_message && line != "." {
                            continue;
                        }
                        received.lock().unwrap().push(line.clone());
                        in_message = word.starts_with("DATA");
                        let reply = replies.iter().find(|(start, _)| word.starts_with(start)).map_or("250 ok", |r| r.1);
                        if reply.is_empty() {
                            std::future::pending::<()>().await;
                        }
                        in_message &= reply.starts_with("354");
                        if write.write_all(format!("{reply}\r\n").as_bytes()).await.is_err() {
                            return;
                        }
                    }
                });
            }
        });
        server
    }

    fn transport(&self, credentials: &str, query: &str) -> SmtpTransport {
        let url = SmtpServer::parse(&format!("smtp://{credentials}127.0.0.1:{}{query}", self.port)).unwrap();
        let timeout = Duration::from_millis(400);
        let settings = SmtpSettings { url, timeout, hello: "example.com".into(), extra_roots: None };
        SmtpTransport::new(settings, Arc::new(TestClock)).unwrap()
    }
}

fn mail() -> OutgoingMail {
    OutgoingMail {
        message_id: "0199@example.com".into(),
        from: Sender::parse("no-reply@example.com").unwrap(),
        to: EmailAddress::parse("ada@example.org").unwrap(),
        kind: "welcome",
        subject: "Hello".into(),
        text: "Hello\n".into(),
        html: "<p>Hello</p>".into(),
        code: None,
        link: None,
        date: Timestamp::from_micros(1_767_323_045_000_000),
    }
}

const DATA: (&str, &str) = ("DATA", "354 go on");

#[tokio::test]
async fn mail_is_taken_and_the_connection_serves_the_next() {
    let server = Server::start(&[DATA, (".", "250 2.0.0 queued as 17")]).await;
    let transport = server.transport("", "");
    for _ in 0..3 {
        let exchange = transport.send(&mail()).await;
        assert_eq!(exchange.answer, ProviderAnswer::taken("2.0.0 queued as 17"), "{:?}", exchange.conversation);
    }
    assert_eq!(server.connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_refused_recipient_is_reported_with_its_codes() {
    let server = Server::start(&[("RCPT", "550 5.1.1 no such user")]).await;
    let transport = server.transport("", "");
    let exchange = transport.send(&mail()).await;
    assert_eq!(exchange.answer, ProviderAnswer::refused(SmtpStep::Recipient, 550, "5.1.1 no such user"));
    assert!(exchange.conversation.iter().any(|line| line.contains("550 5.1.1")), "{:?}", exchange.conversation);
}

#[tokio::test]
async fn a_server_that_falls_silent_costs_no_more_than_the_limit_and_its_connection() {
    let server = Server::start(&[DATA, (".", "")]).await;
    let transport = server.transport("", "");
    let began = Instant::now();
    assert_eq!(transport.send(&mail()).await.answer, ProviderAnswer::Silent { step: SmtpStep::Content });
    assert!(began.elapsed() < Duration::from_secs(3));
    transport.send(&mail()).await;
    assert_eq!(server.connections.load(Ordering::SeqCst), 2, "the silent connection is not used again");
}

#[tokio::test]
async fn nothing_is_sent_when_encryption_is_demanded_and_not_offered() {
    let server = Server::start(&[]).await;
    let exchange = server.transport("user:hunter2@", "?tls=required").send(&mail()).await;
    assert!(
        matches!(exchange.answer, ProviderAnswer::Broken { step: SmtpStep::StartTls, .. }),
        "{:?}",
        exchange.answer
    );
    let received = server.received.lock().unwrap().join("\n");
    assert!(!received.contains("MAIL") && !received.contains("AUTH"), "{received}");
}

#[tokio::test]
async fn refused_credentials_are_reported_without_the_password() {
    let server =
        Server::start(&[("EHLO", "250-test\r\n250 AUTH PLAIN"), ("AUTH", "535 5.7.8 authentication failed")]).await;
    let exchange = server.transport("user:hunter2@", "").send(&mail()).await;
    assert_eq!(exchange.answer, ProviderAnswer::refused(SmtpStep::Authenticate, 535, "5.7.8 authentication failed"));
    let conversation = exchange.conversation.join("\n");
    assert!(conversation.contains("AUTH as user ***"), "{conversation}");
    assert!(!conversation.contains("hunter2") && !conversation.contains("AHVzZXI"), "{conversation}");
}

#[tokio::test]
async fn a_server_that_is_away_is_a_broken_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let unreachable = Server { port, connections: Arc::default(), received: Arc::default() };
    let exchange = unreachable.transport("", "").send(&mail()).await;
    assert!(matches!(exchange.answer, ProviderAnswer::Broken { step: SmtpStep::Connect, .. }), "{:?}", exchange.answer);
}
