//! `majordomo config check [--production]`

use clap::Args;

use super::{CliFailure, CliSettings, Terminal};
use crate::{
    app,
    config::{Config, LoadedConfig, Mode, deviations, refusals},
};

/// The checks to run.
#[derive(Debug, Args)]
pub(in crate::cli) struct ConfigCheck {
    /// Also list what production would refuse, and the deviations from NIST SP 800-63B and OWASP ASVS
    #[arg(long)]
    production: bool,
}

impl ConfigCheck {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let sources = settings.sources(Vec::new());
        let source = sources.file.as_ref().map_or_else(|| "no file".to_owned(), |file| file.display().to_string());
        if self.production {
            let loaded = Config::read(&sources)?;
            terminal.warn(&loaded.warnings);
            files(&loaded.config)?;
            return production(&loaded, &source, terminal);
        }
        let loaded = Config::load(&sources)?;
        terminal.warn(&loaded.warnings);
        files(&loaded.config)?;
        terminal.print(format_args!("{source}: nothing is wrong\n"))
    }
}

/// Opens the files that the settings name: pepper and certificates.
fn files(config: &Config) -> Result<(), CliFailure> {
    app::check_files(config).map_err(|error| CliFailure::Usage(error.to_string()))
}

fn production(loaded: &LoadedConfig, source: &str, terminal: &Terminal) -> Result<(), CliFailure> {
    let refused = refusals(loaded, Mode::Production);
    for refusal in &refused {
        terminal.print(format_args!("refused: {refusal}\n"))?;
    }
    for deviation in deviations(&loaded.config) {
        terminal.print(format_args!("deviates: {deviation}\n"))?;
    }
    if refused.is_empty() {
        match loaded.config.mode {
            Mode::Production => {}
            Mode::Development => terminal.print("the mode is development: set mode = \"production\"\n")?,
        }
        return terminal.print(format_args!("{source}: production would start\n"));
    }
    terminal.print(format_args!("{source}: production would not start ({} refused)\n", refused.len()))?;
    Err(CliFailure::Found)
}
