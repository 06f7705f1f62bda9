//! The heads of the logs: an appended entry gets its number and hash when a commit's frame is made, so that no closure
//! sees them.

use crate::persistence::machinery::{
    Batch, Operation,
    catalog::StoreCatalog,
    keyring::Keyring,
    log::{Appended, Log, LogHead},
    reader::{Reader, TxFault},
};

/// The head of every log after the last commit of a group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogHeads {
    /// In the order of the catalog.
    heads: Vec<LogHead>,
}

impl LogHeads {
    /// The heads of the stored logs.
    pub(crate) fn read(reader: &impl Reader, catalog: &StoreCatalog) -> Result<Self, TxFault> {
        let heads = catalog.logs.iter().map(|log| log.read_head(reader)).collect::<Result<_, _>>()?;
        Ok(Self { heads })
    }

    /// The heads, in the order of the catalog.
    pub(crate) fn all(&self) -> &[LogHead] {
        &self.heads
    }

    /// Adds the rows of the appended entries to `batch`. If it fails, no number is used.
    pub(crate) fn number(
        &mut self,
        (logs, ring): (&[&'static Log], &Keyring),
        appended: Vec<Appended>,
        batch: &mut Batch,
    ) -> Result<(), TxFault> {
        let mut next = self.heads.clone();
        for Appended { tag, body } in appended {
            let found = logs.iter().zip(&mut next).find(|(log, _)| log.tag == tag);
            let (log, head) = found.ok_or_else(|| TxFault::Check(format!("there is no log of the byte {tag:02x}")))?;
            let (after, row) = log.append(ring, *head, body)?;
            *head = after;
            batch.0.push(Operation::Put { key: log.place(after.number), value: row });
        }
        self.heads = next;
        Ok(())
    }
}
