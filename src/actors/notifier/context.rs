//! The context that the notifier's commands, senders and subscriber share.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use super::{
    hold::GivenDelivery,
    inbox::InboxTransport,
    links::MailLinks,
    mail_code::CodeSource,
    provider::ProviderState,
    render::{Brand, Renderer},
    transport::{NotifierFault, app_name, sender, smtp},
    writes::{ExpiredDelivery, SenderClaim},
};
use crate::{
    actors::leased::SharedLease,
    config,
    domain::notification::DeliveryLane,
    outbound::mail::{MailTransport, Sender},
    persistence::{Lease, Store, Write, tables::notification},
    supervision::{CommandContext, Nudge, System},
    types::{
        CallContext, Clock, Fault, Timestamp, Work,
        id::{DeliveryId, EventId},
        limits,
    },
};

/// The time a claim lasts beyond the transport's timeout: for rendering, reading the code, and two commits.
const CLAIM_MARGIN: Duration = Duration::from_secs(30);
/// The lease of the sender.
const SENDER_LEASE: &str = "sender";

/// The state of sending, for health.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierHealth {
    /// `inbox` or `smtp`.
    pub transport: &'static str,
    /// Whether sending is paused because the store was restored from a snapshot, until an operator resumes it.
    pub is_paused: bool,
    /// The time since which sending pauses because the provider failed; `None`: mail is sent.
    pub provider_failing_since: Option<Timestamp>,
    /// The provider's last failure or permanent refusal, without addresses; `None` after an accepted mail.
    pub last_failure: Option<String>,
    /// Whether `limits::RECIPIENTS_REFUSED` different recipients in a row were refused permanently.
    pub is_refusing: bool,
    /// Waiting deliveries, counted to `limits::SCAN_MAX` in each lane.
    pub waiting: usize,
}

/// The notifier's dependencies and shared state. It outlives a crash of the actor or of the sender.
pub struct NotifierContext {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) renderer: Renderer,
    pub(super) transport: Arc<dyn MailTransport>,
    pub(super) codes: Arc<dyn CodeSource>,
    pub(super) links: MailLinks,
    pub(super) sender: Sender,
    pub(super) same_kind_every: Duration,
    /// The transport's time limit for one mail.
    pub(super) timeout: Duration,
    pub(super) inbox: InboxTransport,
    /// The transport of text messages; `None`: text messages cannot be sent.
    pub(super) texts: Option<InboxTransport>,
    /// Wakes the sender, which reads the due deliveries.
    due: Nudge,
    sending: SharedLease,
    in_progress: Mutex<HashMap<DeliveryId, DeliveryLane>>,
    /// At most one per sender, because each has a hold.
    given: Mutex<Vec<GivenDelivery>>,
    provider: Mutex<ProviderState>,
}

impl CommandContext for NotifierContext {
    const KIND: &'static str = "NotifierActor";
}

impl NotifierContext {
    /// The context with the transport of `settings`: the development inbox or SMTP.
    pub fn new(
        settings: &config::NotifyConfig,
        codes: Arc<dyn CodeSource>,
        store: Store,
        system: System,
        clock: Arc<dyn Clock>,
    ) -> Result<Arc<Self>, NotifierFault> {
        let inbox = InboxTransport::new(&settings.inbox, store.clone(), system.clone());
        let transport: Arc<dyn MailTransport> = match settings.email.transport {
            config::MailTransportChoice::Inbox => Arc::new(inbox.clone()),
            config::MailTransportChoice::Smtp => Arc::new(smtp(&settings.email, clock)?),
        };
        Self::over(transport, settings, codes, store, system).map(Arc::new)
    }

    /// The context with another transport, for tests.
    pub fn over(
        transport: Arc<dyn MailTransport>,
        settings: &config::NotifyConfig,
        codes: Arc<dyn CodeSource>,
        store: Store,
        system: System,
    ) -> Result<Self, NotifierFault> {
        let sender = sender(&settings.email)?;
        let app = app_name(&settings.email, &sender);
        let app_url = settings.email.app_url.as_ref().map(ToString::to_string);
        let inbox = InboxTransport::new(&settings.inbox, store.clone(), system.clone());
        Ok(Self {
            texts: settings.reaches_phones().then(|| inbox.clone()),
            inbox,
            links: MailLinks::new(&settings.email),
            renderer: Renderer::new(Brand { app, app_url })?,
            same_kind_every: settings.email.same_kind_every,
            timeout: settings.email.timeout,
            transport,
            codes,
            sender,
            due: Nudge::new(),
            sending: SharedLease::new(&store, SENDER_LEASE),
            system,
            store,
            in_progress: Mutex::default(),
            given: Mutex::default(),
            provider: Mutex::default(),
        })
    }

    /// Wakes the sender, which reads the due deliveries.
    pub fn due(&self) -> &Nudge {
        &self.due
    }

    /// The lease under which deliveries are claimed and sent.
    pub fn sending(&self) -> &SharedLease {
        &self.sending
    }

    /// The deliveries that are being sent, each with its lane.
    pub(super) fn in_progress(&self) -> MutexGuard<'_, HashMap<DeliveryId, DeliveryLane>> {
        self.in_progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a claimed delivery to the sender's worker. The caller nudges the worker afterwards.
    pub(super) fn give(&self, given: GivenDelivery) {
        self.given.lock().unwrap_or_else(PoisonError::into_inner).push(given);
    }

    /// Removes and returns the deliveries that were passed to the sender's worker, oldest first.
    pub(super) fn take_given(&self) -> Vec<GivenDelivery> {
        std::mem::take(&mut *self.given.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Records that an admitted delivery was not sent: if it was the breaker's probe, another delivery becomes the
    /// probe.
    pub(super) fn not_sent(&self) {
        let now = self.system.clock().now();
        self.provider().breaker.unused(now);
    }

    /// The duration of a claim. Afterwards another sender may claim the delivery, even under the same lease.
    pub(super) fn claim_time(&self) -> Duration {
        self.timeout + CLAIM_MARGIN
    }

    /// A claim by the holder of `lease`.
    pub(super) fn claim(&self, lease: &Lease) -> SenderClaim {
        let may_end = self.system.clock().may_remove();
        let expired = if may_end { ExpiredDelivery::Suppressed } else { ExpiredDelivery::Held };
        SenderClaim { holder: lease.holder(), lasts: self.claim_time(), expired }
    }

    pub(super) fn provider(&self) -> MutexGuard<'_, ProviderState> {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) async fn health(&self) -> Result<NotifierHealth, Fault> {
        let waiting = self.store.read(|view| notification::waiting(view)).await?;
        let provider = self.provider();
        let failing = provider.breaker.is_open();
        Ok(NotifierHealth {
            transport: self.transport.name(),
            is_paused: self.store.is_restored(),
            provider_failing_since: provider.failing_since.filter(|_| failing),
            last_failure: provider.last_failure.clone(),
            is_refusing: provider.is_refusing(),
            waiting,
        })
    }

    /// The write of a step of a delivery. The caller is the service, and `causation` is the event that led to the
    /// notification.
    pub(super) fn write(&self, correlation: String, causation: Option<EventId>) -> Write {
        let context = CallContext { causation, ..CallContext::service("notifier", correlation) };
        let work = Work::until(self.system.clock().instant() + limits::CALL_DEADLINE);
        Write::new(work, self.system.stamp(), context)
    }
}
