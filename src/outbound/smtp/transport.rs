//! Sends one mail over a kept connection or a new one. Each step has a name; all steps together have one time limit. A
//! connection whose answer was not read to its end is closed, because a late answer would be read as the answer to the
//! next mail.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use futures::future::BoxFuture;
use lettre::transport::smtp::{
    Error as LettreFault,
    authentication::{Credentials, Mechanism},
    client::{AsyncSmtpConnection, Certificate, TlsParameters},
    commands::{Data, Mail, Rcpt, Rset},
    extension::ClientId,
    response::Response,
};
use tokio::time::timeout;

use super::{Security, SmtpServer, message};
use crate::{
    outbound::mail::{Exchange, MailTransport, OutgoingMail},
    types::{
        Clock, limits,
        provider_answer::{ProviderAnswer, SmtpStep},
    },
};

/// The server has most likely closed a kept connection that was idle for longer.
const IDLE_MAX: Duration = Duration::from_secs(30);
/// The most mails per connection. Servers limit it; 50 is below the usual limits.
const MAILS_PER_CONNECTION: u32 = 50;

/// The first line of a certificate (RFC 7468 section 5).
const PEM_BEGIN: &[u8] = b"-----BEGIN CERTIFICATE-----";

/// The settings of a transport.
pub struct SmtpSettings {
    pub url: SmtpServer,
    /// The longest time for one mail.
    pub timeout: Duration,
    /// The name sent with `EHLO`: the domain of the sender.
    pub hello: String,
    /// Certificates (PEM) to trust in addition to the public ones, for a private server.
    pub extra_roots: Option<Vec<u8>>,
}

impl SmtpSettings {
    /// Checks that the certificates can be used; opens no connection.
    pub fn check(&self) -> Result<(), SmtpFault> {
        self.tls().map(|_| ())
    }

    fn tls(&self) -> Result<TlsParameters, SmtpFault> {
        let fault = |fault: LettreFault| SmtpFault(fault.to_string());
        let mut tls = TlsParameters::builder(self.url.host.clone());
        if let Some(pem) = &self.extra_roots {
            // The parser skips what is no certificate, and accepts a file without any.
            if !pem.windows(PEM_BEGIN.len()).any(|bytes| bytes == PEM_BEGIN) {
                return Err(SmtpFault("the file holds no certificate (PEM)".to_owned()));
            }
            tls = tls.add_root_certificate(Certificate::from_pem(pem).map_err(fault)?);
        }
        tls.build().map_err(fault)
    }
}

/// The reason that a transport cannot be created.
#[derive(Debug, thiserror::Error)]
#[error("the mail server's settings are not usable: {0}")]
pub struct SmtpFault(String);

/// Mail by SMTP.
pub struct SmtpTransport {
    settings: SmtpSettings,
    tls: TlsParameters,
    clock: Arc<dyn Clock>,
    idle: Mutex<Vec<Kept>>,
}

struct Kept {
    connection: AsyncSmtpConnection,
    since: Instant,
    mails: u32,
}

/// A conversation in progress: its step and its lines so far.
struct Talk {
    step: SmtpStep,
    said: Vec<String>,
}

impl Talk {
    fn say(&mut self, line: impl Into<String>) {
        self.said.push(format!("> {}", line.into()));
    }

    /// Records the answer to a command.
    fn answered(&mut self, result: Result<Response, LettreFault>) -> Result<Response, ProviderAnswer> {
        let response = result.map_err(|fault| self.failed(&fault))?;
        for line in response.message() {
            self.said.push(format!("< {} {}", u16::from(response.code()), one_line(line)));
        }
        Ok(response)
    }

    /// The provider answer of a failed command.
    fn failed(&mut self, fault: &LettreFault) -> ProviderAnswer {
        let source = std::error::Error::source(fault).map(ToString::to_string).unwrap_or_default();
        let answer = match fault.status() {
            Some(code) => ProviderAnswer::refused(self.step, u16::from(code), &source),
            None if fault.is_client() => ProviderAnswer::broken(self.step, &format!("{fault} {source}")),
            None => ProviderAnswer::broken(self.step, if source.is_empty() { "no sensible answer" } else { &source }),
        };
        self.said.push(match fault.status() {
            Some(code) => format!("< {code} {}", one_line(&source)),
            None => format!("! {answer}"),
        });
        answer
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(limits::ANSWER_TEXT_MAX).collect()
}

impl SmtpTransport {
    /// Checks the settings; opens no connection.
    pub fn new(settings: SmtpSettings, clock: Arc<dyn Clock>) -> Result<Self, SmtpFault> {
        let tls = settings.tls()?;
        Ok(Self { settings, tls, clock, idle: Mutex::new(Vec::new()) })
    }

