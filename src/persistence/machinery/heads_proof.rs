//! The heads of the logs as checkpoint and journal prove them, independent of any tree.

use std::path::Path;

use super::{
    Lsn, Operation,
    checkpoint::{StoredHead, StoredHeads},
    checksum,
    engine::EngineError,
    fs::Fs,
    journal::{
        JournalProblem,
        recover::{self, Span},
    },
    log::{Log, LogHead},
    reader::TxFault,
};

/// Why the heads are not known from the journal.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The journal could not be read.
    #[error(transparent)]
    Journal(#[from] JournalProblem),
    /// A row of a log could not be read.
    #[error(transparent)]
    Row(#[from] TxFault),
}

impl From<ProofError> for TxFault {
    fn from(error: ProofError) -> Self {
        match error {
            ProofError::Journal(problem) => Self::Engine(problem.to_string()),
            ProofError::Row(fault) => fault,
        }
    }
}

/// The heads of `logs` after commit `upto`, from those of a checkpoint and the commits after it; `None` for a log that
/// the checkpoint does not have.
fn proven(
    (fs, journal): (&dyn Fs, &Path),
    stored: &StoredHeads,
    upto: Lsn,
    logs: &[&Log],
) -> Result<Vec<Option<StoredHead>>, ProofError> {
    let mut heads: Vec<_> = logs.iter().map(|log| stored.logs.get(log.name).cloned()).collect();
    if heads.iter().all(Option::is_none) {
        return Ok(heads);
    }
    let span = Span { after: Lsn(stored.lsn), upto };
    let replayed = recover::replay(fs, journal, span, |frame| -> Result<(), ProofError> {
        for operation in frame.batch.0 {
            let Operation::Put { key, mut value } = operation else { continue };
            let of_log = logs.iter().zip(&mut heads).find_map(|(log, head)| {
                let (number, head) = (log.number(&key)?, head.as_mut()?);
                (number > head.number).then_some((log, head))
            });
            let Some((log, head)) = of_log else { continue };
            checksum::strip(&key, &mut value).map_err(|value| TxFault::from(EngineError::from(value)))?;
            *head = StoredHead::of(log.head_at(&key, &value)?);
        }
        Ok(())
    });
    match replayed {
        Ok(()) => Ok(heads),
        // The segments after an old checkpoint may have been removed.
        Err(ProofError::Journal(JournalProblem::Missing { .. })) => Ok(vec![None; logs.len()]),
        Err(error) => Err(error),
    }
}

/// Compares the heads of a tree that has all commits up to `upto`, in the order of `logs`, with the proven ones;
/// returns the first difference, for operators.
pub(super) fn difference(
    journal: (&dyn Fs, &Path),
    stored: &StoredHeads,
    upto: Lsn,
    (logs, heads): (&[&Log], &[LogHead]),
) -> Result<Option<String>, ProofError> {
    for ((log, head), proven) in logs.iter().zip(heads).zip(proven(journal, stored, upto, logs)?) {
        if let Some(proven) = proven.filter(|proven| *proven != StoredHead::of(*head)) {
            return Ok(Some(if proven.number == head.number {
                format!("the last row of the log {} is another one than its checkpoint says", log.name)
            } else {
                format!("the log {} ends with row {}, not with row {}", log.name, head.number, proven.number)
            }));
        }
    }
    Ok(None)
}
