//! THE tree: every actor of the product, in the order in which it is started. Stopped in reverse.
//!
//! ```text
//! root        what escapes a child ends the process with a non-zero exit
//! |- ops      ops listener                                      5 / 60 s          escape
//! |- store    free space, a writer that hangs; closes it        0 restarts        escape
//! |- hasher   argon2 threads, one per core                      5 / 60 s a child  escape
//! |- otp      a child for each owner of a code                  5 / 60 s          park (each child)
//! |- auth  user  notifier                                       5 / 60 s          escape
//! |- sender   finds due deliveries and sends them               5 / 60 s          park
//! |- relay    one event relay per subscriber                    5 / 60 s          park
//! |- upkeep   expirer, two retentions, redating, snapshots,
//! |           audit end, key rotation and reload, log level     3 / 600 s         park
//! '- edge     public listener                                   5 / 60 s          escape
//! ```
//!
//! The stop follows from the tree (`Tree::shut_down`): a child is stopped in the place of its declaration, within the
//! limit of its `Spec`. The ops listener starts before the store and stops after it, so that operators can see why the
//! other children do not start or stop.

use std::{sync::Arc, time::Duration};

use super::{error::AppError, secrets};
use crate::{
    actors::{
        auth::{Auth, AuthContext, AuthKeys, KeyReload, KeyRotation, MarkUsed},
        edge,
        hasher::HasherPool,
        leased::SharedLease,
        migrator::Migrator,
        notifier::{DeliverySender, Notifier, NotifierContext, NotifierFault, NotifierSubscriber},
        otp::{Otp, OtpSubscriber},
        relay::{Relays, Subscriber},
        store_keeper,
        upkeep::{
            AuditHeadLog, Compaction, Expirer, LogLevelEnd, NotificationRetention, Redating, Retention, Snapshots,
        },
        user::{UserContext, Users},
    },
    config::Config,
    crypto::{identifier::IdentifierKey, token::KeySet},
    outbound::mail::MailTransport,
    persistence::Store,
    supervision::{Spec, Supervisor, System},
    telemetry::log::LogSwitch,
    types::limits,
};

/// The inputs of the services.
pub struct ServiceDependencies {
    pub config: Arc<Config>,
    pub store: Store,
    /// The pool of hashing threads; no thread is started yet.
    pub hasher: HasherPool,
    /// The signing keys in force.
    pub signing: KeySet,
    /// Subkeys of the ring.
    pub auth_keys: AuthKeys,
    /// The level of the log of the process.
    pub log: LogSwitch,
    /// Takes mail; `None`: the transport that the settings name.
    pub mail: Option<Arc<dyn MailTransport>>,
}

/// The server of each listener.
pub struct Listeners {
    /// The listener of the ops routes.
    pub ops: edge::Server,
    pub public: edge::Server,
}

/// The handles of the services.
#[derive(Clone)]
pub struct Services {
    pub auth: Auth,
    pub users: Users,
    pub otp: Otp,
    pub notifier: Notifier,
    /// The relays, for operators.
    pub relays: Relays,
}

const UPKEEP_WITHIN: Duration = Duration::from_secs(600);

/// The whole tree under `root`, which is empty.
///
/// Fails if the settings of a channel cannot be applied.
pub fn services(
    root: &mut Supervisor,
    system: &System,
    dependencies: ServiceDependencies,
    Listeners { ops, public }: Listeners,
) -> Result<Services, NotifierFault> {
    let ServiceDependencies { config, store, hasher, signing, auth_keys, mail, log } = dependencies;
    edge::listener(root, Spec::escape("ops"), ops);
    let store_spec = Spec::escape("store").restarts(0, limits::RESTARTS_WITHIN);
    store_keeper::supervised(root, store_spec.stop_within(limits::STORE_CLOSE).needed(), &store);
    let threads = config.auth.hash.threads_on(std::thread::available_parallelism().map_or(1, usize::from));
    root.group("hasher", |group| hasher.supervise(group, threads));

    let otp = Otp::supervised(root, Spec::park("otp"), system.clone(), store.clone(), &config.auth);
    let identifiers = auth_keys.identifier.clone();
    let auth_context = AuthContext::new(system, &store, &hasher, &otp, &config, (auth_keys, signing));
    let auth = Auth::new(root.commands(Spec::escape("auth"), auth_context));

    let users = users(root, system, &store, (hasher, identifiers), &config);

    let (codes, at) = (Arc::new(otp.clone()), (store.clone(), system.clone()));
    let notifier_context = match mail {
        Some(mail) => Arc::new(NotifierContext::over(mail, &config.notify, codes, at.0, at.1)?),
        None => NotifierContext::new(&config.notify, codes, at.0, at.1, system.shared_clock())?,
    };
    let (notifier, notified) = notifier(root, notifier_context);
    let relays = relays(root, system, &store, [Arc::new(OtpSubscriber::new(otp.clone())), notified]);
    upkeep(root, &config, &store, (&relays, &notifier, &auth), log);
    public_listener(root, public);
    Ok(Services { auth, users, otp, notifier, relays })
}

