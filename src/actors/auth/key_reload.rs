//! Reads the signing keys again when another process has rotated them: each process signs and verifies with its own
//! parsed copy, so every one of them does this, without a lease.

use std::{sync::Arc, time::Duration};

use super::{Auth, AuthContext, keys};
use crate::{
    supervision::{Next, TaskCx, Worker},
    types::Fault,
};

/// The time between two looks. A new key is published for longer before it signs.
const EVERY: Duration = Duration::from_secs(60);

/// The worker.
pub struct KeyReload {
    context: Arc<AuthContext>,
}

impl KeyReload {
    /// A worker for the keys of `auth`.
    pub fn new(auth: &Auth) -> Self {
        Self { context: Arc::clone(auth.context()) }
    }
}

impl Worker for KeyReload {
    const KIND: &'static str = "key_reload";

    async fn run(&mut self, _: &TaskCx) -> Result<Next, Fault> {
        keys::reload(&self.context).await?;
        Ok(Next::Within(EVERY))
    }
}
