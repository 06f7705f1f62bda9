//! `majordomo config explain [KEY]`

use clap::Args;

use super::{CliFailure, CliSettings, Terminal};
use crate::config::{Config, LoadedConfig, print};

/// The key to explain.
#[derive(Debug, Args)]
pub(in crate::cli) struct Explain {
    /// A key or a section, e.g. auth.token.lifetime
    key: Option<String>,
}

impl Explain {
    /// Works with wrong settings too, because they are a reason to use it.
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let Some(key) = &self.key else { return terminal.print(print::every_key()) };
        let loaded = Config::read(&settings.sources(Vec::new())).unwrap_or_else(|_| {
            terminal.note("note: the settings are wrong (see `majordomo config check`); shown is the default");
            LoadedConfig::defaults()
        });
        match print::explain(&loaded, key) {
            Ok(text) => terminal.print(text),
            Err(unknown) => {
                let lists = || "`majordomo config explain` lists the keys".to_owned();
                let fix = unknown.meant.map_or_else(lists, |meant| format!("did you mean {meant}?"));
                Err(CliFailure::Usage(format!("{key}: no such key; {fix}")))
            }
        }
    }
}
