//! The flags of every command.

use std::path::PathBuf;

use clap::Args;

use super::{CliFailure, Terminal};
use crate::config::{Config, FlagSetting, LoadedConfig, Sources};

/// The sources of the settings.
#[derive(Debug, Args)]
pub(super) struct CliSettings {
    /// The settings file
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Set one key, e.g. --set log.level=debug; may be repeated
    #[arg(long, global = true, value_name = "KEY=VALUE", value_parser = assignment)]
    set: Vec<(String, String)>,
}

fn assignment(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, e.g. log.level=debug")?;
    if key.is_empty() {
        return Err("a key is missing before '='".to_owned());
    }
    Ok((key.to_owned(), value.to_owned()))
}

impl CliSettings {
    /// The file of `--config`.
    pub(super) fn file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// The sources of this process, and the flags of a command.
    pub(super) fn sources(&self, more: Vec<FlagSetting>) -> Sources {
        let set = self.set.iter().map(|(key, value)| FlagSetting {
            flag: "--set".to_owned(),
            key: key.clone(),
            value: value.clone(),
        });
        Sources::of_process(self.config.clone(), set.chain(more).collect())
    }

    /// The settings, for a command that reads them and starts nothing.
    pub(super) fn read(&self, terminal: &Terminal) -> Result<LoadedConfig, CliFailure> {
        let loaded = Config::read(&self.sources(Vec::new()))?;
        terminal.warn(&loaded.warnings);
        Ok(loaded)
    }
}
