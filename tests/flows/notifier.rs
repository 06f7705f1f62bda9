//! From an event to a mail: once, in time, with a live code or not at all, whatever the provider does.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use majordomo::{
    actors::{
        notifier::{
            ClearInbox, CodeSource, DeliverySender, Notifier, NotifierContext, NotifierSubscriber, render::CodeOnMail,
        },
        relay::{Relays, Subscriber},
    },
    config,
    domain::{
        auth::{AddressState, Registration},
        event::{EventKind, EventType, Personal},
        notification::{Channel, Delivery, DeliveryState, InboxMail, Suppression},
        otp::CodePurpose,
        user::{Metadata, Profile, Status, User},
    },
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    persistence::{Reader, Scan, events::EVENT_BY_SEQUENCE, tables},
    supervision::{Spec, Supervisor, Tree},
    types::{
        CallContext, EmailAddress, Fault, Locale, PageLimit, PersonName, Secret, Timestamp,
        id::{CodeId, UserId},
        provider_answer::{ProviderAnswer, SmtpStep},
    },
};
use uuid::Uuid;

use crate::test_store::{SECOND, START, TestStore, until, user};

const DIGITS: &str = "482913";

fn code_id(number: u128) -> CodeId {
    CodeId::from(Uuid::from_u128(number))
}

/// Knows one code, as long as the test says.
struct OneCode {
    live: Mutex<Option<(CodeId, Timestamp)>>,
}

impl CodeSource for OneCode {
    fn reveal(&self, _: UserId, _: CodePurpose, code: CodeId) -> BoxFuture<'_, Result<Option<CodeOnMail>, Fault>> {
        Box::pin(async move {
            let live = self.live.lock().unwrap().filter(|(id, _)| *id == code);
            Ok(live.map(|(_, expires_at)| CodeOnMail { digits: Secret::new(DIGITS), expires_at }))
        })
    }
}

/// A provider that gives the answers it was told, and then takes everything.
#[derive(Default)]
struct Provider {
    answers: Mutex<VecDeque<ProviderAnswer>>,
    /// `Message-ID`, kind and time of what was handed over.
    handed: Mutex<Vec<(String, &'static str)>>,
    /// Does not answer while true.
    hangs: Mutex<bool>,
}

struct Shared(Arc<Provider>);

impl MailTransport for Shared {
    fn name(&self) -> &'static str {
        "test"
    }

    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange> {
        Box::pin(async move {
            self.0.handed.lock().unwrap().push((mail.message_id.clone(), mail.kind));
            while *self.0.hangs.lock().unwrap() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            let answer = self.0.answers.lock().unwrap().pop_front().unwrap_or_else(|| ProviderAnswer::taken("ok"));
            Exchange { answer, conversation: vec![] }
        })
    }
}

struct TestNotifier {
    test_store: Arc<TestStore>,
    codes: Arc<OneCode>,
    provider: Arc<Provider>,
    notifier: Notifier,
    tree: Tree,
}

impl TestNotifier {
    /// Mail goes to the development inbox.
    async fn with_inbox(test_store: &Arc<TestStore>) -> Self {
        Self::open(test_store, Arc::default(), |test_store, codes, settings| {
            let clock = test_store.clock.clone();
            NotifierContext::new(settings, codes, test_store.store.clone(), test_store.system.clone(), clock).unwrap()
        })
        .await
    }

    /// Mail goes to a provider of the test.
    async fn with_provider(test_store: &Arc<TestStore>, provider: Arc<Provider>) -> Self {
        let transport = Arc::new(Shared(Arc::clone(&provider)));
        Self::open(test_store, provider, |test_store, codes, settings| {
            let (store, system) = (test_store.store.clone(), test_store.system.clone());
            Arc::new(NotifierContext::over(transport, settings, codes, store, system).unwrap())
        })
        .await
    }

    async fn open(
        test_store: &Arc<TestStore>,
        provider: Arc<Provider>,
        make: impl FnOnce(&TestStore, Arc<dyn CodeSource>, &config::NotifyConfig) -> Arc<NotifierContext>,
    ) -> Self {
        let test_store = Arc::clone(test_store);
        let codes = Arc::new(OneCode { live: Mutex::new(Some((code_id(1), START.plus(600 * SECOND)))) });
        let context = make(&test_store, codes.clone(), &config::Config::default().notify);
        let mut root = Supervisor::root(&test_store.system);
        let notifier = Notifier::new(root.commands(Spec::escape("notifier"), Arc::clone(&context)));
        let for_sender = Arc::clone(&context);
        let sender = move || DeliverySender::new(Arc::clone(&for_sender));
        root.worker_nudged_by(context.due(), Spec::escape("sender"), sender);
        let subscriber: Arc<dyn Subscriber> = Arc::new(NotifierSubscriber::new(context));
        let (store, system) = (test_store.store.clone(), test_store.system.clone());
        root.service(Spec::park("relay"), move || Relays::relay_for(&subscriber, &store, &system));
        let tree = root.start().await.unwrap();
        Self { test_store, codes, provider, notifier, tree }
    }

