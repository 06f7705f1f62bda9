//! What the flows of the notifier share.

use std::{
    collections::HashMap,
    fs,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::BoxFuture;

use super::{
    inbox::InboxTransport,
    render::{Brand, CodeOnMail, RenderFault, Renderer},
};
use crate::{
    actors::otp::{LiveCode, Otp},
    config,
    domain::{
        notification::{Breaker, DeliveryLane},
        otp::CodePurpose,
    },
    outbound::{
        mail::{MailTransport, Sender},
        smtp::{SmtpFault, SmtpServer, SmtpSettings, SmtpTransport},
    },
    persistence::{Store, Tx, TxFault, Verdict, Write, tables::notification},
    supervision::System,
    types::{
        CallContext, Clock, EmailAddress, Fault, Invalid, Timestamp, Work,
        id::{CodeId, DeliveryId, EventId, UserId},
        limits,
        provider_answer::ProviderAnswer,
    },
};

/// The name of the application where nobody gave one.
const HOUSE: &str = "Majordomo";
/// The sender in development, where no mail leaves the process.
const HOUSE_SENDER: &str = "no-reply@majordomo.localhost";

/// Who knows the digits of live codes.
pub trait CodeSource: Send + Sync + 'static {
    /// The digits of this very issue, as long as they may be used; `None`: they are void, used, or others took their
    /// place.
    fn reveal(
        &self,
        owner: UserId,
        purpose: CodePurpose,
        code: CodeId,
    ) -> BoxFuture<'_, Result<Option<CodeOnMail>, Fault>>;
}

impl CodeSource for Otp {
    fn reveal(
        &self,
        owner: UserId,
        purpose: CodePurpose,
        code: CodeId,
    ) -> BoxFuture<'_, Result<Option<CodeOnMail>, Fault>> {
        let live = Self::reveal(self, owner, purpose, code);
        let on_mail = |code: LiveCode| CodeOnMail { digits: code.digits, expires_at: code.expires_at };
        Box::pin(async move { Ok(live?.map(on_mail)) })
    }
}

/// Why the notifier cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum NotifierFault {
    /// A shipped template is wrong.
    #[error(transparent)]
    Template(#[from] RenderFault),
    /// The mail server's settings are not usable.
    #[error(transparent)]
    Smtp(#[from] SmtpFault),
    /// A key of the configuration.
    #[error("notify.email: {0}")]
    Setting(String),
}

impl From<Invalid> for NotifierFault {
    fn from(invalid: Invalid) -> Self {
        Self::Setting(invalid.to_string())
    }
}

/// How well mail goes out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotifierHealth {
    /// The transport: `inbox` or `smtp`.
    pub transport: &'static str,
    /// Whether nothing is sent because the store was restored, and nobody has said since that it may send.
    pub is_paused: bool,
    /// Since when nothing is sent because the provider failed; `None`: mail goes out.
    pub provider_failing_since: Option<Timestamp>,
    /// What the provider said, or did not say, last; `None` once it works again.
    pub last_failure: Option<String>,
    /// Deliveries that wait, counted to `limits::SCAN_MAX` in each lane.
    pub waiting: usize,
}

/// What is known of the provider; lost with the process, and learnt again.
#[derive(Default)]
pub(super) struct ProviderState {
    pub(super) breaker: Breaker,
    pub(super) failing_since: Option<Timestamp>,
    pub(super) last_failure: Option<String>,
    /// When the log last spoke of a failure.
    pub(super) told_at: Option<Timestamp>,
}

/// What the log is told of an exchange with the provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ProviderChange {
    /// Nothing new.
    Nothing,
    /// It fails, for the first time or still.
    Fails,
    /// It failed so often that nothing is sent for a while.
    Opened,
    /// It works again.
    Mended,
}

impl ProviderState {
    /// The provider, the way to it, or our account with it failed.
    pub(super) fn failed(&mut self, now: Timestamp, answer: &ProviderAnswer) -> ProviderChange {
        let was_open = self.breaker.is_open();
        self.breaker.failed(now);
        self.failing_since.get_or_insert(now);
        self.last_failure = Some(answer.to_string());
        let is_told = self.told_at.is_some_and(|at| now.since(at) < limits::PROVIDER_TOLD_EVERY);
        let told = match (self.breaker.is_open(), is_told) {
            (true, _) if !was_open => ProviderChange::Opened,
            (true | false, false) => ProviderChange::Fails,
            (true | false, true) => return ProviderChange::Nothing,
        };
        self.told_at = Some(now);
        told
    }

    /// It answered for itself, whatever it said of the recipient.
    pub(super) fn answered(&mut self) -> ProviderChange {
        self.breaker.succeeded();
        self.last_failure = None;
        // What was not told of need not be called off: a provider may well fail every other time.
        match self.failing_since.take() {
            Some(since) if self.told_at.is_some_and(|told_at| told_at >= since) => ProviderChange::Mended,
            Some(_) | None => ProviderChange::Nothing,
        }
    }
}

