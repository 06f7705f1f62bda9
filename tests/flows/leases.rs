//! Work that is done once, whatever the number of processes: two systems with the program's own tree on one store, and
//! leases that are denied and taken away.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{FutureExt as _, future::BoxFuture};
use majordomo::{
    actors::auth::RotateKeys,
    app::services::{self, AppDependencies, Assembly},
    config::Config,
    domain::{
        auth::key_rotation::Urgency,
        event::EventType,
        notification::{
            Delivery, DeliveryState,
            events::{NotificationDelivered, NotificationQueued},
        },
        user::events::UserVerified,
    },
    http::{EdgeServices, credential::ControlToken},
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    persistence::{Lease, LeaseSource, Reader as _, Scan, Store, events::EVENT_BY_SEQUENCE, tables},
    supervision::{System, Tree},
    telemetry::{
        actors::LeaseReport,
        health::{HealthStatus, ServiceHealth},
    },
    types::{CallContext, provider_answer::ProviderAnswer},
};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::{
    api::idle_services::{cheap_hasher, dependencies, no_sockets, signing_key},
    flows::{
        test_notifier::{people_of, welcome_another},
        test_store::{SECOND, TestStore, until},
    },
    test_app::ready,
};

/// The leases of the program's tree.
const LEASES: [&str; 11] = [
    "relay/notifier",
    "relay/otp",
    "sender",
    "upkeep/audit_head",
    "upkeep/compaction",
    "upkeep/expirer",
    "upkeep/key_rotation",
    "upkeep/notification_retention",
    "upkeep/redating",
    "upkeep/retention",
    "upkeep/snapshots",
];

