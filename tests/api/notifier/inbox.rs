//! The development inbox over HTTP.

use std::sync::Arc;

use majordomo::{
    config::Config,
    domain::{
        event::{Event, Personal},
        notification::{Channel, InboxMail, TemplateName},
        user::events::UserVerified,
    },
    http::{credential::ControlToken, route::Listener},
    persistence::{Store, Write, tables::inbox},
    types::{CallContext, Clock, Work, clock::stamp, limits},
};

use serde_json::{Value, json};

use crate::{
    harness::{Client, Still, Zeroes, services_over},
    test_app::{ADA, TestApp},
};

async fn put(store: &Store, to: &'static str, subject: &'static str) {
    put_with(store, to, subject, ("<p>html</p>", None)).await;
}

async fn put_with(
    store: &Store,
    to: &'static str,
    subject: &'static str,
    (html, code): (&'static str, Option<&'static str>),
) {
    let work = Work::until(Still.instant() + limits::CALL_DEADLINE);
    let write = Write::new(work, stamp(&Still, &Zeroes), CallContext::service("test", "request-1"));
    store
        .write(write, move |tx| {
            let mail = InboxMail {
                id: inbox::next_id(tx)?,
                delivery: tx.id(),
                channel: Channel::Email,
                to: to.into(),
                template: TemplateName::Welcome,
                subject: subject.into(),
                text: "text".into(),
                html: html.into(),
                code: code.map(str::to_owned),
                link: None,
                created_at: tx.now(),
            };
            inbox::put(tx, &mail, inbox::Keeping { rows: 10, since: tx.now() })?;
            // As the sender does, whose event a reader that waits is woken by.
            let user = tx.id();
            let kind = UserVerified { user }.into();
            tx.emit(Event { subject: user, kind, personal: Personal::default() }).map(|_| ())
        })
        .await
        .unwrap();
}

async fn client() -> (Client, Store) {
    let store = Store::in_memory(Arc::new(Still), &Zeroes);
    let services = services_over(&store, &Config::default(), ControlToken::absent());
    (Client::new(Listener::Public, services), store)
}

