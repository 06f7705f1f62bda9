//! The audit log as auditors read it, and its verification.

use std::time::Duration;

use majordomo::{
    domain::{
        audit::{AuditEntry, AuditResult},
        auth::actions::AuthAction,
        user::actions::UserAction,
    },
    persistence::{
        Reader as _, Table, Write,
        audit::{AUDIT_BY_NUMBER, AUDIT_SIGN_IN_BY_NUMBER, AuditRow},
    },
    types::{CallContext, Clock as _, Work},
};
use serde_json::{Value, json};

use crate::{
    harness::Client,
    test_app::{PASSWORD, START, TestApp, eventually},
};

fn actions(page: &Value) -> Vec<&str> {
    let rows = page["data"].as_array().unwrap_or_else(|| panic!("{page}"));
    rows.iter().map(|entry| entry["action"].as_str().unwrap()).collect()
}

/// Changes or removes an entry without the writer.
async fn tamper(app: &TestApp, number: u64, change: fn(AuditRow) -> Option<AuditRow>) {
    tamper_with(app, &AUDIT_BY_NUMBER, number, change).await;
}

async fn tamper_with(
    app: &TestApp,
    table: &'static Table<u64, AuditRow>,
    number: u64,
    change: fn(AuditRow) -> Option<AuditRow>,
) {
    let work = Work::until(app.clock.instant() + Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "tamper"));
    let tampered = app.store.write(write, move |tx| {
        match change(tx.get(table, &number)?.unwrap()) {
            Some(row) => tx.put(table, &number, &row)?,
            None => tx.delete(table, &number)?,
        }
        Ok(())
    });
    tampered.await.unwrap();
}

async fn walk(client: &Client) -> Value {
    let answer = client.get("/audit/verify").await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.body
}

#[tokio::test]
async fn the_audit_log_is_read_newest_first_and_by_its_filters() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    app.member("grace@example.com").await;
    let operator = app.operator();
    let all = operator.get("/audit?limit=100").await;
    assert_eq!(all.status, 200, "{all:?}");
    let entries = all.body["data"].as_array().unwrap();
    for log in ["audit", "audit_sign_ins"] {
        let of_log = entries.iter().filter(|entry| entry["log"] == log);
        let numbers: Vec<u64> = of_log.map(|entry| entry["number"].as_u64().unwrap()).collect();
        assert!(numbers.iter().rev().copied().eq(1..=numbers[0]), "{log}: {numbers:?}");
    }
    let times: Vec<&str> = entries.iter().map(|entry| entry["time"].as_str().unwrap()).collect();
    assert!(times.is_sorted_by(|newer, older| newer >= older), "{times:?}");

    let about_ada = operator.get(&format!("/audit?subject={}", ada.id)).await;
    assert_eq!(actions(&about_ada.body), ["auth.login", "user.verify_email", "user.register"], "{about_ada:?}");
    let login = &about_ada.body["data"][0];
    assert_eq!((&login["result"], &login["subject"]), (&json!("done"), &json!(ada.id)));
    assert_eq!(login["personal"]["ipAddress"], "127.0.0.1");
    assert!(login["requestId"].is_string() && login["hash"].as_str().unwrap().len() == 64, "{login}");

    let logins = operator.get("/audit?action=auth.login").await;
    assert_eq!(actions(&logins.body), ["auth.login", "auth.login"]);
    let by_anonymous = operator.get("/audit?actor=anonymous&limit=100").await;
    assert!(actions(&by_anonymous.body).contains(&"user.register"));
    let before = operator.get(&format!("/audit?to={START}")).await;
    assert_eq!((actions(&before.body), &before.body["nextCursor"]), (vec![], &Value::Null));
    let since = operator.get(&format!("/audit?from={START}&limit=100")).await;
    assert_eq!(actions(&since.body).len(), entries.len());
}

#[tokio::test]
async fn the_audit_log_is_read_in_pages_whose_cursors_belong_to_their_filters() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let operator = app.operator();
    let whole = operator.get("/audit?limit=100").await;
    let (mut walked, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = operator.get(&format!("/audit?limit=1{cursor}")).await;
        walked.extend(page.body["data"].as_array().unwrap().clone());
        match page.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(Value::from(walked), whole.body["data"]);
    let refused = operator.get(&format!("/audit?action=auth.login{cursor}")).await;
    assert_eq!(refused.problem(), "invalid_cursor");
    for (query, field) in [
        ("actor=ada", "actor unknown_value"),
        ("actor=user:ada", "actor not_an_id"),
        ("action=auth.dance", "action unknown_value"),
        ("from=yesterday", "from not_a_time"),
        ("until=now", "until unknown_parameter"),
    ] {
        let refused = operator.get(&format!("/audit?{query}")).await;
        assert_eq!((refused.problem(), refused.fields()), ("invalid_query", vec![field.to_owned()]), "{query}");
    }
}

