//! A data directory that is opened by machines whose clocks differ.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use majordomo::{
    actors::operations::ProcessPhase,
    app::services::Assembly,
    config::Config,
    domain::{
        audit::AuditPlace,
        auth::{Session, SigningKey},
        operations::OperationsAction,
    },
    http::{credential::ControlToken, route::Listener},
    persistence::{
        KeyLoss, Options, ReplayCheck, Store, Write,
        audit::{self, AuditFilter, AuditRange},
        engine::EngineKind,
        fs::RealFs,
        opening_watch::OpeningWatch,
        settings::{BootId, StoreEnvironment, StoreSettings, Tuning},
        tables,
    },
    supervision::{ClockReading, ClockSources, KernelClock, OsEntropy, System, SystemClock, Tree},
    telemetry::log::LogSwitch,
    types::{CallContext, Clock, EmailAddress, Entropy, Secret, Timestamp, Work, id::UserId, limits},
};
use serde_json::{Value, json};

use crate::{
    api::idle_services::{assembled, cheap_hasher, signing_key},
    harness::Client,
    test_app::{ADA, CONTROL, PASSWORD, eventually, ready},
};

const HOUR: Duration = Duration::from_secs(3_600);
const DAY: Duration = Duration::from_secs(24 * 3_600);
const TEN_YEARS: Duration = Duration::from_secs(3_650 * 24 * 3_600);

/// A machine whose clocks the test sets.
struct Machine {
    reading: Mutex<ClockReading>,
    synchronised: AtomicBool,
}

impl Machine {
    fn at(wall: Timestamp) -> Arc<Self> {
        let reading = Mutex::new(ClockReading { wall, boot: HOUR });
        Arc::new(Self { reading, synchronised: AtomicBool::new(false) })
    }

    /// Sets the wall clock alone.
    fn set(&self, wall: Timestamp) {
        self.reading.lock().unwrap().wall = wall;
    }

    /// Lets time pass.
    fn pass(&self, by: Duration) {
        let mut reading = self.reading.lock().unwrap();
        *reading = ClockReading { wall: reading.wall.plus(by), boot: reading.boot + by };
    }

    fn synchronise(&self, synchronised: bool) {
        self.synchronised.store(synchronised, Ordering::SeqCst);
    }

    fn clock(self: &Arc<Self>) -> Arc<SystemClock> {
        let (clocks, kernel) = (Arc::clone(self), Arc::clone(self));
        let sources = ClockSources {
            read: Box::new(move || *clocks.reading.lock().unwrap()),
            kernel: Box::new(move || match kernel.synchronised.load(Ordering::SeqCst) {
                true => KernelClock::Synchronised,
                false => KernelClock::Unsynchronised,
            }),
        };
        Arc::new(SystemClock::over(sources, limits::CLOCK_GAP_MAX))
    }
}

/// The real time: tokens are checked by the clock of `jsonwebtoken`.
fn today() -> Timestamp {
    SystemClock::default().now()
}

/// An application over a data directory.
struct Opened {
    system: System,
    store: Store,
    anyone: Client,
    operator: Client,
    tree: Tree,
}

async fn open(machine: &Arc<Machine>, dir: &tempfile::TempDir) -> Opened {
    let (clock, entropy): (Arc<dyn Clock>, Arc<dyn Entropy>) = (machine.clock(), Arc::new(OsEntropy));
    let settings = StoreSettings {
        dir: dir.path().join("store"),
        engine: EngineKind::Redb,
        boot: BootId("boot".to_owned()),
        lock_wait: Duration::ZERO,
        tuning: Tuning::default(),
    };
    let environment =
        StoreEnvironment { fs: Arc::new(RealFs), clock: Arc::clone(&clock), entropy: Arc::clone(&entropy), ring: None };
    let key_ring = dir.path().join("ring.json");
    let options = Options {
        settings,
        environment,
        key_ring,
        key_loss: KeyLoss::Refuse,
        replay_check: ReplayCheck::Twice,
        watch: OpeningWatch::default(),
    };
    let (store, opening) = Store::open(options).unwrap();
    let system = System::new(clock, entropy);
    if opening.created {
        let now = system.clock().now();
        let write = write(&system);
        let key = SigningKey { created_at: now, stage_since: now, ..signing_key() };
        store.write(write, move |tx| tables::signing_key::put(tx, &key)).await.unwrap();
    }
    let mut config = Config::default();
    config.edge.rate_limits.enabled = false;
    let log = LogSwitch::without_output(config.log.level);
    let control = (ControlToken::new(Secret::new(CONTROL)), None);
    let Assembly { root, edge, .. } = assembled(&config, &system, (&store, cheap_hasher(&config)), control, log);
    let tree = root.start().await.unwrap();
    edge.operations.enter(ProcessPhase::Open);
    let anyone = Client::new(Listener::Public, edge.clone());
    let operator = Client::new(Listener::Ops, edge).signed_in(CONTROL);
    Opened { system, store, anyone, operator, tree }
}

