//! Reads the signing keys again after another process has rotated them. Each process has its own parsed copy of the
//! keys, so the worker runs in every process, without a lease.

use std::{sync::Arc, time::Duration};

use super::{Auth, AuthContext, keys};
use crate::{
    supervision::{Next, TaskCx, Worker},
    types::Fault,
};

/// The interval between two reads. A new key is published for a longer time before it signs.
const EVERY: Duration = Duration::from_secs(60);

/// The worker that reloads the signing keys.
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