fn users(
    root: &mut Supervisor,
    system: &System,
    store: &Store,
    (hasher, identifiers): (HasherPool, IdentifierKey),
    config: &Config,
) -> Users {
    let context = UserContext::new(system.clone(), store.clone(), hasher, identifiers, &config.auth);
    Users::new(root.commands(Spec::escape("user"), context))
}

/// The hasher and the users only, for a command on a store that no server has open.
pub fn users_alone(
    root: &mut Supervisor,
    system: &System,
    store: &Store,
    hasher: HasherPool,
    config: &Config,
) -> Result<Users, AppError> {
    root.group("hasher", |group| hasher.supervise(group, 1));
    let identifiers = secrets::auth_keys(store)?.identifier;
    Ok(users(root, system, store, (hasher, identifiers), config))
}

/// The notifier with its sender, and its subscriber.
fn notifier(root: &mut Supervisor, context: Arc<NotifierContext>) -> (Notifier, Arc<dyn Subscriber>) {
    let notifier = Notifier::new(root.commands(Spec::escape("notifier"), Arc::clone(&context)));
    let shared = Arc::clone(&context);
    let sender = context.sending().worker(move || DeliverySender::new(Arc::clone(&shared)));
    root.worker_nudged_by(context.due(), Spec::park("sender"), sender);
    (notifier, Arc::new(NotifierSubscriber::new(context)))
}

fn relays(
    root: &mut Supervisor,
    system: &System,
    store: &Store,
    subscribers: impl IntoIterator<Item = Arc<dyn Subscriber>>,
) -> Relays {
    let spec = |name| Spec::park(name).stop_within(limits::STOP_SOON);
    root.group("relay", |group| Relays::supervised(group, spec, subscribers, (store, system)))
}

fn upkeep(
    root: &mut Supervisor,
    config: &Config,
    store: &Store,
    (relays, notifier, auth): (&Relays, &Notifier, &Auth),
    log: LogSwitch,
) {
    let spec = |name: &str| Spec::park(name).restarts(3, UPKEEP_WITHIN).stop_within(limits::STOP_SOON);
    let lease = |name: &str| SharedLease::new(store, format!("upkeep/{name}"));
    root.group("upkeep", |group| {
        let at = store.clone();
        group.worker(spec("expirer"), lease("expirer").worker(move || Expirer::new(at.clone())));
        let (at, relays, kept) = (store.clone(), relays.clone(), config.events.retention);
        let events = move || Retention::new(at.clone(), relays.clone(), kept);
        group.worker(spec("retention"), lease("retention").worker(events));
        let (at, notifier) = (store.clone(), notifier.clone());
        let notifications = move || NotificationRetention::new(at.clone(), notifier.clone());
        group.worker(spec("notification_retention"), lease("notification_retention").worker(notifications));
        let at = store.clone();
        group.worker(spec("redating"), lease("redating").worker(move || Redating::new(at.clone())));
        let at = store.clone();
        group.worker(spec("snapshots"), lease("snapshots").worker(move || Snapshots::new(at.clone())));
        let at = store.clone();
        group.worker(spec("compaction"), lease("compaction").worker(move || Compaction::new(at.clone())));
        let at = store.clone();
        group.worker(spec("audit_head"), lease("audit_head").worker(move || AuditHeadLog::new(at.clone())));
        let keys_of = auth.clone();
        group.worker(spec("key_rotation"), lease("key_rotation").worker(move || KeyRotation::new(&keys_of)));
        let read_for = auth.clone();
        group.worker(spec("key_reload"), move || KeyReload::new(&read_for));
        let seen_by = auth.clone();
        group.worker_nudged_by(&MarkUsed::woken_by(auth), spec("mark_used"), move || MarkUsed::new(&seen_by));
        group.worker(spec("log_level"), move || LogLevelEnd::new(log.clone()));
    });
}

fn public_listener(root: &mut Supervisor, public: edge::Server) {
    let spec = Spec::escape("edge").kind(edge::KIND);
    root.group_as(spec, |group| edge::listener(group, Spec::escape("public"), public));
}

/// The system that runs until the store is open and migrated: the listeners, which report it, and the migrator.
pub fn starting(root: &mut Supervisor, Listeners { ops, public }: Listeners, migrator: &Migrator) {
    edge::listener(root, Spec::escape("ops"), ops);
    public_listener(root, public);
    migrator.supervised(root, Spec::escape("migrator").restarts(0, limits::RESTARTS_WITHIN));
}