#[tokio::test]
async fn an_unchanged_chain_is_verified_up_to_the_head_that_the_store_reports() {
    let app = TestApp::new().await;
    let operator = app.operator();
    let empty = walk(&operator).await;
    assert_eq!((&empty["intact"], &empty["complete"], &empty["verified"]), (&json!(true), &json!(true), &json!(0)));
    app.member("ada@example.com").await;
    let end = app.store.report().audit;
    let found = walk(&operator).await;
    assert_eq!((&found["intact"], &found["complete"]), (&json!(true), &json!(true)), "{found}");
    assert_eq!(found["head"], json!({ "number": end.entries, "hash": end.hash }));
    assert_eq!((&found["verified"], &found["firstBroken"]), (&json!(end.entries), &Value::Null));
    let sign_ins = app.store.report().audit_sign_ins;
    assert_eq!((sign_ins.entries, &found["signIns"]["verified"]), (1, &json!(1)));
    assert_eq!(found["signIns"]["head"], json!({ "number": 1, "hash": sign_ins.hash }));
    let rest = operator.get("/audit/verify?afterSignIns=1").await;
    assert_eq!((&rest.body["verified"], &rest.body["signIns"]["verified"]), (&json!(end.entries), &json!(0)));
    assert_eq!(operator.get("/audit/verify?afterSignIns=2").await.problem(), "not_found");
    let rest = operator.get("/audit/verify?after=1").await;
    assert_eq!((&rest.body["verified"], &rest.body["head"]), (&json!(end.entries - 1), &found["head"]));
    assert_eq!(operator.get("/audit/verify?after=1000").await.problem(), "not_found");
    assert_eq!(operator.get("/audit/verify?from=1").await.problem(), "invalid_query");
}

#[tokio::test]
async fn a_changed_a_removed_and_a_cut_entry_are_found() {
    let flip = |mut row: AuditRow| {
        *row.body.last_mut().unwrap() ^= 1;
        Some(row)
    };
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    tamper(&app, 2, flip).await;
    let found = walk(&app.operator()).await;
    assert_eq!((&found["intact"], &found["complete"]), (&json!(false), &json!(false)), "{found}");
    assert_eq!(
        (&found["firstBroken"], &found["verified"], &found["head"]["number"]),
        (&json!(2), &json!(1), &json!(1))
    );

    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    app.member("grace@example.com").await;
    tamper(&app, 2, |_| None).await;
    assert_eq!(walk(&app.operator()).await["firstBroken"], 3, "the one behind it does not fit");

    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let last = app.store.report().audit.entries;
    tamper(&app, last, |_| None).await;
    let found = walk(&app.operator()).await;
    assert_eq!((&found["firstBroken"], &found["verified"]), (&json!(last), &json!(last - 1)), "{found}");
}

/// The row with a recomputed hash, as one without the key ring can write it.
fn rewritten(number: u64, before: [u8; 32], row: &AuditRow) -> AuditRow {
    use sha2::{Digest as _, Sha256};
    let mut digest = Sha256::new();
    digest.update(b"majordomo/audit/2/");
    digest.update("audit");
    digest.update([0]);
    digest.update(number.to_be_bytes());
    digest.update(before);
    digest.update(Sha256::digest(&row.body));
    AuditRow { previous: before, hash: digest.finalize().into(), ..row.clone() }
}

#[tokio::test]
async fn a_chain_that_was_rewritten_without_the_key_ring_is_found() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    app.member("grace@example.com").await;
    let last = app.store.report().audit.entries;
    assert!(last > 2, "{last} entries");
    let work = Work::until(app.clock.instant() + Duration::from_secs(5));
    let write = Write::new(work, app.system.stamp(), CallContext::service("test", "tamper"));
    let tampered = app.store.write(write, move |tx| {
        let mut before = tx.get(&AUDIT_BY_NUMBER, &1)?.unwrap().hash;
        for number in 2..=last {
            let mut row = tx.get(&AUDIT_BY_NUMBER, &number)?.unwrap();
            if number == 2 {
                let body = row.body.len();
                row.body[body - 1] ^= 1;
            }
            let row = rewritten(number, before, &row);
            before = row.hash;
            tx.put(&AUDIT_BY_NUMBER, &number, &row)?;
        }
        Ok(())
    });
    tampered.await.unwrap();
    let found = walk(&app.operator()).await;
    assert_eq!((&found["intact"], &found["firstBroken"], &found["verified"]), (&json!(false), &json!(2), &json!(1)));
}

