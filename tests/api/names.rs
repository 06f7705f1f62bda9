//! What people call themselves: refused where it is a text for other people's mailboxes, and in no first mail.

use serde_json::json;

use crate::test_app::{PASSWORD, TestApp};

const ADA: &str = "ada@example.com";
const FIELDS: [&str; 3] = ["displayName", "firstName", "lastName"];

async fn refusals(app: &TestApp, name: &str) -> Vec<String> {
    let mut form = json!({ "email": ADA, "password": PASSWORD });
    for field in FIELDS {
        form[field] = json!(name);
    }
    let answer = app.anyone.post("/auth/register", form).await;
    assert_eq!(answer.status, 422, "{name:?}: {answer:?}");
    for error in answer.body["errors"].as_array().unwrap() {
        assert!(error["detail"].as_str().unwrap().starts_with("must"), "the rule: {error}");
    }
    answer.fields()
}

#[tokio::test]
async fn names_hold_no_web_address_no_at_sign_and_something_visible() {
    let app = TestApp::new().await;
    for (name, code) in [
        ("http://evil.example", "web_address"),
        ("Claim at evil.com now", "web_address"),
        ("WWW.EVIL", "web_address"),
        ("evil\u{ff0e}com", "web_address"),
        ("evil.\u{440}\u{444}", "web_address"),
        ("//evil/x", "web_address"),
        ("ada@example", "at_sign"),
        ("ada\u{ff20}example", "at_sign"),
        ("   ", "not_visible"),
        ("\u{a0}\u{3000}", "not_visible"),
        ("\u{200b}\u{200d}", "not_visible"),
        ("\u{3164}", "not_visible"),
        ("\u{2800}\u{2800}", "not_visible"),
        ("\u{ad}\u{34f}\u{fe0f}", "not_visible"),
        ("\u{e0041}", "not_visible"),
        ("\u{7}\n", "not_visible"),
        ("Ada\u{202e}", "control_character"),
        ("", "length"),
    ] {
        let expected: Vec<String> = FIELDS.iter().map(|field| format!("/{field} {code}")).collect();
        assert_eq!(refusals(&app, name).await, expected, "{name:?}");
    }
    for name in
        ["J.R.R. Tolkien", "St. John", "Dr. Ada L.", "O'Neil-Smith", "\u{738b}\u{82b3}", "\u{2603}", "A.", "3.5"]
    {
        let form = json!({ "email": "x@example.com", "password": PASSWORD, "firstName": name });
        let answer = app.anyone.post("/auth/register", form).await;
        assert!(answer.status == 201 || answer.problem() == "rate_limited", "{name}: {answer:?}");
    }
}

#[tokio::test]
async fn no_mail_up_to_the_first_after_proof_holds_what_was_typed() {
    let app = TestApp::new().await;
    let form = json!({
        "email": ADA, "password": PASSWORD, "username": "zorro", "displayName": "Zebra", "firstName": "Zacharias",
        "lastName": "Zeppelin", "phone": "+4369912345678",
    });
    let agent = app.anyone.with("user-agent", "Zither/1 (Windows) Firefox/1");
    let registered = agent.post("/auth/register", form).await;
    assert_eq!(registered.status, 201, "{registered:?}");
    app.anyone.post("/auth/password/forgot", json!({ "email": ADA })).await;
    app.mail(ADA, "reset_code", 1).await;
    let code = app.code_of(ADA).await;
    assert_eq!(app.verify(&registered.body["id"], &code).await.status, 200);
    app.mail(ADA, "welcome", 1).await;
    let mails = app.mails(ADA).await;
    assert_eq!(mails.len(), 3);
    for mail in mails {
        let whole = format!("{} {} {}", mail["subject"], mail["text"], mail["html"]);
        for typed in ["zorro", "Zebra", "Zacharias", "Zeppelin", "36991234", "Zither"] {
            assert!(!whole.contains(typed), "{typed} in {whole}");
        }
    }
}