/// What the flows of the notifier work with. It outlives the actor's crashes.
pub struct NotifierContext {
    pub(super) system: System,
    pub(super) store: Store,
    pub(super) renderer: Renderer,
    pub(super) transport: Arc<dyn MailTransport>,
    pub(super) codes: Arc<dyn CodeSource>,
    pub(super) sender: Sender,
    pub(super) same_kind_every: Duration,
    /// The longest that the transport takes.
    pub(super) timeout: Duration,
    pub(super) inbox: InboxTransport,
    /// What takes text messages, if anything does.
    pub(super) texts: Option<InboxTransport>,
    in_hand: Mutex<HashMap<DeliveryId, DeliveryLane>>,
    provider: Mutex<ProviderState>,
}

impl NotifierContext {
    /// What `settings` say: the inbox, or mail by SMTP.
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

    /// With a transport of one's own, for tests.
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
            renderer: Renderer::new(Brand { app, app_url })?,
            same_kind_every: settings.email.same_kind_every,
            timeout: settings.email.timeout,
            transport,
            codes,
            sender,
            system,
            store,
            in_hand: Mutex::default(),
            provider: Mutex::default(),
        })
    }

    pub(super) fn in_hand(&self) -> MutexGuard<'_, HashMap<DeliveryId, DeliveryLane>> {
        self.in_hand.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn provider(&self) -> MutexGuard<'_, ProviderState> {
        self.provider.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn health(&self) -> Result<NotifierHealth, Fault> {
        let waiting = self.store.read(|view| notification::waiting(view))?;
        let provider = self.provider();
        let failing = provider.breaker.is_open();
        Ok(NotifierHealth {
            transport: self.transport.name(),
            is_paused: self.store.is_restored(),
            provider_failing_since: provider.failing_since.filter(|_| failing),
            last_failure: provider.last_failure.clone(),
            waiting,
        })
    }

    /// Commits a step of a delivery: it is the work of the service, because of the event that led to the notification.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        correlation: String,
        causation: Option<EventId>,
        f: impl Fn(&mut Tx<'_>) -> Result<Verdict<T>, TxFault> + Send + 'static,
    ) -> Result<T, Fault> {
        let context = CallContext { causation, ..CallContext::service("notifier", correlation) };
        let work = Work::until(self.system.clock().instant() + limits::CALL_DEADLINE);
        self.store.old_write(Write::new(work, self.system.stamp(), context), f).await
    }
}

/// The name that is configured, else the sender's, else the default.
fn app_name(email: &config::EmailConfig, sender: &Sender) -> String {
    let mut names = email.app_name.as_deref().into_iter().chain([sender.name.as_str()]);
    names.find(|name| !name.trim().is_empty()).unwrap_or(HOUSE).to_owned()
}

pub(super) fn sender(email: &config::EmailConfig) -> Result<Sender, NotifierFault> {
    match &email.from {
        Some(from) => Ok(Sender { name: from.name.clone(), address: from.address.clone() }),
        None => Ok(Sender { name: HOUSE.to_owned(), address: EmailAddress::parse(HOUSE_SENDER)? }),
    }
}

pub(super) fn smtp(email: &config::EmailConfig, clock: Arc<dyn Clock>) -> Result<SmtpTransport, NotifierFault> {
    let missing = || NotifierFault::Setting("transport is \"smtp\", and smtp_url is missing".to_owned());
    let url = SmtpServer::parse(email.smtp_url.as_ref().ok_or_else(missing)?.reveal())?;
    let extra_roots = match &email.ca_file {
        None => None,
        Some(path) => Some(
            fs::read(path).map_err(|error| NotifierFault::Setting(format!("ca_file {}: {error}", path.display())))?,
        ),
    };
    let hello = sender(email)?.address.domain().to_owned();
    Ok(SmtpTransport::new(SmtpSettings { url, timeout: email.timeout, hello, extra_roots }, clock)?)
}

#[cfg(test)]
mod tests {
    use super::{ProviderChange, ProviderState};
    use crate::types::{
        Timestamp,
        provider_answer::{ProviderAnswer, SmtpStep},
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn the_log_hears_of_the_first_failure_of_the_open_circuit_and_of_the_end_but_not_of_each() {
        let (mut provider, away) = (ProviderState::default(), ProviderAnswer::broken(SmtpStep::Connect, "refused"));
        let told: Vec<ProviderChange> = (0..6).map(|second| provider.failed(at(second), &away)).collect();
        use ProviderChange::{Fails, Mended, Nothing, Opened};
        assert_eq!(told, [Fails, Nothing, Nothing, Nothing, Opened, Nothing]);
        assert_eq!(provider.failed(at(65), &away), Fails, "a minute later it still does");
        assert_eq!(provider.last_failure.as_deref(), Some("broken at connect: refused"));
        assert_eq!(provider.answered(), Mended);
        assert_eq!((provider.answered(), provider.last_failure.take()), (Nothing, None));
        assert_eq!(provider.failed(at(70), &away), Nothing, "told of five seconds ago");
        assert_eq!(provider.answered(), Nothing);
    }
}