    async fn hand_over(&self, mail: &OutgoingMail, talk: &mut Talk) -> ProviderAnswer {
        let message = match message::write(mail) {
            Ok(message) => message,
            Err(text) => return ProviderAnswer::Unfit { text },
        };
        let mut kept = match self.take(talk).await {
            Some(kept) => kept,
            None => match self.connect(talk).await {
                Ok(connection) => Kept { connection, since: self.clock.instant(), mails: 0 },
                Err(answer) => return answer,
            },
        };
        match submit(&mut kept.connection, mail, &message, talk).await {
            Ok(response) => {
                self.keep(kept);
                ProviderAnswer::taken(&response.message().collect::<Vec<_>>().join(" "))
            }
            Err(answer) => {
                // After the refusal of one mail the connection may be kept; after 421 the server closes it.
                if matches!(answer, ProviderAnswer::Refused { code, .. } if code != 421)
                    && kept.connection.command(Rset).await.is_ok()
                {
                    self.keep(kept);
                }
                answer
            }
        }
    }

    /// A kept connection that still works.
    async fn take(&self, talk: &mut Talk) -> Option<Kept> {
        loop {
            let mut kept = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
            let idle = self.clock.instant().saturating_duration_since(kept.since);
            if idle < IDLE_MAX && kept.mails < MAILS_PER_CONNECTION && kept.connection.test_connected().await {
                talk.said.push("(over a connection that was kept)".to_owned());
                return Some(kept);
            }
        }
    }

    fn keep(&self, kept: Kept) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < limits::SMTP_IDLE_CONNECTIONS && !kept.connection.has_broken() {
            idle.push(Kept { since: self.clock.instant(), mails: kept.mails + 1, ..kept });
        }
    }

    async fn connect(&self, talk: &mut Talk) -> Result<AsyncSmtpConnection, ProviderAnswer> {
        let url = &self.settings.url;
        let hello = ClientId::Domain(self.settings.hello.clone());
        let first = match url.security {
            Security::Tls => Some(self.tls.clone()),
            Security::Plain | Security::Opportunistic | Security::StartTls => None,
        };
        talk.step = SmtpStep::Connect;
        talk.said.push(format!("(to {} port {}{})", url.host, url.port, if first.is_some() { ", TLS" } else { "" }));
        talk.say(format!("EHLO {}", self.settings.hello));
        let limit = Some(self.settings.timeout);
        let mut connection =
            AsyncSmtpConnection::connect_tokio1((url.host.as_str(), url.port), limit, &hello, first, None)
                .await
                .map_err(|fault| talk.failed(&fault))?;
        talk.said.push(format!("< 250 {}", one_line(connection.server_info().name())));
        let upgrade = match url.security {
            Security::StartTls => true,
            Security::Opportunistic => connection.can_starttls(),
            Security::Plain | Security::Tls => false,
        };
        if upgrade {
            talk.step = SmtpStep::StartTls;
            talk.say("STARTTLS");
            connection.starttls(self.tls.clone(), &hello).await.map_err(|fault| talk.failed(&fault))?;
            talk.said.push("(encrypted)".to_owned());
        }
        if let Some((user, password)) = &url.credentials {
            talk.step = SmtpStep::Authenticate;
            if !connection.is_encrypted() && !is_loopback(&url.host) {
                return Err(ProviderAnswer::broken(
                    talk.step,
                    "the password is not sent over a connection without TLS",
                ));
            }
            talk.say(format!("AUTH as {} ***", one_line(user)));
            let credentials = Credentials::new(user.clone(), password.reveal().to_owned());
            let response = connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials).await;
            talk.answered(response)?;
        }
        Ok(connection)
    }
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

async fn submit(
    connection: &mut AsyncSmtpConnection,
    mail: &OutgoingMail,
    message: &lettre::Message,
    talk: &mut Talk,
) -> Result<Response, ProviderAnswer> {
    let envelope = message.envelope();
    talk.step = SmtpStep::Sender;
    talk.say(format!("MAIL FROM:<{}>", mail.from.address.as_str()));
    let response = connection.command(Mail::new(envelope.from().cloned(), vec![])).await;
    talk.answered(response)?;
    talk.step = SmtpStep::Recipient;
    for address in envelope.to() {
        talk.say(format!("RCPT TO:<{}>", mail.to.as_str()));
        let response = connection.command(Rcpt::new(address.clone(), vec![])).await;
        talk.answered(response)?;
    }
    talk.step = SmtpStep::Content;
    talk.say("DATA");
    let response = connection.command(Data).await;
    talk.answered(response)?;
    let bytes = message.formatted();
    talk.say(format!("({} bytes)", bytes.len()));
    let response = connection.message(&bytes).await;
    talk.answered(response)
}

impl MailTransport for SmtpTransport {
    fn name(&self) -> &'static str {
        "smtp"
    }

    fn send<'a>(&'a self, mail: &'a OutgoingMail) -> BoxFuture<'a, Exchange> {
        Box::pin(async move {
            let mut talk = Talk { step: SmtpStep::Connect, said: Vec::new() };
            // lettre's timeout does not cover a server that accepts the connection and sends nothing. Dropping the
            // future closes its connection.
            let answer = match timeout(self.settings.timeout, self.hand_over(mail, &mut talk)).await {
                Ok(answer) => answer,
                Err(_) => {
                    talk.said.push("! no answer in time".to_owned());
                    ProviderAnswer::Silent { step: talk.step }
                }
            };
            Exchange { answer, conversation: talk.said }
        })
    }
}

#[cfg(test)]
#[path = "transport_tests.rs"]
mod tests;