fn write(system: &System) -> Write {
    let work = Work::until(system.clock().instant() + limits::CALL_DEADLINE);
    Write::new(work, system.stamp(), CallContext::service("test", "wrong-clock"))
}

impl Opened {
    async fn close(self) {
        self.tree.shut_down(limits::SHUTDOWN, std::future::pending()).await;
    }

    async fn login(&self) -> Value {
        let answer = self.anyone.post("/auth/login", json!({ "identifier": ADA, "password": PASSWORD })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The tokens after a refresh.
    async fn refreshed(&self, tokens: &Value) -> Value {
        let answer = self.anyone.post("/auth/refresh", json!({ "refreshToken": tokens["refreshToken"] })).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        answer.body
    }

    /// The profile of the user of `tokens`: `ok`, or the code of the problem.
    async fn profile(&self, tokens: &Value) -> String {
        let answer = self.anyone.signed_in(tokens["token"].as_str().unwrap()).get("/auth/profile").await;
        if answer.status == 200 { "ok".to_owned() } else { answer.problem().to_owned() }
    }

    async fn health(&self) -> Value {
        self.operator.get("/health/clock").await.body
    }

    /// The claims of an access token by another library, the JWKS and its own clock.
    async fn checked_elsewhere(&self, tokens: &Value) -> Result<Value, jsonwebtoken::errors::Error> {
        let keys = self.anyone.get("/.well-known/jwks.json").await.body["keys"].clone();
        let jwk = serde_json::from_value(keys[0].clone()).unwrap();
        let mut validation = Validation::new(Algorithm::EdDSA);
        validation.validate_aud = false;
        validation.leeway = 0;
        let key = DecodingKey::from_jwk(&jwk).unwrap();
        jsonwebtoken::decode::<Value>(tokens["token"].as_str().unwrap(), &key, &validation).map(|token| token.claims)
    }

    async fn register(&self, email: &str) -> UserId {
        let answer = self.anyone.post("/auth/register", json!({ "email": email, "password": PASSWORD })).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        answer.body["id"].as_str().unwrap().parse().unwrap()
    }

    fn is_registered(&self, id: UserId) -> bool {
        ready(self.store.read(move |view| tables::registration::find(view, id))).unwrap().is_some()
    }

    fn sessions(&self) -> Vec<Session> {
        ready(self.store.read(|view| {
            let user = tables::user::find_by_email(view, &EmailAddress::parse(ADA).unwrap())?;
            tables::session::of_user(view, user.unwrap().id)
        }))
        .unwrap()
    }

    /// The lines of health are kept for a time, so a change is visible later.
    async fn becomes_healthy(&self) {
        eventually("the clock to be up", async || (self.health().await["status"] == "up").then_some(())).await;
    }
}

/// A new store with a user who is signed in, and a registration.
async fn begun(machine: &Arc<Machine>, dir: &tempfile::TempDir) -> (Opened, Value, UserId) {
    let app = open(machine, dir).await;
    let made = app.operator.post("/users/admins", json!({ "email": ADA, "password": PASSWORD })).await;
    assert_eq!(made.status, 201, "{made:?}");
    let tokens = app.login().await;
    let registered = app.register("bob@example.com").await;
    (app, tokens, registered)
}

#[tokio::test]
async fn a_start_ten_years_ahead_is_undone_by_an_accepted_time() {
    let (dir, machine) = (tempfile::tempdir().unwrap(), Machine::at(today()));
    let (app, early, registered) = begun(&machine, &dir).await;
    app.close().await;

    // The kernel says that the wrong clock is right, so the start follows it.
    machine.synchronise(true);
    machine.set(today().plus(TEN_YEARS));
    let app = open(&machine, &dir).await;
    assert_eq!((&app.health().await["status"], app.profile(&early).await.as_str()), (&json!("up"), "token_expired"));
    let wrong = app.login().await;
    assert_eq!(app.profile(&wrong).await, "ok");
    app.close().await;

    machine.set(today());
    let app = open(&machine, &dir).await;
    let health = app.health().await;
    let reason = health["reasons"][0].as_str().unwrap();
    assert_eq!(health["status"], "degraded");
    assert!(reason.starts_with("clock_lags: ") && reason.contains("majordomo clock accept"), "{reason}");
    let late = app.login().await;
    assert!(
        app.checked_elsewhere(&late).await.unwrap()["iat"].as_i64() > Some(today().plus(9 * 365 * DAY).as_seconds())
    );

    let accepted = app.operator.post("/clock/accept", json!({})).await;
    assert_eq!(accepted.status, 200, "{accepted:?}");
    assert!(accepted.body["before"].as_str() > accepted.body["now"].as_str(), "{accepted:?}");
    app.becomes_healthy().await;
    for tokens in [&wrong, &late] {
        assert_eq!(app.profile(tokens).await, "token_expired", "it was issued in the future");
    }
    let is_of_today =
        |session: &Session| session.created_at <= today() && session.ends_at < today().plus(TEN_YEARS / 2);
    eventually("the dates to be corrected", async || app.sessions().iter().all(is_of_today).then_some(())).await;
    assert_eq!((app.sessions().len(), app.is_registered(registered)), (3, true), "nothing was deleted");
    for tokens in [&early, &wrong, &late] {
        let tokens = app.refreshed(tokens).await;
        assert_eq!(app.profile(&tokens).await, "ok");
        let claims = app.checked_elsewhere(&tokens).await.unwrap();
        assert!(claims["iat"].as_i64().unwrap() <= today().as_seconds(), "{claims}");
    }
    app.close().await;

    // The next start continues from the accepted time.
    let app = open(&machine, &dir).await;
    assert_eq!(app.health().await["status"], "up");
    assert!(app.system.clock().now() <= today());
    assert_eq!(app.profile(&app.login().await).await, "ok");
    let filter = AuditFilter { action: Some(OperationsAction::AcceptClock.into()), ..AuditFilter::default() };
    let range = AuditRange { before: AuditPlace::NEWEST, limit: 10 };
    let entries = ready(app.store.read(move |view| audit::read(view, range, &filter))).unwrap().rows;
    assert!(entries.len() == 1 && entries[0].time <= today(), "{entries:?}");
    app.close().await;
}

#[tokio::test]
async fn a_start_after_three_days_follows_the_clock_and_deletes_nothing_for_an_hour() {
    let (dir, machine) = (tempfile::tempdir().unwrap(), Machine::at(today().minus(3 * DAY)));
    let (app, _, registered) = begun(&machine, &dir).await;
    app.close().await;
    machine.set(today());
    let app = open(&machine, &dir).await;
    let health = app.health().await;
    let reason = health["reasons"][0].as_str().unwrap();
    assert!(health["status"] == "up" && reason.starts_with("clock_settling: "), "{health}");
    let tokens = app.login().await;
    let claims = app.checked_elsewhere(&tokens).await.unwrap();
    assert!(claims["exp"].as_i64() > Some(today().as_seconds()), "{claims}");

    let rounds = || app.system.stats().report("upkeep/expirer").unwrap().work.handled;
    let before = rounds();
    machine.pass(HOUR - Duration::from_secs(60));
    app.system.wake_workers();
    eventually("a round of the expirer", async || (rounds() > before).then_some(())).await;
    assert!(app.is_registered(registered), "the registration has expired, and stays");
    machine.pass(Duration::from_secs(61));
    app.system.wake_workers();
    eventually("the registration to go", async || (!app.is_registered(registered)).then_some(())).await;
    app.close().await;
}

#[tokio::test]
async fn a_gap_of_forty_days_is_followed_only_if_the_kernel_says_that_its_clock_is_right() {
    let (dir, machine) = (tempfile::tempdir().unwrap(), Machine::at(today()));
    let (app, _, registered) = begun(&machine, &dir).await;
    app.close().await;
    machine.set(today().plus(40 * DAY));
    let app = open(&machine, &dir).await;
    let health = app.health().await;
    let reason = health["reasons"][0].as_str().unwrap();
    assert!(health["status"] == "degraded" && reason.starts_with("clock_leapt: "), "{health}");
    assert!(app.system.clock().now() < today().plus(DAY), "time goes on from the last commit");
    assert_eq!(app.profile(&app.login().await).await, "ok");
    app.close().await;

    machine.synchronise(true);
    let app = open(&machine, &dir).await;
    assert!(app.system.clock().now() > today().plus(39 * DAY));
    assert_eq!((app.health().await["status"].as_str(), app.is_registered(registered)), (Some("up"), true));
    machine.pass(HOUR);
    app.system.wake_workers();
    eventually("the registration to go", async || (!app.is_registered(registered)).then_some(())).await;
    app.close().await;
}

#[tokio::test]
async fn a_jump_while_running_is_not_followed_until_it_is_accepted() {
    let (dir, machine) = (tempfile::tempdir().unwrap(), Machine::at(today()));
    let (app, tokens, _) = begun(&machine, &dir).await;
    machine.set(today().plus(DAY));
    assert_eq!(app.profile(&tokens).await, "ok", "the token is not a day old");
    assert_eq!(app.health().await["status"], "degraded");
    assert_eq!(app.operator.post("/clock/accept", json!({})).await.status, 200);
    assert_eq!(app.profile(&tokens).await, "token_expired");
    app.becomes_healthy().await;
    app.close().await;
}
