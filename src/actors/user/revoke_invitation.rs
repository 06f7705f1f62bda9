//! Taking an invitation back.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    domain::{audit::AuditRecord, user::actions::UserAction},
    persistence::{Decision, Tx, refuse, tables::invitation},
    supervision::Command,
    types::{Call, Failure, id::InvitationId, limits},
};

/// Takes an invitation back: its code is void.
#[derive(Debug, Clone, Copy)]
pub struct RevokeInvitation {
    /// The invitation.
    pub id: InvitationId,
}

/// There is no such invitation, or its time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchInvitation;

impl Command<UserContext> for RevokeInvitation {
    type Answer = ();
    type Refusal = NoSuchInvitation;
    const KIND: &'static str = "revoke_invitation";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<(), Failure<NoSuchInvitation>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, self.id)).await
    }
}

fn commit(tx: &mut Tx<'_>, id: InvitationId) -> Decision<(), NoSuchInvitation> {
    let Some(found) = invitation::find(tx, id)?.filter(|found| found.is_live(tx.now())) else {
        return refuse(NoSuchInvitation);
    };
    // Before the guest's key is erased: the entry's personal fields are sealed under it.
    let detail = format!("invitation={}", found.id);
    tx.audit(AuditRecord::done(UserAction::RevokeInvitation, found.guest()).detail(detail))?;
    writes::drop_invitation(tx, &found)?;
    Ok(())
}