#[tokio::test]
async fn a_cut_log_of_sign_ins_is_found_and_the_other_log_stays_valid() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let changes = app.store.report().audit.entries;
    tamper_with(&app, &AUDIT_SIGN_IN_BY_NUMBER, 1, |_| None).await;
    let found = walk(&app.operator()).await;
    assert_eq!((&found["intact"], &found["complete"]), (&json!(false), &json!(false)), "{found}");
    assert_eq!((&found["firstBroken"], &found["verified"]), (&Value::Null, &json!(changes)));
    assert_eq!((&found["signIns"]["firstBroken"], &found["signIns"]["verified"]), (&json!(1), &json!(0)));
}

#[tokio::test]
async fn both_listeners_require_the_permission() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    for path in ["/audit", "/audit/verify"] {
        assert_eq!(app.anyone.get(path).await.problem(), "unauthenticated");
        let refused = ada.get(path).await;
        assert_eq!((refused.problem(), &refused.body["permission"]), ("forbidden", &json!("read_audit")));
    }
}

/// The entries of refusals, once there are `count`; more would be too many.
async fn refusals(app: &TestApp, count: usize) -> Vec<AuditEntry> {
    let entries = eventually("the entry of a refusal", async || {
        let entries = app.audited(UserAction::Access);
        (entries.len() >= count).then_some(entries)
    });
    let entries = entries.await;
    assert_eq!(entries.len(), count, "{entries:?}");
    entries
}

#[tokio::test]
async fn a_refusal_for_a_missing_permission_is_entered_once_an_hour() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    for _ in 0..3 {
        assert_eq!(ada.get("/users").await.problem(), "forbidden");
    }
    let entries = refusals(&app, 1).await;
    assert_eq!((entries[0].subject, entries[0].result), (ada.id.parse().ok(), AuditResult::Refused));
    assert_eq!(
        (entries[0].actor.to_string(), entries[0].detail.as_str()),
        (format!("user:{}", ada.id), "operation=list_users")
    );
    assert_eq!(ada.get("/invitations").await.problem(), "forbidden");
    refusals(&app, 2).await;
    app.advance(Duration::from_secs(3_600));
    let ada = app.sign_in("ada@example.com").await;
    assert_eq!(ada.get("/users").await.problem(), "forbidden");
    refusals(&app, 3).await;
}

#[tokio::test]
async fn what_an_administrator_reads_of_a_user_is_entered_once_an_hour() {
    let app = TestApp::new().await;
    let ada = app.member("ada@example.com").await;
    let made = json!({ "email": "root@example.com", "password": PASSWORD });
    assert_eq!(app.operator().post("/users/admins", made).await.status, 201);
    let root = app.sign_in("root@example.com").await;
    let of_ada = format!("/users/{}", ada.id);
    for (path, status) in [
        (of_ada.clone(), 200),
        (of_ada.clone(), 200),
        (format!("{of_ada}/sessions"), 200),
        ("/users".to_owned(), 200),
        (format!("/users/{}", root.id), 200),
        (format!("/users/{}", uuid::Uuid::from_u128(7)), 404),
    ] {
        assert_eq!(root.get(&path).await.status, status, "{path}");
    }
    assert_eq!(ada.get(&of_ada).await.status, 200);
    let entries = app.audited(UserAction::ReadUser);
    let read: Vec<_> = entries.iter().map(|entry| (entry.subject, entry.detail.as_str())).collect();
    let id = ada.id.parse().ok();
    let wanted = [(id, "operation=show_user"), (id, "operation=list_user_sessions"), (None, "operation=list_users")];
    assert_eq!(read, wanted);
    assert!(entries.iter().all(|entry| entry.actor.to_string() == format!("user:{}", root.id)));
    app.advance(Duration::from_secs(3_600));
    let root = app.sign_in("root@example.com").await;
    assert_eq!(root.get(&of_ada).await.status, 200);
    assert_eq!(app.audited(UserAction::ReadUser).len(), 4);
}

#[tokio::test]
async fn failed_logins_of_an_unknown_identifier_have_one_entry_for_each_lock_and_never_the_identifier() {
    let app = TestApp::new().await;
    let typed = "my password by mistake";
    for _ in 0..7 {
        app.anyone.post("/auth/login", json!({ "identifier": typed, "password": "another sentence" })).await;
    }
    let entries = app.audited(AuthAction::LockOut);
    assert_eq!(entries.len(), 1, "{entries:?}");
    let digits = entries[0].detail.strip_prefix("identifier=").unwrap_or_else(|| panic!("{entries:?}"));
    assert!(digits.len() == 8 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{entries:?}");
    assert_eq!(entries[0].subject, None);
    assert_eq!(entries[0].personal.ip_address.as_deref(), Some("127.0.0.1"), "{entries:?}");
    assert!(!format!("{entries:?}").contains("mistake"));
}