    async fn inbox(&self, to: &str) -> Vec<InboxMail> {
        self.notifier.inbox(Some(to), 5 * SECOND, PageLimit::default()).await.unwrap()
    }

    async fn require_code(&self, number: u128) {
        let expires_at = START.plus(600 * SECOND);
        let kind = EventKind::OtpVerificationRequired {
            owner: user(1),
            code: code_id(number),
            purpose: CodePurpose::VerifyEmail,
            expires_at,
        };
        let personal = Personal { ip_address: Some("192.0.2.7".into()), ..Personal::default() };
        self.test_store.emit(kind, user(1), personal).await;
    }

    async fn say(&self, kind: EventKind) {
        let personal = Personal {
            ip_address: Some("192.0.2.7".into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
            ..Personal::default()
        };
        self.test_store.emit(kind, user(2), personal).await;
    }

    fn deliveries(&self) -> Vec<Delivery> {
        let rows = self.test_store.store.read(|view| view.scan(&tables::notification::DELIVERY_BY_ID, Scan::all()));
        let mut deliveries: Vec<_> = rows.unwrap().into_iter().map(|(_, delivery)| delivery).collect();
        deliveries.sort_by_key(|delivery| delivery.created_at);
        deliveries
    }

    fn states(&self) -> Vec<&'static str> {
        self.deliveries().iter().map(|delivery| delivery.state.as_str()).collect()
    }

    fn handed(&self) -> Vec<(String, &'static str)> {
        self.provider.handed.lock().unwrap().clone()
    }

    fn event_types(&self) -> Vec<&'static str> {
        let rows = self.test_store.store.read(|view| view.scan(&EVENT_BY_SEQUENCE, Scan::all()));
        rows.unwrap().into_iter().map(|(_, event)| event.kind.event_type().as_str()).collect()
    }
}

/// A registration of number 1 and a verified user of number 2.
async fn people() -> Arc<TestStore> {
    let test_store = Arc::new(TestStore::new());
    test_store
        .write(|tx| {
            tables::registration::insert(
                tx,
                &Registration {
                    id: user(1),
                    email: EmailAddress::parse("New@Example.org").unwrap(),
                    address: AddressState::Free,
                    profile: Profile {
                        first_name: Some(PersonName::parse("Call 555-0100 now").unwrap()),
                        locale: Some(Locale::parse("de-AT").unwrap()),
                        ..Profile::default()
                    },
                    password_hash: String::new(),
                    created_at: START,
                    expires_at: START.plus(24 * 3600 * SECOND),
                },
            )?;
            let known = User {
                id: user(2),
                email: EmailAddress::parse("ada@example.org").unwrap(),
                email_verified: true,
                profile: Profile { first_name: Some(PersonName::parse("Ada").unwrap()), ..Profile::default() },
                phone_verified: false,
                roles: vec![].into(),
                status: Status::Active,
                metadata: Metadata::default(),
                app_metadata: Metadata::default(),
                expires_at: None,
                password_hash: None,
                password_changed_at: None,
                first_login_at: None,
                created_at: START,
                updated_at: START,
                version: 1,
            };
            tables::user::insert(tx, &known)?.unwrap();
            Ok(())
        })
        .await;
    test_store
}

/// One more user, who is verified now.
async fn welcome_another(test_store: &TestStore, number: u128) {
    let owner = user(100 + number);
    test_store
        .write(move |tx| {
            let mut another = tables::user::find(tx, user(2))?.unwrap();
            another.id = owner;
            another.email = EmailAddress::parse(&format!("user{number}@example.org")).unwrap();
            tables::user::insert(tx, &another)?.unwrap();
            Ok(())
        })
        .await;
    test_store.emit(EventKind::UserVerified { user: owner }, owner, Personal::default()).await;
}

