//! Rotates the signing keys on an operator's command.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{
    AuthContext,
    keys::{self, KeyState},
};
use crate::{
    domain::auth::key_rotation::Urgency,
    supervision::Command,
    types::{Call, Failure, limits},
};

/// Rotates the signing keys.
#[derive(Debug, Clone, Copy)]
pub struct RotateKeys {
    pub urgency: Urgency,
}

impl Command<AuthContext> for RotateKeys {
    /// All keys after the rotation.
    type Answer = Vec<KeyState>;
    type Refusal = Infallible;
    const KIND: &'static str = "rotate_keys";
    const DEADLINE: Duration = limits::HASHING_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<Vec<KeyState>, Failure<Infallible>> {
        keys::advance(&context, context.write(&call), self.urgency).await?;
        Ok(keys::states(&context.store).await?)
    }
}
