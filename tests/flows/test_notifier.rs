//! A notifier in memory, with its actor, its sender and its relay; the codes and the provider are doubles.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::future::BoxFuture;
use majordomo::{
    actors::{
        notifier::{CodeSource, DeliverySender, Notifier, NotifierContext, NotifierSubscriber},
        otp::LiveCode,
        relay::{Relays, Subscriber},
    },
    config,
    domain::{
        auth::{AddressState, Registration},
        event::{EventKind, Personal},
        notification::{Delivery, InboxMail, MailSelector},
        otp::{CodePurpose, events::OtpVerificationRequired},
        user::{Metadata, Profile, Status, User, events::UserVerified},
    },
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    persistence::{
        Decision, Reader, Scan, Stop, TxFault,
        events::{self, EventFilter, EventRange},
        tables,
    },
    supervision::{Spec, Supervisor, Tree},
    types::{
        EmailAddress, Fault, Locale, PageLimit, PersonName, Secret, Timestamp,
        id::{CodeId, UserId},
        limits,
        provider_answer::ProviderAnswer,
    },
};
use uuid::Uuid;

use crate::flows::test_store::{SECOND, TestStore, user};
use crate::test_app::{START, ready};

pub const DIGITS: &str = "482913";

pub fn code_id(number: u128) -> CodeId {
    CodeId::from(Uuid::from_u128(number))
}

/// Knows one code, while the test says so.
pub struct OneCode {
    pub live: Mutex<Option<(CodeId, Timestamp)>>,
}

impl CodeSource for OneCode {
    fn reveal(&self, _: UserId, _: CodePurpose, code: CodeId) -> BoxFuture<'_, Result<Option<LiveCode>, Fault>> {
        Box::pin(async move {
            let live = self.live.lock().unwrap().filter(|(id, _)| *id == code);
            Ok(live.map(|(_, expires_at)| LiveCode { digits: Secret::new(DIGITS), link_secret: None, expires_at }))
        })
    }
}

/// A provider that returns the given answers, and then accepts every mail.
#[derive(Default)]
pub struct Provider {
    pub answers: Mutex<VecDeque<ProviderAnswer>>,
    /// `Message-ID`, kind and time of each mail that was handed over.
    pub handed: Mutex<Vec<(String, &'static str)>>,
    /// Gives no answer while true.
    pub hangs: Mutex<bool>,
}

struct Shared(Arc<Provider>);

impl MailTransport for Shared {
    fn name(&self) -> &'static str {
        "test"
    }

    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange> {
        Box::pin(async move {
            self.0.handed.lock().unwrap().push((mail.message_id.clone(), mail.kind));
            let mut ticks = tokio::time::interval(Duration::from_millis(50));
            while *self.0.hangs.lock().unwrap() {
                ticks.tick().await;
            }
            let answer = self.0.answers.lock().unwrap().pop_front().unwrap_or_else(|| ProviderAnswer::taken("ok"));
            Exchange { answer, conversation: vec![] }
        })
    }
}

pub struct TestNotifier {
    pub test_store: Arc<TestStore>,
    pub codes: Arc<OneCode>,
    pub provider: Arc<Provider>,
    pub notifier: Notifier,
    pub tree: Tree,
}

impl TestNotifier {
    /// Mail goes to the development inbox.
    pub async fn with_inbox(test_store: &Arc<TestStore>) -> Self {
        Self::open(test_store, Arc::default(), |test_store, codes, settings| {
            let clock = test_store.clock.clone();
            NotifierContext::new(settings, codes, test_store.store.clone(), test_store.system.clone(), clock).unwrap()
        })
        .await
    }