#[tokio::test(start_paused = true)]
async fn a_code_reaches_the_inbox_with_time_and_address_and_nothing_that_a_stranger_typed() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    test_notifier.require_code(1).await;
    let mails = test_notifier.inbox("new@example.org").await;
    let [mail] = mails.as_slice() else { panic!("one mail was expected: {mails:?}") };
    assert_eq!(mail.subject, "Ihr Bestätigungscode für Majordomo");
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
    assert!(!stored.contains(DIGITS), "a code is nowhere but in the inbox");
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn every_event_that_a_user_must_know_of_becomes_its_mail() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    let session = Uuid::from_u128(9).into();
    let mut expected = Vec::new();
    for (kind, template) in [
        (EventKind::UserVerified { user: user(2) }, "welcome"),
        (EventKind::UserRegistrationRepeated { user: user(2) }, "address_taken"),
        (EventKind::PasswordChanged { user: user(2) }, "password_changed"),
        (EventKind::UserLoggedIn { user: user(2), session, first_login: false, new_device: true }, "new_device"),
        (EventKind::UserLockedOut { user: user(2), until: START.plus(60 * SECOND) }, "locked_out"),
        (EventKind::SessionReuseDetected { user: user(2), session }, "session_ended"),
    ] {
        test_notifier.say(kind).await;
        expected.push(template);
        until("it has arrived", || {
            test_notifier.states().len() == expected.len() && test_notifier.states().iter().all(|s| *s == "sent")
        })
        .await;
    }
    for kind in [
        EventKind::UserLoggedIn { user: user(2), session, first_login: true, new_device: true },
        EventKind::UserLoggedIn { user: user(2), session, first_login: false, new_device: false },
        EventKind::UserVerified { user: user(77) },
    ] {
        test_notifier.say(kind).await;
    }
    let mails = test_notifier.inbox("ada@example.org").await;
    let arrived: Vec<_> = mails.iter().rev().map(|mail| mail.template.as_str()).collect();
    assert_eq!(arrived, expected);
    let new_device = mails.iter().find(|mail| mail.template.as_str() == "new_device").unwrap();
    assert!(new_device.text.contains("Firefox, Linux"), "{}", new_device.text);
    assert!(mails.iter().any(|mail| mail.text.contains("Welcome, Ada")));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn an_owner_hears_once_an_hour_and_three_times_a_day_that_the_address_is_taken() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    for round in 0..10 {
        test_notifier.say(EventKind::UserRegistrationRepeated { user: user(2) }).await;
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
async fn a_code_that_is_void_or_over_is_dropped_and_never_sent_late() {
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
async fn a_newer_code_replaces_one_that_still_waits() {
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
async fn what_is_not_taken_is_tried_again_by_the_table_under_one_message_id() {
    let provider = Arc::new(Provider::default());
    provider
        .answers
        .lock()
        .unwrap()
        .extend(vec![ProviderAnswer::refused(SmtpStep::Recipient, 450, "4.2.0 greylisted"); 3]);
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    test_notifier.say(EventKind::PasswordChanged { user: user(2) }).await;
    let mut seconds = tokio::time::interval(SECOND);
    while test_notifier.states() != ["sent"] {
        seconds.tick().await;
    }
    let waited = test_notifier.test_store.system.clock().now().since(START).as_secs();
    assert!((124..190).contains(&waited), "5 s, 30 s and 2 min, each give or take a fifth: {waited}");
    let handed = test_notifier.handed();
    assert_eq!(handed.len(), 4);
    assert!(handed.iter().all(|first| *first == handed[0]), "{handed:?}");
    let delivery = &test_notifier.deliveries()[0];
    assert_eq!(handed[0].0, format!("{}@majordomo.localhost", delivery.id));
    assert_eq!(delivery.attempts.len(), 4);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_permanent_answer_ends_it_at_once() {
    let provider = Arc::new(Provider::default());
    provider.answers.lock().unwrap().push_back(ProviderAnswer::refused(SmtpStep::Recipient, 550, "5.1.1 no such user"));
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    test_notifier.say(EventKind::PasswordChanged { user: user(2) }).await;
    until("it is given up", || test_notifier.states() == ["dead"]).await;
    assert_eq!(test_notifier.handed().len(), 1);
    assert!(test_notifier.event_types().contains(&"notification.failed"));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_fails_is_left_alone_until_a_probe_succeeds_and_nothing_is_lost() {
    let provider = Arc::new(Provider::default());
    provider.answers.lock().unwrap().extend(vec![ProviderAnswer::Silent { step: SmtpStep::Connect }; 6]);
    let test_notifier = TestNotifier::with_provider(&people().await, provider).await;
    for number in 0..5 {
        welcome_another(&test_notifier.test_store, number).await;
    }
    until("the circuit is open", || test_notifier.notifier.health().unwrap().provider_failing_since.is_some()).await;
    let mut seconds = tokio::time::interval(SECOND);
    while !test_notifier.states().iter().all(|state| *state == "sent") {
        seconds.tick().await;
    }
    assert_eq!(test_notifier.states().len(), 5);
    assert_eq!(test_notifier.notifier.health().unwrap().provider_failing_since, None);
    assert!(test_notifier.handed().len() <= 11, "{} sends", test_notifier.handed().len());
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn what_was_under_way_when_the_process_ended_is_sent_again_under_its_message_id() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    test_notifier.say(EventKind::PasswordChanged { user: user(2) }).await;
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
async fn a_restart_of_the_sender_leaves_what_is_under_way_to_finish_and_does_not_send_it_twice() {
    let test_store = people().await;
    let provider = Arc::new(Provider::default());
    *provider.hangs.lock().unwrap() = true;
    let test_notifier = TestNotifier::with_provider(&test_store, Arc::clone(&provider)).await;
    test_notifier.say(EventKind::PasswordChanged { user: user(2) }).await;
    until("it is under way", || test_notifier.handed().len() == 1).await;
    let lives = || test_store.system.stats().report("sender").unwrap().generation;
    let before = lives();
    test_store.system.stats().restart("sender").unwrap();
    until("the sender is there again", || lives() > before).await;
    test_notifier.say(EventKind::SessionReuseDetected { user: user(2), session: Uuid::from_u128(9).into() }).await;
    until("it sends", || test_notifier.handed().len() == 2).await;
    assert_eq!(test_notifier.states(), ["sending", "sending"]);
    *provider.hangs.lock().unwrap() = false;
    until("both are sent", || test_notifier.states() == ["sent", "sent"]).await;
    // Longer than any lease.
    tokio::time::sleep(180 * SECOND).await;
    assert_eq!(test_notifier.handed().len(), 2);
    assert!(test_notifier.deliveries().iter().all(|delivery| delivery.attempts.len() == 1));
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn a_code_that_was_sent_is_told_of_and_no_other_mail_is() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    test_notifier.require_code(1).await;
    until("the code is sent", || test_notifier.states() == ["sent"]).await;
    test_notifier.say(EventKind::PasswordChanged { user: user(2) }).await;
    until("both are sent", || test_notifier.states() == ["sent", "sent"]).await;
    let rows = test_notifier.test_store.store.read(|view| view.scan(&EVENT_BY_SEQUENCE, Scan::all())).unwrap();
    let told: Vec<_> = rows.into_iter().map(|(_, event)| event.kind).collect();
    let sent: Vec<_> = told.iter().filter(|kind| kind.event_type() == EventType::OtpSent).collect();
    let (owner, code, purpose) = (user(1), code_id(1), CodePurpose::VerifyEmail);
    assert_eq!(sent, [&EventKind::OtpSent { owner, code, purpose, channel: Channel::Email }]);
    let fields: Vec<_> = sent[0].fields().into_iter().map(|(name, _)| name).collect();
    assert_eq!(fields, ["userId", "codeId", "purpose", "channel"]);
    test_notifier.tree.stop(10 * SECOND).await;
}

#[tokio::test(start_paused = true)]
async fn codes_and_security_go_before_all_other_mail() {
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
async fn the_inbox_keeps_the_newest_and_waits_for_what_is_not_there_yet() {
    let test_notifier = TestNotifier::with_inbox(&people().await).await;
    let none =
        test_notifier.notifier.inbox(Some("ada@example.org"), Duration::ZERO, PageLimit::default()).await.unwrap();
    assert!(none.is_empty());
    let waiting = test_notifier.notifier.inbox(Some("ADA@example.org"), 20 * SECOND, PageLimit::default());
    let (mails, ()) = tokio::join!(waiting, test_notifier.say(EventKind::PasswordChanged { user: user(2) }));
    assert_eq!(mails.unwrap().len(), 1);
    test_notifier.test_store.clock.advance(Duration::from_secs(25 * 3_600));
    test_notifier.say(EventKind::UserVerified { user: user(2) }).await;
    until("it is sent", || test_notifier.states() == ["sent", "sent"]).await;
    let mails = test_notifier.inbox("ada@example.org").await;
    assert_eq!(mails.iter().map(|mail| mail.template.as_str()).collect::<Vec<_>>(), ["welcome"]);
    test_notifier.notifier.run(CallContext::service("test", "clear"), ClearInbox).await.unwrap();
    assert!(test_notifier.notifier.inbox(None, Duration::ZERO, PageLimit::default()).await.unwrap().is_empty());
    test_notifier.tree.stop(10 * SECOND).await;
}
