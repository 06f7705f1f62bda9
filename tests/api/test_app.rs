//! The running application: the tree of services on a store in memory, and clients of both listeners.
//!
//! ```ignore
//! let app = TestApp::new().await;
//! let ada = app.member("ada@example.com").await;
//! assert_eq!(ada.get("/auth/profile").await.status, 200);
//! app.advance(Duration::from_secs(61));
//! ```

use std::{collections::BTreeSet, ops::Deref, sync::Arc, time::Duration};

use futures::FutureExt as _;
use majordomo::{
    actors::{hasher::HasherPool, operations::ProcessPhase},
    app::{services::Assembly, tree::Services},
    config::{Config, Sources},
    domain::{
        audit::{AuditAction, AuditEntry, AuditPlace},
        auth::{actions::AuthAction, events::UserLoggedIn},
        event::{EventEnvelope, EventType},
    },
    http::{credential::ControlToken, route::Listener},
    persistence::{
        Store, Write,
        audit::{self, AuditFilter, AuditRange},
        events::{self, EventFilter, EventRange},
        tables,
    },
    supervision::{ManualClock, PhaseEnd, SeededEntropy, System, Tree},
    telemetry::log::LogSwitch,
    types::{CallContext, Clock, Entropy, Secret, SigningAlgorithm, Timestamp, Work, limits},
};
use serde_json::{Value, json};

use crate::{
    api::idle_services::{assembled, cheap_hasher, signing_key},
    harness::{Answer, Client},
};

/// The password of all users, unless a test sets another one.
pub const PASSWORD: &str = "an unguessable sentence of mine";

/// The operator's credential in all tests.
pub const CONTROL: &str = "0123456789abcdef0123456789abcdef";

/// 2026-01-02T03:04:05Z.
pub const START: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

/// The address of the user in most tests.
pub const ADA: &str = "ada@example.com";

/// A password that another person chose for an address of another user.
pub const OTHERS: &str = "a sentence of another person";

pub const MINUTE: Duration = Duration::from_secs(60);

/// The children of the root in the order of their start.
pub const TREE: [&str; 11] =
    ["ops", "store", "hasher", "otp", "auth", "user", "notifier", "sender", "relay", "upkeep", "edge"];

/// The running application.
pub struct TestApp {
    pub system: System,
    pub store: Store,
    pub clock: Arc<ManualClock>,
    pub hasher: HasherPool,
    pub services: Services,
    pub log: LogSwitch,
    /// A client without a token, at 127.0.0.1, on the public listener.
    pub anyone: Client,
    /// A client without a token on the ops listener.
    pub ops: Client,
    tree: Tree,
}

/// A signed-in user: a client that sends the access token.
pub struct TestUser {
    client: Client,
    /// The user's id.
    pub id: String,
    /// The answer to the login.
    pub tokens: Value,
}

impl Deref for TestUser {
    type Target = Client;

    fn deref(&self) -> &Client {
        &self.client
    }
}

impl TestApp {
    /// An application with the defaults, but without rate limits by address.
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// An application with links in its mails.
    pub async fn linked() -> Self {
        Self::with_mail(&[("APP_URL", "https://app.example.com")], |_| ()).await
    }

    /// An application with these keys of `[notify.email]`, and the settings changed by `adjust`.
    pub async fn with_mail(settings: &[(&str, &str)], adjust: impl FnOnce(&mut Config)) -> Self {
        let variable = |(key, value): &(&str, &str)| {
            (format!("MAJORDOMO__NOTIFY__EMAIL__{key}").into(), std::ffi::OsString::from(value))
        };
        let sources = Sources { environment: settings.iter().map(variable).collect(), ..Sources::default() };
        let loaded = Config::load(&sources).unwrap();
        Self::with(|config| {
            config.notify = loaded.config.notify;
            adjust(config);
        })
        .await
    }

    /// An application whose settings `adjust` has changed.
    pub async fn with(adjust: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.edge.rate_limits.enabled = false;
        config.auth.token.algorithm = SigningAlgorithm::EdDsa;
        adjust(&mut config);
        let clock = Arc::new(ManualClock::starting_at(START));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let store = Store::in_memory(clock.clone(), entropy.as_ref());
        let system = System::new(clock.clone(), Arc::clone(&entropy));
        let hasher = cheap_hasher(&config);
        let operator = (ControlToken::new(Secret::new(CONTROL)), Some(clock.clone()));
        let (log, hashed) = (LogSwitch::without_output(config.log.level), (&store, hasher.clone()));
        let Assembly { root, services, edge } = assembled(&config, &system, hashed, operator, log.clone());
        let write = Write::new(
            Work::until(system.clock().instant() + limits::CALL_DEADLINE),
            system.stamp(),
            CallContext::service("test", "signing-key"),
        );
        store.write(write, |tx| tables::signing_key::put(tx, &signing_key())).await.unwrap();
        let tree = root.start().await.unwrap();
        edge.operations.enter(ProcessPhase::Open);
        let (anyone, ops) = (Client::new(Listener::Public, edge.clone()), Client::new(Listener::Ops, edge));
        Self { system, store, clock, hasher, services, log, anyone, ops, tree }
    }

