//! `majordomo actors`: the actor tree of the running server; `top.rs` beside this folder shows it live.
//!
//! Owns: the reading of the ops listener and the form of the tree. Must not know: actors themselves. Begin with
//! `sample.rs` (what is read), then `view.rs` (what is shown).

pub(super) mod sample;
pub(super) mod view;

use clap::Args;

use self::sample::ActorSample;
use super::{CliFailure, CliSettings, Terminal, client::ControlClient, record_form::RecordForm};

/// The form of the output.
#[derive(Debug, Args)]
pub(super) struct Actors {
    #[command(flatten)]
    form: RecordForm,
}

impl Actors {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let client = ControlClient::of(&settings.read(terminal)?.config)?;
        let sample = super::client::runtime()?.block_on(ActorSample::read(&client))?;
        if self.form.is_json() {
            return sample.records.iter().try_for_each(|record| terminal.print(format_args!("{record}\n")));
        }
        print(&sample, None, terminal)
    }
}

/// Prints the whole view once.
pub(super) fn print(now: &ActorSample, before: Option<&ActorSample>, terminal: &Terminal) -> Result<(), CliFailure> {
    let view = view::of(now, before);
    let mut text = String::new();
    for line in view.heading.iter().chain([&Default::default()]).chain(&view.tree) {
        text.push_str(&line.painted(terminal.results));
        text.push('\n');
    }
    terminal.print(text)
}
