//! `majordomo serve`

use std::convert::Infallible;

use clap::Args;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{CliFailure, CliSettings, Terminal, process, terminal::ProgressLine};
use crate::{
    app::{AdministratorPresence, App, storage},
    config::{Config, MailTransportChoice, Mode, tighten},
    persistence::migrations::MIGRATIONS,
    telemetry::{
        log::{self, LogSwitch},
        starting::StartPhase,
    },
};

/// Runs the server until SIGTERM, SIGINT or SIGHUP. A second signal closes the store without waiting for requests.
#[derive(Debug, Args)]
pub(super) struct Serve {}

impl Serve {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let loaded = Config::load(&settings.sources(Vec::new()))?;
        terminal.warn(&loaded.warnings);
        let config = &loaded.config;
        let log = log::install(&config.log)
            .map_err(|error| CliFailure::fault("log.directory", error, "name a directory that this user can write"))?;
        process::raise_descriptor_limit();
        if config.mode == Mode::Production {
            tighten(&loaded).map_err(|error| CliFailure::Fault(error.to_string()))?;
        }
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| CliFailure::no_runtime(&error))?;
        runtime.block_on(serve(loaded.config, log, terminal))
    }
}

async fn serve(config: Config, log: LogSwitch, terminal: &Terminal) -> Result<(), CliFailure> {
    let fault = |error| CliFailure::fault("signals", error, "raise the limit of open files (`ulimit -n`)");
    let signals = Signals::listen().map_err(fault)?;
    let greeting = Greeting::of(&config);
    let app = App::bind(config, log, MIGRATIONS)?;
    let (public, ops) = (app.public(), app.ops());
    let shown = show_phases(app.phase(), terminal.progress("starting", storage::environment().clock));
    let started = |administrators| {
        // Standard output may be closed: the server runs without it.
        let _ = terminal.print(greeting.text(public, ops, administrators));
    };
    let (count, received) = watch::channel(0);
    let received = SignalCount(received);
    let running = app.run(started, received.clone().reach(1), received.reach(2));
    tokio::select! {
        ended = running => ended.map_err(CliFailure::from),
        never = signals.count(count) => match never {},
        never = shown => match never {},
    }
}

/// Shows the phases of the start on a terminal, until requests are served.
async fn show_phases(mut phase: watch::Receiver<StartPhase>, line: ProgressLine) -> Infallible {
    while phase.changed().await.is_ok() {
        line.show(*phase.borrow_and_update());
    }
    drop(line);
    std::future::pending().await
}

/// SIGTERM, SIGINT and SIGHUP. A terminal that closes sends SIGHUP, whose default action would end the process without
/// a shutdown.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if process::ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
            _ = hangup => {}
        }
    }

    /// Counts all signals from now on, even while no task waits: two pending signals of a kind are otherwise merged.
    async fn count(mut self, count: watch::Sender<u32>) -> Infallible {
        loop {
            self.next().await;
            count.send_modify(|count| *count += 1);
        }
    }
}

/// The number of received signals.
#[derive(Clone)]
struct SignalCount(watch::Receiver<u32>);

impl SignalCount {
    /// Resolves at the `count`th signal.
    async fn reach(mut self, count: u32) {
        // The counting task has ended, so no signal can request a stop.
        if self.0.wait_for(|received| *received >= count).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// The output once requests are served.
struct Greeting {
    mode: Mode,
    docs_public: bool,
    inbox: bool,
    store: String,
}

impl Greeting {
    fn of(config: &Config) -> Self {
        let inbox = config.mode == Mode::Development && config.notify.email.transport == MailTransportChoice::Inbox;
        let docs_public = config.mode == Mode::Development || config.edge.docs_public;
        Self { mode: config.mode, docs_public, inbox, store: config.store.path.display().to_string() }
    }

    fn text(
        &self,
        public: std::net::SocketAddr,
        ops: std::net::SocketAddr,
        administrators: AdministratorPresence,
    ) -> String {
        let mode = match self.mode {
            Mode::Development => "development",
            Mode::Production => "production",
        };
        let mut text = format!("majordomo {} in {mode} mode, store in {}\n", env!("CARGO_PKG_VERSION"), self.store);
        let docs = if self.docs_public { public } else { ops };
        text.push_str(&format!("public listener on http://{public}  (API page: http://{docs}/docs)\n"));
        text.push_str(&format!("ops listener on http://{ops}  (actors: http://{ops}/actors)\n"));
        if self.inbox {
            text.push_str(&format!("inbox: http://{public}/dev/inbox\n"));
        }
        match administrators {
            AdministratorPresence::Absent => {
                text.push_str("first administrator: majordomo user create-admin --email ADDRESS\n");
            }
            AdministratorPresence::Present => {}
        }
        text
    }
}
