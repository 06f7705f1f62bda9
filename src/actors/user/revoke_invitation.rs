//! Revokes an invitation.

use std::{sync::Arc, time::Duration};

use super::{UserContext, writes};
use crate::{
    domain::{audit::AuditRecord, user::actions::UserAction},
    persistence::{Decision, Tx, refuse, tables::invitation},
    supervision::Command,
    types::{Call, Failure, id::InvitationId, limits},
};

/// Revokes an invitation; its code is void.
#[derive(Debug, Clone, Copy)]
pub struct RevokeInvitation {
    pub id: InvitationId,
}

/// No invitation has this id, or it has expired.
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
    // Before the invited person's key is erased, because the entry's personal fields are sealed with it.
    let detail = format!("invitation={}", found.id);
    tx.audit(AuditRecord::done(UserAction::RevokeInvitation, found.invited()).detail(detail))?;
    writes::drop_invitation(tx, &found)?;
    Ok(())
}
