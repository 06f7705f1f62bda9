//! Mail to a real SMTP server (aiosmtpd from PyPI) by STARTTLS and authentication. Skipped if python3, aiosmtpd or
//! openssl is missing, unless `MAJORDOMO_TEST_ALL=1`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests panic, and read the machine's time"
)]

#[path = "../peers/mod.rs"]
mod peers;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use majordomo::{
    outbound::{
        mail::{MailTransport, OutgoingMail, Sender},
        smtp::{SmtpServer, SmtpSettings, SmtpTransport},
    },
    supervision::SystemClock,
    types::{
        EmailAddress, Timestamp,
        provider_answer::{Enhanced, ProviderAnswer, SmtpStep},
    },
};
use peers::post::{ACCOUNT, Post, PostOffice, SECRETS};

const TIMEOUT: Duration = Duration::from_secs(10);

fn transport(office: &PostOffice, post: &Post, account: &str) -> SmtpTransport {
    let url = format!("smtp://{account}@localhost:{}?tls=required", post.port);
    let settings = SmtpSettings {
        url: SmtpServer::parse(&url).unwrap(),
        timeout: Duration::from_secs(3),
        hello: "example.com".into(),
        extra_roots: Some(std::fs::read(office.certificate()).unwrap()),
    };
    SmtpTransport::new(settings, Arc::new(SystemClock::default())).unwrap()
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
        code: None,
        link: None,
        date: Timestamp::from_micros(1_767_323_045_000_000),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_goes_out_encrypted_and_authenticated_and_the_connection_is_kept() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("takes");
    let transport = transport(&office, &post, ACCOUNT);
    let first = transport.send(&mail("0199-first")).await;
    assert_eq!(first.answer, ProviderAnswer::taken("2.0.0 queued"), "{:#?}", first.conversation);
    let took = post.next_to("ada@example.org", "took", TIMEOUT);
    assert_eq!((&took["encrypted"], &took["user"]), (&true.into(), &"mailer".into()));
    let message = took["raw"].as_str().unwrap();
    assert!(message.contains("Message-ID: <0199-first@example.com>\r\n"), "{message}");
    let second = transport.send(&mail("0199-second")).await;
    assert_eq!(second.answer, ProviderAnswer::taken("2.0.0 queued"));
    assert!(second.conversation[0].contains("kept"), "{:#?}", second.conversation);
    let conversation = first.conversation.join("\n");
    for secret in SECRETS.into_iter().chain(["482913"]) {
        assert!(!conversation.contains(secret), "{secret} in\n{conversation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_reported_and_an_unknown_certificate_is_refused() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("takes");
    let wrong = transport(&office, &post, "mailer:wrong").send(&mail("0199")).await;
    assert!(
        matches!(wrong.answer, ProviderAnswer::Refused { step: SmtpStep::Authenticate, code: 535, .. }),
        "{:#?}",
        wrong.conversation
    );
    let url = SmtpServer::parse(&format!("smtp://{ACCOUNT}@localhost:{}?tls=required", post.port)).unwrap();
    let settings =
        SmtpSettings { url, timeout: Duration::from_secs(3), hello: "example.com".into(), extra_roots: None };
    let strict = SmtpTransport::new(settings, Arc::new(SystemClock::default())).unwrap();
    let refused = strict.send(&mail("0199")).await;
    assert!(
        matches!(refused.answer, ProviderAnswer::Broken { step: SmtpStep::StartTls, .. }),
        "{:#?}",
        refused.conversation
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_keep_their_codes_and_greylisting_is_temporary() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("refuses");
    let unwelcome = OutgoingMail { to: EmailAddress::parse("refused@example.org").unwrap(), ..mail("0199") };
    let refused = transport(&office, &post, ACCOUNT).send(&unwelcome).await;
    let no_such_user = Some(Enhanced { class: 5, subject: 1, detail: 1 });
    assert!(
        matches!(
            &refused.answer,
            ProviderAnswer::Refused { step: SmtpStep::Recipient, code: 550, enhanced, .. } if *enhanced == no_such_user
        ),
        "{:#?}",
        refused
    );
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("greylists_once");
    let transport = transport(&office, &post, ACCOUNT);
    let first = transport.send(&mail("0199")).await;
    assert!(matches!(first.answer, ProviderAnswer::Refused { step: SmtpStep::Recipient, code: 450, .. }), "{first:#?}");
    assert_eq!(transport.send(&mail("0199")).await.answer, ProviderAnswer::taken("2.0.0 queued"));
    assert!(post.next_to("ada@example.org", "took", TIMEOUT)["raw"].as_str().unwrap().contains("<0199@example.com>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stalls_is_left_at_the_time_limit() {
    let Some(office) = PostOffice::found() else { return };
    let post = office.open("stalls");
    let began = Instant::now();
    let stalled = transport(&office, &post, ACCOUNT).send(&mail("0199")).await;
    assert_eq!(stalled.answer, ProviderAnswer::Silent { step: SmtpStep::Content }, "{:#?}", stalled.conversation);
    assert!(began.elapsed() < Duration::from_secs(6));
}
