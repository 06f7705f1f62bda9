//! `majordomo store compact`

use std::{sync::Arc, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::{CliFailure, Terminal, client, offline::Offline, record_form::RecordForm};
use crate::{
    app::storage,
    config::Config,
    persistence::{
        KeyLoss,
        swap::{SwapReason, Swapped},
        upkeep::Upkeep,
    },
    types::limits,
};

/// The longest time in which the running server compacts its tree.
const TIMEOUT: Duration = Duration::from_hours(12);
/// Between two looks at the progress.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// The form of the result.
#[derive(Debug, Args)]
pub(super) struct StoreCompact {
    #[command(flatten)]
    form: RecordForm,
}

impl StoreCompact {
    pub(super) fn run(&self, config: &Config, terminal: &Terminal) -> Result<(), CliFailure> {
        let line = Arc::new(terminal.progress("compacting", storage::environment().clock));
        let answer = std::thread::scope(|scope| {
            let asking = scope.spawn(|| client::ask_running(config, "/store/compact", &json!({}), TIMEOUT));
            while !asking.is_finished() {
                std::thread::park_timeout(LOOK_EVERY);
                // A failure is that of the request itself, which reports it.
                if let Ok(Some(health)) = client::read_running(config, "/health/store", limits::CLIENT_TIMEOUT)
                    && let Some(percent) = health.pointer("/details/treeSwaps/running/percent").and_then(Value::as_u64)
                {
                    line.show(format_args!("{percent} %"));
                }
            }
            asking.join()
        });
        let asked = answer.map_err(|_| CliFailure::Fault("the request to the server panicked".to_owned()))?;
        let record = match asked? {
            Some(record) => record,
            None => offline(config, terminal)?,
        };
        drop(line);
        let bytes = |name| record.get(name).and_then(Value::as_u64).unwrap_or_default();
        let (before, after) = (bytes("bytesBefore"), bytes("bytesAfter"));
        self.form.print(terminal, &record, format_args!("the tree had {before} bytes and has {after} bytes\n"))
    }
}

/// Compacts a store that no server has open.
fn offline(config: &Config, terminal: &Terminal) -> Result<Value, CliFailure> {
    let store = Offline::open(config, KeyLoss::Refuse, terminal)?;
    let upkeep = store.store().upkeep().cloned().filter(Upkeep::keeps_tree);
    let swapped = upkeep.map(|upkeep| upkeep.swap_tree(SwapReason::Compaction, &|| false));
    store.close();
    match swapped {
        Some(Ok(Swapped { bytes_before, bytes_after, took, .. })) => {
            let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
            Ok(json!({ "bytesBefore": bytes_before, "bytesAfter": bytes_after, "tookMs": took_ms }))
        }
        Some(Err(error)) => {
            let fix = "check the free space of the disk, and run `majordomo store check`";
            Err(CliFailure::fault(config.store.path.display(), error, fix))
        }
        None => {
            Err(CliFailure::Fault("a tree in memory has no file; set store.engine to \"sled\" or \"redb\"".to_owned()))
        }
    }
}
