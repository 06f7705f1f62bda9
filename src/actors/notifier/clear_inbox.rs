//! Empties the development inbox; each start in production does so.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::context::NotifierContext;
use crate::{
    persistence::{Write, tables::inbox},
    supervision::Command,
    types::{Call, Failure, limits},
};

/// Removes every mail of the development inbox.
#[derive(Debug, Clone, Copy)]
pub struct ClearInbox;

impl Command<NotifierContext> for ClearInbox {
    type Answer = ();
    type Refusal = Infallible;
    const KIND: &'static str = "clear_inbox";
    /// A full inbox takes several commits.
    const DEADLINE: Duration = limits::WRITER_LOST;

    async fn run(self, context: Arc<NotifierContext>, call: Call) -> Result<(), Failure<Infallible>> {
        loop {
            let write = Write::of(&call, context.system.stamp()).reclaim();
            if context.store.write(write, inbox::remove_all).await? == 0 {
                return Ok(());
            }
        }
    }
}
