//! Locks, disables or reactivates a user.

use std::{sync::Arc, time::Duration};

use super::{
    UserContext,
    writes::{self, UserVersionRefusal},
};
use crate::{
    actors::{auth::writes::end_all_sessions, otp::writes::void_codes_of},
    domain::{
        auth::SessionEnd,
        user::{
            Status, User,
            transition::{self, StatusChange},
        },
    },
    persistence::{Decision, Tx, refuse},
    supervision::Command,
    types::{Call, ExpectedVersion, Failure, id::UserId, limits},
};

/// Changes a user's status. A status that forbids sign-ins ends all sessions and valid codes in the same commit.
/// Answers the user; writes nothing if the status is the same.
#[derive(Debug, Clone)]
pub struct ChangeStatus {
    pub user: UserId,
    /// The status after the change.
    pub to: Status,
    /// The versions of the user at which the change is allowed.
    pub from: ExpectedVersion,
}

/// The reason why the status is not changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangeStatusRefusal {
    /// There is no such user, or no such version.
    Version(UserVersionRefusal),
    /// The user's present status does not allow the change.
    NotFrom(Status),
    /// The change would remove the last administrator.
    LastAdmin,
}

impl From<UserVersionRefusal> for ChangeStatusRefusal {
    fn from(refusal: UserVersionRefusal) -> Self {
        Self::Version(refusal)
    }
}

impl Command<UserContext> for ChangeStatus {
    type Answer = User;
    type Refusal = ChangeStatusRefusal;
    const KIND: &'static str = "change_status";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<UserContext>, call: Call) -> Result<User, Failure<ChangeStatusRefusal>> {
        context.store.decide(context.write(&call).reclaim(), move |tx| commit(tx, &self)).await
    }
}

fn commit(tx: &mut Tx<'_>, command: &ChangeStatus) -> Decision<User, ChangeStatusRefusal> {
    let found = writes::find_expected(tx, (command.user, &command.from))?;
    if found.status == command.to {
        return Ok(found);
    }
    let Some(way) = transition::command_for(found.status, command.to) else {
        return refuse(ChangeStatusRefusal::NotFrom(found.status));
    };
    let to = match transition::of_user(&found, way) {
        Err(no_way) => return refuse(ChangeStatusRefusal::NotFrom(no_way.from)),
        Ok(StatusChange::Unchanged) => return refuse(ChangeStatusRefusal::NotFrom(found.status)),
        Ok(StatusChange::Opened { to }) => to,
        Ok(StatusChange::Ended { to }) => {
            if writes::is_last_admin(tx, found.id)? {
                return refuse(ChangeStatusRefusal::LastAdmin);
            }
            end_all_sessions(tx, found.id, SessionEnd::Administrator)?;
            void_codes_of(tx, found.id)?;
            to
        }
    };
    Ok(writes::give_status(tx, found, to)?)
}
