//! From an event to a mail: once, in time, with a valid code or not at all, whatever the provider does.

use std::{sync::Arc, time::Duration};

use majordomo::{
    actors::notifier::ClearInbox,
    domain::{
        auth::events::{
            PasswordChanged, PasswordSet, SessionReuseDetected, UserLockedOut, UserLoggedIn, UserRegistrationRepeated,
        },
        notification::{Channel, DeliveryState, MailSelector, Suppression},
        otp::{CodePurpose, events::OtpSent},
        user::events::UserVerified,
    },
    types::{
        CallContext, PageLimit,
        provider_answer::{ProviderAnswer, SmtpStep},
    },
};
use uuid::Uuid;

use crate::flows::test_notifier::{DIGITS, Provider, TestNotifier, code_id, people, welcome_another};
use crate::flows::test_store::{SECOND, until, user};
use crate::test_app::{START, ready};

/// Mails to an address.
fn to(address: &str) -> MailSelector {
    MailSelector { to: Some(address.to_owned()), after: None, before: None }
}

#[tokio::test(start_paused = true)]
async fn a_code_reaches_the_inbox_with_time_and_address_and_no_text_of_the_requester() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    test_notifier.require_code(1).await;
    let mails = test_notifier.inbox("new@example.org").await;
    let [mail] = mails.as_slice() else { panic!("one mail was expected: {mails:?}") };
    assert_eq!(mail.subject, "Ihr Bestätigungscode für Majordomo");
    assert_eq!(mail.code.as_deref(), Some(DIGITS), "for a script, which need not read the text");
    let code = test_notifier.notifier.inbox_code(&to("new@example.org"), Duration::ZERO).await.unwrap();
    assert_eq!(code.unwrap().reveal(), DIGITS);
    for expected in [DIGITS, "192.0.2.7", "2026-01-02 03:04 UTC", "10 Min."] {
        assert!(mail.text.contains(expected) && mail.html.contains(expected), "{expected} in {}", mail.text);
    }
    assert!(!mail.text.contains("555") && !mail.html.contains("555"));
    until("it is sent", || test_notifier.states() == ["sent"]).await;
    assert_eq!(
        test_notifier.event_types(),
        ["otp.verification_required", "notification.queued", "notification.delivered", "otp.sent"]
    );
    let stored = format!("{:?}", test_notifier.deliveries());
    assert!(!stored.contains(DIGITS), "a code is stored in the inbox only");
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn every_event_for_the_user_becomes_its_mail() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    let session = Uuid::from_u128(9).into();
    let mut expected = Vec::new();
    for (kind, template) in [
        (UserVerified { user: user(2) }.into(), "welcome"),
        (UserRegistrationRepeated { user: user(2) }.into(), "address_taken"),
        (PasswordChanged { user: user(2) }.into(), "password_changed"),
        (PasswordSet { user: user(2) }.into(), "password_set"),
        (UserLoggedIn { user: user(2), session, first_login: false, new_device: true }.into(), "new_device"),
        (UserLockedOut { user: user(2), until: START.plus(60 * SECOND) }.into(), "locked_out"),
        (SessionReuseDetected { user: user(2), session }.into(), "session_ended"),
    ] {
        test_notifier.say(kind).await;
        expected.push(template);
        until("it has arrived", || {
            test_notifier.states().len() == expected.len() && test_notifier.states().iter().all(|s| *s == "sent")
        })
        .await;
    }
    for kind in [
        UserLoggedIn { user: user(2), session, first_login: true, new_device: true }.into(),
        UserLoggedIn { user: user(2), session, first_login: false, new_device: false }.into(),
        UserVerified { user: user(77) }.into(),
    ] {
        test_notifier.say(kind).await;
    }
    let mails = test_notifier.inbox("ada@example.org").await;
    let arrived: Vec<_> = mails.iter().rev().map(|mail| mail.template.as_str()).collect();
    assert_eq!(arrived, expected);
    let new_device = mails.iter().find(|mail| mail.template.as_str() == "new_device").unwrap();
    assert!(new_device.text.contains("Firefox, Linux"), "{}", new_device.text);
    assert!(mails.iter().any(|mail| mail.text.contains("Welcome\n") && !mail.text.contains("Ada")));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_owner_of_a_taken_address_gets_a_mail_once_per_hour_and_three_times_per_day() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    for round in 0..10 {
        test_notifier.say(UserRegistrationRepeated { user: user(2) }.into()).await;
        until("it is decided", || test_notifier.states().len() == round + 1).await;
        test_notifier.test_store.clock.advance(Duration::from_secs(30 * 60));
    }
    until("all are decided", || test_notifier.states().iter().all(|state| matches!(*state, "sent" | "suppressed")))
        .await;
    assert_eq!(test_notifier.states().iter().filter(|state| **state == "sent").count(), 3);
    assert_eq!(test_notifier.inbox("ada@example.org").await.len(), 3);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_void_or_expired_code_is_dropped_and_never_sent() {
    let test_store = people().await;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::default()).await;
    test_notifier.require_code(2).await;
    until("it is dropped", || test_notifier.states() == ["suppressed"]).await;
    test_notifier
        .provider
        .answers
        .lock()
        .unwrap()
        .extend(vec![ProviderAnswer::Silent { step: SmtpStep::Connect }; 100]);
    test_notifier.require_code(1).await;
    until("it was tried", || test_notifier.handed().len() == 1).await;
    test_store.clock.advance(Duration::from_secs(700));
    until("it is dropped", || test_notifier.states() == ["suppressed", "suppressed"]).await;
    assert_eq!(test_notifier.handed().len(), 1);
    assert!(
        test_notifier
            .deliveries()
            .iter()
            .all(|delivery| matches!(delivery.state, DeliveryState::Suppressed { reason: Suppression::Expired, .. }))
    );
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_newer_code_replaces_a_waiting_one() {
    let provider = Arc::new(Provider::default());
    provider.answers.lock().unwrap().push_back(ProviderAnswer::refused(SmtpStep::Recipient, 450, "4.2.0 greylisted"));
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    test_notifier.require_code(1).await;
    until("the first waits", || test_notifier.states() == ["failed"]).await;
    test_notifier.require_code(1).await;
    until("the second is sent", || test_notifier.states() == ["suppressed", "sent"]).await;
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_temporary_failure_is_repeated_by_the_table_under_one_message_id() {
    let provider = Arc::new(Provider::default());
    provider
        .answers
        .lock()
        .unwrap()
        .extend(vec![ProviderAnswer::refused(SmtpStep::Recipient, 450, "4.2.0 greylisted"); 3]);
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    let mut seconds = tokio::time::interval(SECOND);
    while test_notifier.states() != ["sent"] {
        seconds.tick().await;
    }
    let waited = test_notifier.test_store.system.clock().now().since(START).as_secs();
    assert!((124..190).contains(&waited), "5 s, 30 s and 2 min, each plus or minus a fifth: {waited}");
    let handed = test_notifier.handed();
    assert_eq!(handed.len(), 4);
    assert!(handed.iter().all(|first| *first == handed[0]), "{handed:?}");
    let delivery = &test_notifier.deliveries()[0];
    assert_eq!(handed[0].0, format!("{}@majordomo.localhost", delivery.id));
    assert_eq!(delivery.attempts.len(), 4);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_answer_ends_the_delivery_at_once() {
    let provider = Arc::new(Provider::default());
    provider.answers.lock().unwrap().push_back(ProviderAnswer::refused(SmtpStep::Recipient, 550, "5.1.1 no such user"));
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    until("it is given up", || test_notifier.states() == ["dead"]).await;
    assert_eq!(test_notifier.handed().len(), 1);
    assert!(test_notifier.event_types().contains(&"notification.failed"));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn mails_wait_while_a_provider_fails_until_a_probe_succeeds() {
    let provider = Arc::new(Provider::default());
    provider.answers.lock().unwrap().extend(vec![ProviderAnswer::Silent { step: SmtpStep::Connect }; 6]);
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    for number in 0..5 {
        welcome_another(&test_notifier.test_store, number).await;
    }
    until("the circuit is open", || ready(test_notifier.notifier.health()).unwrap().provider_failing_since.is_some())
        .await;
    let mut seconds = tokio::time::interval(SECOND);
    while !test_notifier.states().iter().all(|state| *state == "sent") {
        seconds.tick().await;
    }
    assert_eq!(test_notifier.states().len(), 5);
    assert_eq!(test_notifier.notifier.health().await.unwrap().provider_failing_since, None);
    assert!(test_notifier.handed().len() <= 11, "{} sends", test_notifier.handed().len());
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_delivery_that_a_process_end_interrupted_is_repeated_under_its_message_id() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    until("it is under way", || test_notifier.handed().len() == 1).await;
    test_notifier.tree.stop(SECOND).await;
    *provider.hangs.lock().unwrap() = false;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    until("it is sent", || test_notifier.states() == ["sent"]).await;
    let handed = test_notifier.handed();
    assert_eq!((handed.len(), &handed[0]), (2, &handed[1]));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_restart_of_the_sender_lets_current_deliveries_finish_and_does_not_repeat_them() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    until("it is under way", || test_notifier.handed().len() == 1).await;
    let generation = || test_store.system.stats().report("sender").unwrap().generation;
    let before = generation();
    test_store.system.stats().restart("sender").unwrap();
    until("the sender runs again", || generation() > before).await;
    test_notifier.say(SessionReuseDetected { user: user(2), session: Uuid::from_u128(9).into() }.into()).await;
    until("it sends", || test_notifier.handed().len() == 2).await;
    assert_eq!(test_notifier.states(), ["sending", "sending"]);
    *provider.hangs.lock().unwrap() = false;
    until("both are sent", || test_notifier.states() == ["sent", "sent"]).await;
    // After the end of any lease the sender reads the queue again.
    let looks = || test_store.system.stats().report("sender").unwrap().work.handled;
    let before = looks();
    test_store.clock.advance(180 * SECOND);
    test_store.system.wake_workers();
    until("the sender has looked", || looks() > before).await;
    assert_eq!(test_notifier.handed().len(), 2);
    assert!(test_notifier.deliveries().iter().all(|delivery| delivery.attempts.len() == 1));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn only_the_mail_of_a_code_writes_an_event_when_it_is_sent() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    test_notifier.require_code(1).await;
    until("the code is sent", || test_notifier.states() == ["sent"]).await;
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    until("both are sent", || test_notifier.states() == ["sent", "sent"]).await;
    let events = test_notifier.events();
    let sent: Vec<_> = events.iter().filter(|kind| kind.event_type() == OtpSent::TYPE).collect();
    let (owner, code, purpose) = (user(1), code_id(1), CodePurpose::VerifyEmail);
    assert_eq!(sent, [&OtpSent { owner, code, purpose, channel: Channel::Email }.into()]);
    let fields: Vec<_> = sent[0].payload().into_iter().map(|(name, _)| name).collect();
    assert_eq!(fields, ["userId", "codeId", "purpose", "channel"]);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn codes_and_security_mails_are_sent_before_all_others() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    for number in 0..20 {
        welcome_another(&test_store, number).await;
    }
    until("all are taken on", || test_notifier.states().len() == 20).await;
    until("senders hang", || test_notifier.handed().len() == 6).await;
    test_notifier.require_code(1).await;
    until("the code goes past them", || test_notifier.handed().len() == 7).await;
    assert_eq!(test_notifier.handed()[6].1, "verification_code");
    test_notifier.codes.live.lock().unwrap().take();
    test_notifier.tree.stop(SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn the_inbox_keeps_the_newest_mails_and_waits_for_a_mail_that_is_not_there_yet() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    let none =
        test_notifier.notifier.inbox(&to("ada@example.org"), Duration::ZERO, PageLimit::default()).await.unwrap();
    assert!(none.is_empty());
    let ada = to("ADA@example.org");
    let waiting = test_notifier.notifier.inbox(&ada, 20 * SECOND, PageLimit::default());
    let (mails, ()) = tokio::join!(waiting, test_notifier.say(PasswordChanged { user: user(2) }.into()));
    assert_eq!(mails.unwrap().len(), 1);
    test_notifier.test_store.clock.advance(Duration::from_secs(25 * 3_600));
    test_notifier.say(UserVerified { user: user(2) }.into()).await;
    until("it is sent", || test_notifier.states() == ["sent", "sent"]).await;
    let mails = test_notifier.inbox("ada@example.org").await;
    assert_eq!(mails.iter().map(|mail| mail.template.as_str()).collect::<Vec<_>>(), ["welcome"]);
    test_notifier.notifier.run(CallContext::service("test", "clear"), ClearInbox).await.unwrap();
    assert!(
        test_notifier
            .notifier
            .inbox(&MailSelector::default(), Duration::ZERO, PageLimit::default())
            .await
            .unwrap()
            .is_empty()
    );
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_mail_is_created_and_claimed_in_one_commit_while_a_sender_is_free() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    // The relay saves its watermark at most once per second: after the first event, not while the second is counted.
    test_notifier.say(UserVerified { user: user(2) }.into()).await;
    until("the first is sent", || test_notifier.states() == ["sent"]).await;
    let mut pauses = tokio::time::interval(SECOND / 5);
    pauses.tick().await;
    pauses.tick().await;
    *provider.hangs.lock().unwrap() = true;
    let commits = || test_store.store.report().writer.commits;
    let before = commits();
    test_notifier.say(PasswordChanged { user: user(2) }.into()).await;
    until("it is with the provider", || test_notifier.handed().len() == 2).await;
    assert_eq!(commits() - before, 2, "the event, and the mail that a sender has claimed");
    assert_eq!(test_notifier.states(), ["sent", "sending"]);
    *provider.hangs.lock().unwrap() = false;
    until("it is sent", || test_notifier.states() == ["sent", "sent"]).await;
    assert_eq!(test_notifier.handed().len(), 2);
    let types = test_notifier.event_types();
    assert_eq!(types[3..], ["password.changed", "notification.queued", "notification.delivered"]);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn mail_waits_for_a_sender_while_none_is_free_and_all_of_it_is_sent_once() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    for number in 0..10 {
        welcome_another(&test_store, number).await;
    }
    until("all are taken on", || test_notifier.states().len() == 10).await;
    until("senders hang", || test_notifier.handed().len() == 6).await;
    let in_state = |state: &str| test_notifier.states().iter().filter(|is| **is == state).count();
    assert_eq!((in_state("sending"), in_state("queued")), (6, 4));
    *provider.hangs.lock().unwrap() = false;
    until("all are sent", || in_state("sent") == 10).await;
    let mut handed = test_notifier.handed();
    handed.sort();
    handed.dedup();
    assert_eq!((handed.len(), test_notifier.handed().len()), (10, 10));
    test_notifier.tree.stop(10 * SECOND).await;
}
