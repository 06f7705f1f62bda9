//! `majordomo notify ...`

use clap::{Args, Subcommand, ValueEnum};

use serde_json::json;

use super::{CliFailure, CliSettings, Terminal, client, offline::Offline};
use crate::{
    actors::notifier::{resume_sending, try_mail},
    app::storage,
    config::Config,
    persistence::KeyLoss,
    types::{self, EmailAddress, limits, provider_answer::ProviderAnswer},
};

#[derive(Debug, Subcommand)]
pub(super) enum NotifyCommand {
    /// Send one message without the queue and print the conversation with the provider; needs no server
    Test(Test),
    /// Resume sending of a store that was restored from a snapshot, with the server running or stopped
    Resume(Resume),
}

/// No arguments.
#[derive(Debug, Args)]
pub(super) struct Resume {}

/// The channel and the recipient.
#[derive(Debug, Args)]
pub(super) struct Test {
    /// The channel to test
    #[arg(long, value_enum)]
    channel: Channel,
    /// The recipient's address
    #[arg(long, value_name = "ADDRESS", value_parser = address)]
    to: EmailAddress,
}

/// The supported channels.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Channel {
    Email,
}

fn address(text: &str) -> Result<EmailAddress, String> {
    EmailAddress::parse(text).map_err(|invalid| invalid.to_string())
}

impl NotifyCommand {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let config = settings.read(terminal)?.config;
        match self {
            Self::Test(test) => test.run(&config, terminal),
            Self::Resume(Resume {}) => resume(&config, terminal),
        }
    }
}

impl Test {
    fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        match self.channel {
            Channel::Email => self.email(config, terminal),
        }
    }

    fn email(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let environment = storage::environment();
        let stamp = types::clock::stamp(environment.clock.as_ref(), environment.entropy.as_ref());
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| CliFailure::no_runtime(&error))?;
        let trial = try_mail(&config.notify.email, &self.to, stamp, environment.clock);
        let exchange = runtime.block_on(trial).map_err(|fault| CliFailure::Usage(fault.to_string()))?;
        let exchange = exchange.ok_or_else(|| CliFailure::Usage(NO_SERVER.to_owned()))?;
        for line in &exchange.conversation {
            terminal.print(format_args!("{line}\n"))?;
        }
        match &exchange.answer {
            ProviderAnswer::Taken { .. } => {
                terminal.print(format_args!("the mail to {} is {}\n", self.to.as_str(), exchange.answer))
            }
            ProviderAnswer::Refused { .. }
            | ProviderAnswer::Silent { .. }
            | ProviderAnswer::Broken { .. }
            | ProviderAnswer::Unfit { .. } => {
                let fix = "check notify.email.smtp_url (server, port, user, password) and notify.email.from";
                Err(CliFailure::fault("the mail was not taken", &exchange.answer, fix))
            }
        }
    }
}

fn resume(config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
    let answer = client::ask_running(config, "/notifications/resume", &json!({}), limits::CLIENT_TIMEOUT)?;
    let resumed = match answer {
        Some(answer) => answer.get("resumed").and_then(serde_json::Value::as_bool).unwrap_or(false),
        None => resume_offline(config, terminal)?,
    };
    let (now, before) = ("sending goes on\n", "nothing to do: sending is not held back\n");
    terminal.print(if resumed { now } else { before })
}

fn resume_offline(config: &Config, terminal: &Terminal) -> Result<bool, CliFailure> {
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let resumed = store.wait(resume_sending(store.store(), store.write("notify resume")));
    let resumed = resumed.map_err(|fault| CliFailure::of_store("resuming the sending", store.dir(), fault));
    store.close();
    resumed
}

const NO_SERVER: &str = "no mail server is configured: notify.email.transport is \"inbox\", which keeps mail in the \
                         store; set it to \"smtp\", with notify.email.smtp_url and notify.email.from";