#[tokio::test]
async fn mails_are_listed_newest_first_and_by_recipient() {
    let (client, store) = client().await;
    put_with(&store, "Ada@example.com", "first", ("<p>html</p>", Some("123456"))).await;
    put(&store, "bob@example.com", "second").await;
    put(&store, "ada@example.com", "third").await;
    let all = client.get("/dev/inbox").await;
    assert_eq!(all.status, 200, "{all:?}");
    let subjects = |answer: &crate::harness::Answer| -> Vec<String> {
        let mails = answer.body["data"].as_array().unwrap();
        mails.iter().map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(subjects(&all), ["third", "second", "first"]);
    assert_eq!(subjects(&client.get("/dev/inbox?to=ada%40example.com").await), ["third", "first"]);
    assert_eq!((subjects(&all).len(), &all.body["nextCursor"]), (3, &Value::Null));
    for (filter, expected) in
        [("", vec!["third", "second", "first"]), ("&to=ada%40example.com", vec!["third", "first"])]
    {
        let (mut walked, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = client.get(&format!("/dev/inbox?limit=1&wait=0{filter}{cursor}")).await;
            walked.extend(subjects(&page));
            match page.body["nextCursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(walked, expected);
    }
    assert_eq!(subjects(&client.get("/dev/inbox?limit=1&wait=5").await), ["third"]);
    let first = &all.body["data"][2];
    assert_eq!(first["template"], "welcome");
    assert_eq!((&first["code"], &first["link"]), (&"123456".into(), &Value::Null));
    assert_eq!((&first["to"], &first["channel"]), (&"Ada@example.com".into(), &"email".into()));
    assert_eq!(first["createdAt"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(all.header("cache-control"), "no-store");
}

#[tokio::test]
async fn an_empty_inbox_is_an_empty_list() {
    let (client, _store) = client().await;
    let answer = client.get("/dev/inbox?to=empty%40example.com").await;
    assert_eq!((answer.status, answer.body["data"].as_array().unwrap().len()), (200, 0));
}

#[tokio::test]
async fn other_machines_cannot_read_it_and_bad_parameters_are_named() {
    let (client, _store) = client().await;
    assert_eq!(client.at("192.0.2.1").get("/dev/inbox").await.status, 403);
    assert_eq!(client.with("x-forwarded-for", "127.0.0.1").get("/dev/inbox").await.status, 403);
    let answer = client.get("/dev/inbox?wait=31&limit=0&from=x").await;
    assert_eq!(answer.fields(), ["from unknown_parameter", "limit out_of_range", "wait out_of_range"]);
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn a_mail_names_its_code() {
    let (client, store) = client().await;
    put_with(&store, "ada@example.com", "Your code", ("<p>482913</p>", Some("482913"))).await;
    put(&store, "ada@example.com", "Welcome").await;
    let mails = client.get("/dev/inbox").await.body["data"].clone();
    assert_eq!((&mails[0]["code"], &mails[1]["code"]), (&Value::Null, &"482913".into()));
    let code = client.get("/dev/inbox/code?to=ADA%40example.com").await;
    assert_eq!((code.status, code.header("content-type")), (200, "text/plain; charset=utf-8"));
    assert_eq!(code.body, 482_913, "the line has no other text");
    assert_eq!(code.header("cache-control"), "no-store");
}

#[tokio::test]
async fn without_a_code_the_answer_is_404() {
    let (client, store) = client().await;
    put(&store, "ada@example.com", "Welcome").await;
    put_with(&store, "bob@example.com", "Your code", ("", Some("482913"))).await;
    let answer = client.get("/dev/inbox/code?to=ada%40example.com").await;
    assert_eq!((answer.status, answer.problem()), (404, "not_found"));
    assert_eq!(client.at("192.0.2.1").get("/dev/inbox/code").await.status, 403);
    let answer = client.get("/dev/inbox/code?after=1&limit=3").await;
    assert_eq!(answer.fields(), ["after not_an_id", "limit unknown_parameter"]);
}

#[tokio::test]
async fn a_wait_ends_with_a_mail_that_is_newer_than_the_named_one() {
    let (client, store) = client().await;
    put_with(&store, "ada@example.com", "old", ("", Some("111111"))).await;
    let old = client.get("/dev/inbox").await.body["data"][0]["id"].as_str().unwrap().to_owned();
    for to in ["", "&to=ada%40example.com"] {
        assert_eq!(client.get(&format!("/dev/inbox?after={old}{to}")).await.body["data"], json!([]));
    }
    let (list, code) = (format!("/dev/inbox?after={old}&wait=30"), format!("/dev/inbox/code?after={old}&wait=30"));
    let (mails, code, ()) = tokio::join!(client.get(&list), client.get(&code), async {
        put_with(&store, "bob@example.com", "new", ("", Some("222222"))).await;
    });
    let mails = mails.body["data"].as_array().unwrap().clone();
    assert_eq!(mails.iter().map(|mail| mail["subject"].as_str().unwrap()).collect::<Vec<_>>(), ["new"]);
    assert_eq!(code.body, 222_222);
}

#[tokio::test]
async fn a_browser_gets_the_inbox_as_a_page() {
    let (client, store) = client().await;
    put(&store, "ada@example.com", "only in JSON").await;
    let page = client.with("accept", BROWSER).get("/dev/inbox?to=ada%40example.com").await;
    assert_eq!((page.status, page.header("content-type")), (200, "text/html; charset=utf-8"));
    let text = page.body.as_str().unwrap();
    assert!(text.starts_with("<!doctype html>") && !text.contains("only in JSON"));
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    for (accept, type_of) in [(BROWSER, "text/html; charset=utf-8"), ("*/*", "application/json")] {
        let answer = client.with("accept", accept).get("/dev/inbox").await;
        assert_eq!((answer.header("content-type"), answer.header("vary")), (type_of, "accept, origin"));
    }
    assert_eq!(client.with("accept", BROWSER).at("192.0.2.1").get("/dev/inbox").await.problem(), "loopback_only");
}

#[tokio::test]
async fn no_script_of_a_mail_runs_in_its_frame() {
    let (client, store) = client().await;
    put_with(&store, "ada@example.com", "mail", ("<html><head></head><p>a</p></html>", None)).await;
    put_with(&store, "+15550100", "", ("", Some("482913"))).await;
    let mails = client.get("/dev/inbox").await.body["data"].clone();
    let path = |mail: &Value| format!("/dev/inbox/{}/html", mail["id"].as_str().unwrap());
    let mail = client.get(&path(&mails[1])).await;
    assert_eq!((mail.status, mail.header("content-type")), (200, "text/html; charset=utf-8"));
    assert_eq!(mail.body, "<html><head><base target=\"_blank\"></head><p>a</p></html>");
    let text = client.get(&path(&mails[0])).await;
    assert_eq!((text.header("content-type"), &text.body), ("text/plain; charset=utf-8", &"text".into()));
    for answer in [&mail, &text] {
        let policy = answer.header("content-security-policy");
        assert!(policy.starts_with("sandbox ") && policy.contains("default-src 'none'"), "{policy}");
        assert!(!policy.contains("allow-scripts") && !policy.contains("script-src"), "{policy}");
        assert!(policy.contains("frame-ancestors 'self'") && policy.contains("form-action 'none'"), "{policy}");
    }
    let unknown = client.get("/dev/inbox/00000000-0000-7000-8000-000000000000/html").await;
    assert_eq!(unknown.problem(), "not_found");
    assert_eq!(client.at("192.0.2.1").get(&path(&mails[0])).await.problem(), "loopback_only");
}

#[tokio::test]
async fn templates_of_links_are_the_applications() {
    let settings = [("LINKS__VERIFY", "http://localhost:3000/#/confirm/?token={secret}&from=mail")];
    let app = TestApp::with_mail(&settings, |_| ()).await;
    app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    let link = mail["link"].as_str().unwrap().to_owned();
    let rest = link.strip_prefix("http://localhost:3000/#/confirm/?token=").unwrap();
    let secret = rest.strip_suffix("&from=mail").unwrap();
    let verified = app.anyone.post("/auth/verify-email", json!({ "secret": secret })).await;
    assert_eq!(verified.status, 200, "{verified:?}");
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    let mail = app.mail(ADA, "reset_code", 1).await;
    assert_eq!(mail["link"], Value::Null, "its template needs an app_url: {mail}");
}

#[tokio::test]
async fn without_app_url_a_mail_has_a_code_and_no_link() {
    let app = TestApp::new().await;
    app.register(ADA).await;
    let mail = app.mail(ADA, "verification_code", 1).await;
    assert_eq!((mail["code"].as_str().map(str::len), &mail["link"]), (Some(6), &Value::Null));
    for part in ["html", "text"] {
        let text = mail[part].as_str().unwrap();
        assert!(!text.contains("http") && !text.contains("secret"), "{text}");
    }
    app.verified("bob@example.com").await;
    let welcome = app.mail("bob@example.com", "welcome", 1).await;
    assert_eq!((&welcome["code"], &welcome["link"]), (&Value::Null, &Value::Null));
}