    /// An application in which a registration signs in at once, and the address is proven later.
    pub async fn lenient() -> Self {
        Self::with(|config| config.auth.require_verified_email = false).await
    }

    /// The operator with the control token, on the ops listener.
    pub fn operator(&self) -> Client {
        self.ops.signed_in(CONTROL)
    }

    /// Advances the time, and wakes tasks that wait for it.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
        self.system.wake_workers();
    }

    /// Stops all services in the program's order.
    pub async fn stop(self) -> Vec<(Arc<str>, PhaseEnd)> {
        self.tree.shut_down(limits::SHUTDOWN, std::future::pending()).await
    }

    /// Stops the services that work without requests, so that the commits of a request can be counted.
    pub async fn hush(&self) {
        for path in ["upkeep", "relay", "sender", "notifier"] {
            self.system.stats().stop(path, Duration::from_secs(5)).await.unwrap();
        }
    }

    /// Registers an address with `PASSWORD`.
    pub async fn register(&self, email: &str) -> Answer {
        self.anyone.post("/auth/register", json!({ "email": email, "password": PASSWORD })).await
    }

    /// Logs in with `PASSWORD`.
    pub async fn login(&self, identifier: &str) -> Answer {
        self.anyone.post("/auth/login", json!({ "identifier": identifier, "password": PASSWORD })).await
    }

    /// Logs in with a password of the test.
    pub async fn login_with(&self, identifier: &str, password: &str) -> Answer {
        self.anyone.post("/auth/login", json!({ "identifier": identifier, "password": password })).await
    }

    /// A verified user, signed in.
    pub async fn member(&self, email: &str) -> TestUser {
        self.verified(email).await;
        self.sign_in(email).await
    }

    /// A verified user; returns the id.
    pub async fn verified(&self, email: &str) -> String {
        let registered = self.register(email).await;
        assert_eq!(registered.status, 201, "{registered:?}");
        let code = self.code_of(email).await;
        let verified = self.verify(&registered.body["id"], &code).await;
        assert_eq!(verified.status, 200, "{verified:?}");
        verified.body["id"].as_str().unwrap().to_owned()
    }

    /// Registers with a complete form.
    pub async fn registered(&self, form: Value) -> Answer {
        let answer = self.anyone.post("/auth/register", form).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer
    }

    /// The client of the session that a registration of a lenient application answers with.
    pub fn entered(&self, registered: &Answer) -> TestUser {
        self.member_of(registered.body["session"].clone())
    }

    /// A signed-in administrator, created by the operator.
    pub async fn admin(&self, email: &str) -> TestUser {
        let made = self.operator().post("/users/admins", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(made.status, 201, "{made:?}");
        self.sign_in(email).await
    }

    /// A signed-in user with one additional role.
    pub async fn holder(&self, email: &str, role: &str) -> TestUser {
        let member = self.member(email).await;
        let granted = self.operator().post("/users/grant", json!({ "email": email, "role": role })).await;
        assert_eq!(granted.status, 200, "{granted:?}");
        member
    }

    /// Requests a password reset.
    pub async fn forgot(&self, email: &str) -> Answer {
        let answer = self.anyone.post("/auth/password/forgot", json!({ "email": email })).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        answer
    }

    /// Tries a code for the registration of an id.
    pub async fn verify(&self, id: &Value, code: &str) -> Answer {
        self.anyone.post("/auth/verify-email", json!({ "userId": id, "code": code })).await
    }

    /// Another session of an existing user.
    pub async fn sign_in(&self, identifier: &str) -> TestUser {
        let entered = self.login(identifier).await;
        assert_eq!(entered.status, 200, "{entered:?}");
        self.member_of(entered.body)
    }

    /// The client for the answer of a login or refresh.
    pub fn member_of(&self, tokens: Value) -> TestUser {
        let client = self.anyone.signed_in(tokens["token"].as_str().unwrap());
        TestUser { client, id: tokens["userId"].as_str().unwrap().to_owned(), tokens }
    }

    /// All mail to an address, newest first.
    pub async fn mails(&self, to: &str) -> Vec<Value> {
        let to = to.replace('@', "%40").replace('+', "%2B");
        let inbox = self.anyone.get(&format!("/dev/inbox?limit=100&to={to}")).await;
        inbox.body["data"].as_array().unwrap_or_else(|| panic!("{inbox:?}")).clone()
    }

    /// The newest mail of a template to an address; waits until there are `count` of them.
    pub async fn mail(&self, to: &str, template: &str, count: usize) -> Value {
        let what = format!("{count} mails {template} to {to}");
        let mut found = eventually(&what, async || {
            let mut mails = self.mails(to).await;
            mails.retain(|mail| mail["template"] == template);
            (mails.len() >= count).then_some(mails)
        })
        .await;
        found.swap_remove(0)
    }

    /// The code of the newest verification mail to an address; waits for the first.
    pub async fn code_of(&self, to: &str) -> String {
        code_in(&self.mail(to, "verification_code", 1).await)
    }

    /// All events of one type, oldest first.
    pub fn events(&self, wanted: EventType) -> Vec<EventEnvelope> {
        let (mut all, mut after) = (Vec::new(), 0);
        loop {
            let filter = EventFilter { types: BTreeSet::from([wanted]), ..EventFilter::default() };
            let range = EventRange { after, limit: 100 };
            let page = ready(self.store.read(move |view| events::read(view, range, &filter))).unwrap();
            all.extend(page.rows);
            match page.next {
                Some(next) => after = next,
                None => return all,
            }
        }
    }

    /// All audit entries of one action, oldest first.
    pub fn audited(&self, wanted: impl Into<AuditAction>) -> Vec<AuditEntry> {
        let wanted = wanted.into();
        let (mut all, mut before) = (Vec::new(), AuditPlace::NEWEST);
        loop {
            let filter = AuditFilter { action: Some(wanted), ..AuditFilter::default() };
            let range = AuditRange { before, limit: 100 };
            let page = ready(self.store.read(move |view| audit::read(view, range, &filter))).unwrap();
            all.extend(page.rows);
            match page.next {
                Some(next) => before = next,
                None => {
                    all.reverse();
                    return all;
                }
            }
        }
    }

    /// The number of password hashes computed so far, including those for unknown identifiers.
    pub fn hashes(&self) -> u64 {
        let report = self.hasher.report();
        report.hashed + report.verified + report.verified_unknown
    }

    /// KiB of memory times passes, of all password hashes so far.
    pub fn hash_work(&self) -> u64 {
        self.hasher.report().work
    }

    /// The number of messages that any mailbox has accepted so far.
    pub async fn messages(&self) -> u64 {
        let actors = self.operator().get("/actors").await;
        actors.body["totals"]["accepted"].as_u64().unwrap_or_else(|| panic!("{actors:?}"))
    }

    /// The number of commits so far, by any service.
    pub fn commits(&self) -> u64 {
        self.store.report().writer.commits
    }

    /// The application's time.
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The code in a mail, which its text contains.
pub fn code_in(mail: &Value) -> String {
    let code = mail["code"].as_str().unwrap_or_else(|| panic!("no code in {mail}"));
    assert!(mail["text"].as_str().unwrap().contains(code), "{mail}");
    code.to_owned()
}

/// The secret of the link in a mail.
pub fn secret_in(mail: &Value) -> String {
    let link = mail["link"].as_str().unwrap_or_else(|| panic!("no link in {mail}"));
    link.split_once("secret=").unwrap().1.to_owned()
}

/// Asserts the one refusal of codes and links.
pub fn is_code_invalid(answer: &Answer, what: &str) {
    assert_eq!((answer.status, answer.problem()), (422, "code_invalid"), "{what}");
}

/// Another code of six digits.
pub fn wrong(code: &str) -> String {
    let last = if code.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &code[..5])
}

/// Waits up to half a minute until `look` returns a value.
pub async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let mut ticks = tokio::time::interval(Duration::from_millis(2));
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(tokio::time::Instant::now() < deadline, "waited in vain for {what}");
        ticks.tick().await;
    }
}

#[tokio::test]
async fn the_application_starts_and_its_users_sign_in() {
    let services = TestApp::new().await;
    let ada = services.member("ada@example.com").await;
    assert_eq!(ada.get("/auth/profile").await.body["id"], ada.id.as_str());
    assert_eq!(services.events(UserLoggedIn::TYPE).len(), 1);
    assert_eq!(services.audited(AuthAction::Login).len(), 1);
    assert_eq!(services.operator().get("/actors").await.status, 200);
    assert_eq!(services.hashes(), 2);
    services.advance(Duration::from_secs(16 * 60));
    assert!(services.now() >= START.plus(Duration::from_secs(16 * 60)));
    assert_eq!(ada.get("/auth/profile").await.problem(), "token_expired");
}

/// The answer of a read, which the embedded store gives at once.
pub fn ready<T>(read: impl Future<Output = T>) -> T {
    read.now_or_never().expect("the embedded store answers at once")
}
