//! The development inbox over HTTP.

use std::sync::Arc;

use majordomo::{
    config::Config,
    domain::notification::{Channel, InboxMail, TemplateName},
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
                html: "<p>html</p>".into(),
                code: Some("123456".into()),
                link: None,
                created_at: tx.now(),
            };
            inbox::put(tx, &mail, inbox::Keeping { rows: 10, since: tx.now() })
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
    put(&store, "Ada@example.com", "first").await;
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
    assert_eq!(subjects(&client.get("/dev/inbox?limit=1&wait=5").await), ["third"]);
    let first = &all.body["data"][2];
    assert_eq!(first["template"], "welcome");
    assert_eq!((&first["code"], &first["link"]), (&"123456".into(), &serde_json::Value::Null));
    assert_eq!((&first["to"], &first["channel"]), (&"Ada@example.com".into(), &"email".into()));
    assert_eq!(first["createdAt"], "2026-01-01T00:00:00.000000Z");
    assert_eq!(all.header("cache-control"), "no-store");
}

#[tokio::test]
async fn an_empty_inbox_is_an_empty_list() {
    let (client, _store) = client().await;
    let answer = client.get("/dev/inbox?to=nobody%40example.com").await;
    assert_eq!((answer.status, answer.body["data"].as_array().unwrap().len()), (200, 0));
}

#[tokio::test]
async fn nobody_from_outside_reads_it_and_bad_parameters_are_named() {
    let (client, _store) = client().await;
    assert_eq!(client.at("192.0.2.1").get("/dev/inbox").await.status, 403);
    assert_eq!(client.with("x-forwarded-for", "127.0.0.1").get("/dev/inbox").await.status, 403);
    let answer = client.get("/dev/inbox?wait=31&limit=0&from=x").await;
    assert_eq!(answer.fields(), ["from unknown_parameter", "limit out_of_range", "wait out_of_range"]);
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