    /// Mail goes to the double of a provider.
    pub async fn with_provider(test_store: &Arc<TestStore>, provider: Arc<Provider>) -> Self {
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
        let sender = context.sending().worker(move || DeliverySender::new(Arc::clone(&for_sender)));
        root.worker_nudged_by(context.due(), Spec::escape("sender"), sender);
        let subscriber: Arc<dyn Subscriber> = Arc::new(NotifierSubscriber::new(context));
        let at = (&test_store.store, &test_store.system);
        Relays::supervised(&mut root, |_| Spec::park("relay"), [subscriber], at);
        let tree = root.start().await.unwrap();
        Self { test_store, codes, provider, notifier, tree }
    }

    pub async fn inbox(&self, to: &str) -> Vec<InboxMail> {
        let select = MailSelector { to: Some(to.to_owned()), after: None, before: None };
        self.notifier.inbox(&select, 5 * SECOND, PageLimit::default()).await.unwrap()
    }

    pub async fn require_code(&self, number: u128) {
        let expires_at = START.plus(600 * SECOND);
        let kind = OtpVerificationRequired {
            owner: user(1),
            code: code_id(number),
            purpose: CodePurpose::VerifyEmail,
            expires_at,
        }
        .into();
        let personal = Personal { ip_address: Some("192.0.2.7".into()), ..Personal::default() };
        self.test_store.emit(kind, user(1), personal).await;
    }

    pub async fn say(&self, kind: EventKind) {
        let personal = Personal {
            ip_address: Some("192.0.2.7".into()),
            user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".into()),
            ..Personal::default()
        };
        self.test_store.emit(kind, user(2), personal).await;
    }

    pub fn deliveries(&self) -> Vec<Delivery> {
        let rows =
            ready(self.test_store.store.read(|view| view.scan(&tables::notification::DELIVERY_BY_ID, Scan::all())));
        let mut deliveries: Vec<_> = rows.unwrap().into_iter().map(|(_, delivery)| delivery).collect();
        deliveries.sort_by_key(|delivery| delivery.created_at);
        deliveries
    }

    pub fn states(&self) -> Vec<&'static str> {
        self.deliveries().iter().map(|delivery| delivery.state.as_str()).collect()
    }

    pub fn handed(&self) -> Vec<(String, &'static str)> {
        self.provider.handed.lock().unwrap().clone()
    }

    pub fn events(&self) -> Vec<EventKind> {
        let range = EventRange { after: 0, limit: limits::SCAN_MAX };
        let read = self.test_store.store.read(move |view| events::read(view, range, &EventFilter::default()));
        let page = ready(read).unwrap();
        assert_eq!(page.next, None);
        page.rows.into_iter().filter_map(|event| event.kind).collect()
    }

    pub fn event_types(&self) -> Vec<&'static str> {
        self.events().into_iter().map(|kind| kind.row().name).collect()
    }
}

/// A registration with the number 1 and a verified user with the number 2.
pub async fn people() -> Arc<TestStore> {
    people_of(TestStore::new()).await
}

/// The same in another store.
pub async fn people_of(test_store: TestStore) -> Arc<TestStore> {
    let test_store = Arc::new(test_store);
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
            kept(tables::user::insert(tx, &known))?;
            Ok(())
        })
        .await;
    test_store
}

/// One more user, whose address is verified.
pub async fn welcome_another(test_store: &TestStore, number: u128) {
    let owner = user(100 + number);
    test_store
        .write(move |tx| {
            let mut another = tables::user::find(tx, user(2))?.unwrap();
            another.id = owner;
            another.email = EmailAddress::parse(&format!("user{number}@example.org")).unwrap();
            kept(tables::user::insert(tx, &another))?;
            Ok(())
        })
        .await;
    test_store.emit(UserVerified { user: owner }.into(), owner, Personal::default()).await;
}

fn kept<R: std::fmt::Debug>(decided: Decision<(), R>) -> Result<(), TxFault> {
    match decided {
        Ok(()) => Ok(()),
        Err(Stop::Fault(fault)) => Err(fault),
        Err(refused) => panic!("a user of the test is refused: {refused:?}"),
    }
}