/// A mail server that counts what it takes, and answers while it does not hang.
#[derive(Default)]
struct MailServer {
    /// The system that sent it and its `Message-ID`, when the transport began.
    begun: Mutex<Vec<(&'static str, String)>>,
    /// The same, when the server had answered.
    answered: Mutex<Vec<(&'static str, String)>>,
    hangs: watch::Sender<bool>,
}

impl MailServer {
    fn begun(&self) -> Vec<(&'static str, String)> {
        self.begun.lock().unwrap().clone()
    }

    /// The number of mails that each system had answered.
    fn answered_by(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for (system, _) in self.answered.lock().unwrap().iter() {
            *counts.entry(*system).or_default() += 1;
        }
        counts
    }

    /// How often each mail was answered.
    fn answered(&self) -> BTreeMap<String, usize> {
        let mut counts = BTreeMap::new();
        for (_, id) in self.answered.lock().unwrap().iter() {
            *counts.entry(id.clone()).or_default() += 1;
        }
        counts
    }
}

struct Connection(&'static str, Arc<MailServer>);

impl MailTransport for Connection {
    fn name(&self) -> &'static str {
        "test"
    }

    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange> {
        async move {
            let Self(system, server) = self;
            server.begun.lock().unwrap().push((system, mail.message_id.clone()));
            let mut exchange = tokio::time::interval(Duration::from_millis(3));
            exchange.tick().await;
            exchange.tick().await;
            server.hangs.subscribe().wait_for(|hangs| !hangs).await.unwrap();
            server.answered.lock().unwrap().push((system, mail.message_id.clone()));
            Exchange { answer: ProviderAnswer::taken("ok"), conversation: vec![] }
        }
        .boxed()
    }
}

/// One system with the program's tree.
struct Node {
    system: System,
    edge: EdgeServices,
    tree: Tree,
}

impl Node {
    async fn start(name: &'static str, test_store: &TestStore, server: &Arc<MailServer>) -> Self {
        let config = Config::default();
        let clock = test_store.clock.clone();
        let system = System::new(clock.clone(), test_store.system.shared_entropy());
        let mut services = dependencies(&config, (&test_store.store, cheap_hasher(&config)));
        services.mail = Some(Arc::new(Connection(name, Arc::clone(server))));
        let dependencies = AppDependencies { services, control: ControlToken::absent(), manual: Some(clock) };
        let Assembly { root, edge, .. } = services::assemble(&system, dependencies, |_| no_sockets()).unwrap();
        // The hasher's threads do not follow the paused time.
        tokio::time::resume();
        let tree = root.start().await.unwrap();
        tokio::time::pause();
        Self { system, edge, tree }
    }

    /// Stops the services in the program's order, and leaves the store open for the other system.
    async fn stop_services(&self) {
        for path in ["edge", "upkeep", "relay", "sender", "notifier", "user", "auth", "otp"] {
            self.system.stats().stop(path, 10 * SECOND).await.unwrap();
        }
    }

    /// Stops the rest, and closes the store.
    async fn close(self) {
        tokio::time::resume();
        self.tree.stop(10 * SECOND).await;
        tokio::time::pause();
    }

    fn leases(&self) -> Vec<LeaseReport> {
        self.edge.operations.actors(None).actors.into_iter().filter_map(|actor| actor.lease).collect()
    }

    /// The epoch of each lease that is held.
    fn held(&self) -> BTreeMap<String, u64> {
        let held = |lease: LeaseReport| Some((lease.name, lease.epoch?.parse().unwrap()));
        self.leases().into_iter().filter_map(held).collect()
    }

    /// The leases that are waited for.
    fn waits_for(&self) -> BTreeSet<String> {
        self.leases().into_iter().filter(|lease| lease.epoch.is_none()).map(|lease| lease.name).collect()
    }

    async fn health_of(&self, name: &str) -> ServiceHealth {
        let report = self.edge.operations.health().await;
        report.services.into_iter().find(|service| service.name == name).unwrap()
    }
}

fn all_leases() -> BTreeSet<String> {
    LEASES.map(str::to_owned).into()
}

/// A store with two people and the signing key of the services.
async fn stored(test_store: TestStore) -> Arc<TestStore> {
    let test_store = people_of(test_store).await;
    test_store.write(|tx| tables::signing_key::put(tx, &signing_key())).await;
    test_store
}

fn deliveries(store: &Store) -> Vec<Delivery> {
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let scan = Scan::all();
        let scan = match &after {
            Some(last) => scan.after(last),
            None => scan,
        };
        let page = ready(store.read(move |view| view.scan(&tables::notification::DELIVERY_BY_ID, scan))).unwrap();
        let Some((last, _)) = page.last() else { return all };
        after = Some(*last);
        all.extend(page.into_iter().map(|(_, delivery)| delivery));
    }
}

fn in_state(store: &Store, state: &str) -> usize {
    deliveries(store).iter().filter(|delivery| delivery.state.as_str() == state).count()
}

/// How often there is an event of a type.
fn events(store: &Store, wanted: EventType) -> usize {
    let (mut count, mut after) = (0, 0);
    loop {
        let page = ready(store.read(move |view| view.scan(&EVENT_BY_SEQUENCE, Scan::all().after(&after)))).unwrap();
        let Some((last, _)) = page.last() else { return count };
        after = *last;
        count += page.iter().filter(|(_, event)| event.kind == wanted).count();
    }
}

#[tokio::test(start_paused = true)]
async fn two_systems_on_one_store_do_a_thousand_deliveries_once_and_one_takes_over_when_the_other_stops() {
    let test_store = stored(TestStore::new()).await;
    let (store, server) = (&test_store.store, Arc::new(MailServer::default()));
    let first = Node::start("first", &test_store, &server).await;
    until("the first holds every lease", || first.held().keys().cloned().collect::<BTreeSet<_>>() == all_leases())
        .await;
    let epochs = first.held();
    let second = Node::start("second", &test_store, &server).await;
    until("the second waits for every lease", || second.waits_for() == all_leases()).await;
    let stop = async {
        until("a part is sent", || server.answered.lock().unwrap().len() >= 300).await;
        first.stop_services().await;
        let stopped = test_store.system.clock().now();
        let by_first = server.answered_by()["first"];
        until("the second sends", || server.answered_by().contains_key("second")).await;
        let waited = test_store.system.clock().now().since(stopped);
        assert!(waited < SECOND, "the second waits for no time: {waited:?}");
        by_first
    };
    let emit = async {
        for number in 0..1_000 {
            welcome_another(&test_store, number).await;
        }
    };
    let (by_first, ()) = tokio::join!(stop, emit);
    // The state of each is unsealed: looked at when the last has been answered.
    until("all are answered", || server.answered.lock().unwrap().len() >= 1_000).await;
    until("all are sent", || in_state(store, "sent") == 1_000).await;
    let answered = server.answered();
    assert_eq!((answered.len(), answered.values().max()), (1_000, Some(&1)), "each mail once");
    let by_system = server.answered_by();
    assert_eq!((by_system["first"], by_system["second"]), (by_first, 1_000 - by_first));
    let all = deliveries(store);
    assert_eq!(all.len(), 1_000);
    assert!(all.iter().all(|delivery| delivery.attempts.len() == 1), "no delivery was tried twice");
    for kind in [UserVerified::TYPE, NotificationQueued::TYPE, NotificationDelivered::TYPE] {
        assert_eq!(events(store, kind), 1_000, "{kind:?}");
    }
    let later = second.held();
    assert!(epochs.iter().all(|(name, epoch)| later[name] > *epoch), "{later:?} after {epochs:?}");
    second.stop_services().await;
    second.close().await;
    first.close().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_stopped_system_was_sending_is_sent_at_once_by_the_next_holder_under_its_message_id() {
    let test_store = stored(TestStore::new()).await;
    let (store, server) = (&test_store.store, Arc::new(MailServer::default()));
    server.hangs.send_replace(true);
    let first = Node::start("first", &test_store, &server).await;
    until("the first holds every lease", || first.held().len() == LEASES.len()).await;
    let second = Node::start("second", &test_store, &server).await;
    for number in 0..10 {
        welcome_another(&test_store, number).await;
    }
    until("senders hang", || in_state(store, "sending") == 6 && deliveries(store).len() == 10).await;
    let epoch = first.held()["sender"];
    for delivery in deliveries(store) {
        let DeliveryState::Sending { holder, .. } = delivery.state else { continue };
        assert_eq!((holder.lease.as_str(), holder.epoch), ("sender", epoch), "a claim names its holder");
    }
    let lost: BTreeSet<String> = server.begun().into_iter().map(|(_, id)| id).collect();
    // The server does not answer, so the jobs are aborted.
    first.stop_services().await;
    let stopped = test_store.system.clock().now();
    server.hangs.send_replace(false);
    until("all are sent", || in_state(store, "sent") == 10).await;
    let waited = test_store.system.clock().now().since(stopped);
    assert!(waited < SECOND, "no claim is waited out: {waited:?}");
    let by_second: BTreeSet<String> =
        server.begun().into_iter().filter(|(by, _)| *by == "second").map(|(_, id)| id).collect();
    assert_eq!(by_second.len(), 10);
    assert!(lost.is_subset(&by_second), "under the same Message-ID");
    second.stop_services().await;
    second.close().await;
    first.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_system_without_the_lease_of_key_rotation_uses_the_keys_that_the_holder_makes() {
    let test_store = stored(TestStore::new()).await;
    let server = Arc::new(MailServer::default());
    let first = Node::start("first", &test_store, &server).await;
    until("the first rotates", || first.held().contains_key("upkeep/key_rotation")).await;
    let second = Node::start("second", &test_store, &server).await;
    let before = second.edge.auth.jwks();
    let rotate = RotateKeys { urgency: Urgency::Now };
    // The thread that makes a key does not follow the paused time.
    tokio::time::resume();
    first.edge.auth.run(CallContext::service("test", "rotate"), rotate).await.unwrap();
    tokio::time::pause();
    let rotated = first.edge.auth.jwks();
    assert_ne!(rotated, before);
    second.system.wake_workers();
    until("the second has the new keys", || second.edge.auth.jwks() == rotated).await;
    second.stop_services().await;
    second.close().await;
    first.close().await;
}

/// Leases that are denied and taken away.
#[derive(Clone, Default)]
struct ControlledLeases(Arc<Control>);

#[derive(Default)]
struct Control {
    granting: watch::Sender<bool>,
    granted: Mutex<Granted>,
}

#[derive(Default)]
struct Granted {
    last_epoch: u64,
    ends: BTreeMap<String, CancellationToken>,
}

impl ControlledLeases {
    fn grant(&self) {
        self.0.granting.send_replace(true);
    }

    /// Ends every lease, and grants none.
    fn take_away(&self) {
        self.0.granting.send_replace(false);
        self.0.granted.lock().unwrap().ends.values().for_each(CancellationToken::cancel);
    }
}

impl LeaseSource for ControlledLeases {
    fn take(&self, name: Arc<str>) -> BoxFuture<'static, Lease> {
        let control = Arc::clone(&self.0);
        async move {
            let mut granting = control.granting.subscribe();
            loop {
                granting.wait_for(|granting| *granting).await.unwrap();
                let held = {
                    let mut granted = control.granted.lock().unwrap();
                    match granted.ends.get(&*name).filter(|end| !end.is_cancelled()) {
                        Some(end) => end.clone(),
                        None => {
                            granted.last_epoch += 1;
                            let end = CancellationToken::new();
                            granted.ends.insert(name.to_string(), end.clone());
                            return Lease::granted(name, granted.last_epoch, end);
                        }
                    }
                };
                held.cancelled().await;
            }
        }
        .boxed()
    }
}

async fn controlled() -> (ControlledLeases, Arc<TestStore>) {
    let leases = ControlledLeases::default();
    let source = Arc::new(leases.clone());
    (leases, stored(TestStore::over(|clock, entropy| Store::in_memory_under(clock, &*entropy, source))).await)
}

/// Lets a minute pass, in which workers look again and again.
async fn a_minute(test_store: &TestStore) {
    let mut seconds = tokio::time::interval(SECOND);
    for _ in 0..60 {
        seconds.tick().await;
        test_store.system.wake_workers();
    }
}

#[tokio::test(start_paused = true)]
async fn without_leases_nothing_is_done_and_health_names_them_until_they_are_granted() {
    let (leases, test_store) = controlled().await;
    let (store, server) = (&test_store.store, Arc::new(MailServer::default()));
    let node = Node::start("only", &test_store, &server).await;
    for number in 0..20 {
        welcome_another(&test_store, number).await;
    }
    until("every lease is waited for", || node.waits_for() == all_leases()).await;
    let commits = store.report().writer.commits;
    a_minute(&test_store).await;
    assert_eq!(store.report().writer.commits, commits, "nothing is written without a lease");
    assert_eq!((deliveries(store).len(), server.begun().len()), (0, 0));
    assert!(node.held().is_empty());
    for (service, lease) in [("sender", "sender"), ("relay", "relay/notifier"), ("upkeep", "upkeep/key_rotation")] {
        let health = node.health_of(service).await;
        assert_eq!(health.status, HealthStatus::Up, "a standby is well: {health:?}");
        let reason = format!("standby for the lease {lease}");
        assert!(health.reasons.iter().any(|found| found.ends_with(&reason)), "{reason} in {health:?}");
    }
    leases.grant();
    until("all are sent", || in_state(store, "sent") == 20).await;
    assert_eq!(node.held().keys().cloned().collect::<BTreeSet<_>>(), all_leases());
    assert!(node.health_of("sender").await.reasons.is_empty());
    node.close().await;
}

#[tokio::test(start_paused = true)]
async fn a_holder_whose_leases_are_taken_away_commits_nothing_more_and_the_next_epoch_goes_on_at_once() {
    let (leases, test_store) = controlled().await;
    let (store, server) = (&test_store.store, Arc::new(MailServer::default()));
    leases.grant();
    let node = Node::start("only", &test_store, &server).await;
    until("every lease is held", || node.held().len() == LEASES.len()).await;
    let epochs = node.held();
    server.hangs.send_replace(true);
    for number in 0..50 {
        welcome_another(&test_store, number).await;
    }
    until("senders hang", || in_state(store, "sending") == 6).await;
    leases.take_away();
    let before = store.report().writer.commits;
    server.hangs.send_replace(false);
    for number in 50..60 {
        welcome_another(&test_store, number).await;
    }
    until("every lease is waited for", || node.waits_for() == all_leases()).await;
    a_minute(&test_store).await;
    assert_eq!(store.report().writer.commits - before, 20, "the users of the test and their events");
    assert_eq!((in_state(store, "sending"), in_state(store, "sent")), (6, 0));
    assert!(server.answered().is_empty(), "a send is broken off");
    let again = test_store.system.clock().now();
    leases.grant();
    until("all are sent", || in_state(store, "sent") == 60).await;
    assert!(test_store.system.clock().now().since(again) < SECOND, "no claim is waited out");
    let answered = server.answered();
    assert_eq!((answered.len(), answered.values().max()), (60, Some(&1)));
    let later = node.held();
    assert!(epochs.iter().all(|(name, epoch)| later[name] > *epoch), "{later:?} after {epochs:?}");
    node.close().await;
}
