//! Users and invitations.
//!
//! **Owns** the tables of users and invitations. **Wakes on** commands of its handle. **Promises** that addresses and
//! user names are unique by their normal form, and that an administrator always remains. **Loses on crash** nothing.
//!
//! Must not know: HTTP, the internals of sessions and codes. Begin with `change_status.rs`, a command from its struct
//! to its commit; `writes.rs` has the writes that several commands share.

mod change_roles;
mod change_status;
mod create_admin;
mod end_sessions;
mod end_sessions_of_user;
mod grant;
mod invite;
mod note_access;
mod revoke_invitation;
mod set_password;
mod unlock;
pub(crate) mod writes;

use std::{sync::Arc, time::Duration};

pub use change_roles::{ChangeRoles, ChangeRolesRefusal};
pub use change_status::{ChangeStatus, ChangeStatusRefusal};
pub use create_admin::{CreateAdmin, CreateAdminRefusal};
pub use end_sessions::{EndSessions, NoSuchUser};
pub use end_sessions_of_user::{EndSessionsOfUser, UnknownUser};
pub use grant::{Grant, GrantRefusal};
pub use invite::{Invite, InviteRefusal};
pub use note_access::{AccessKind, NoteAccess};
pub use revoke_invitation::{NoSuchInvitation, RevokeInvitation};
pub use set_password::{SetPassword, SetPasswordRefusal};
pub use unlock::{Unlock, UnlockRefusal};
pub use writes::UserVersionRefusal;

use note_access::WrittenAccess;

use super::hasher::HasherPool;
use crate::{
    config,
    crypto::{identifier::IdentifierKey, password::SALT_BYTES},
    domain::{
        auth::password_policy::PasswordPolicy,
        user::{Invitation, User, UserFilter},
    },
    persistence::{
        Store, Write,
        tables::{invitation, user},
    },
    supervision::{Command, CommandActor, CommandContext, Handle, System},
    types::{
        Call, CallContext, Failure, Fault, Page, PageLimit,
        id::{InvitationId, UserId},
    },
};

/// The actor, which keeps no state and starts a job for each command.
pub type UserActor = CommandActor<UserContext>;

/// The context that the commands on users share.
pub struct UserContext {
    system: System,
    store: Store,
    hasher: HasherPool,
    password_policy: PasswordPolicy,
    /// Hashes the identifiers whose failed logins are counted.
    identifiers: IdentifierKey,
    invitations: InvitationRules,
    /// The accesses that have an entry of this hour.
    written: WrittenAccess,
}

/// The validity of an invitation, and the time until its address can be invited again.
#[derive(Debug, Clone, Copy)]
struct InvitationRules {
    lifetime: Duration,
    again_after: Duration,
}

impl CommandContext for UserContext {
    const KIND: &'static str = "UserActor";
}

impl UserContext {
    /// The context with the given settings.
    pub fn new(
        system: System,
        store: Store,
        hasher: HasherPool,
        identifiers: IdentifierKey,
        settings: &config::AuthConfig,
    ) -> Arc<Self> {
        let password_policy = PasswordPolicy::from(&settings.password);
        let invitations =
            InvitationRules { lifetime: settings.invitation_lifetime, again_after: settings.code.resend_after };
        Arc::new(Self {
            system,
            store,
            hasher,
            password_policy,
            identifiers,
            invitations,
            written: WrittenAccess::default(),
        })
    }

    /// The write of a transaction of `call`.
    fn write(&self, call: &Call) -> Write {
        Write::of(call, self.system.stamp())
    }

    fn salt(&self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        self.system.entropy().fill(&mut salt);
        salt
    }
}

/// The handle: runs commands by the actor, and reads the store itself. Cheap to clone.
#[derive(Clone)]
pub struct Users(Handle<UserContext>);

impl Users {
    /// The service behind `handle`.
    pub fn new(handle: Handle<UserContext>) -> Self {
        Self(handle)
    }

    /// Runs a command on users; see `Handle::run`.
    pub async fn run<K: Command<UserContext>>(
        &self,
        origin: CallContext,
        command: K,
    ) -> Result<K::Answer, Failure<K::Refusal>> {
        self.0.run(origin, command).await
    }

    /// Starts a command that no caller waits for; see `Handle::start`.
    pub fn start<K: Command<UserContext>>(&self, origin: CallContext, command: K) -> Result<(), Fault> {
        self.0.start(origin, command)
    }

    /// The user with this id.
    pub async fn find(&self, id: UserId) -> Result<Option<User>, Fault> {
        self.0.context().store.read(move |view| user::find(view, id)).await
    }

    /// The users that match a filter, newest first. A page with fewer rows than `limit` may have a next page, because
    /// one call scans at most `limits::SCAN_MAX` users.
    pub async fn page(
        &self,
        filter: UserFilter,
        after: Option<UserId>,
        limit: PageLimit,
    ) -> Result<Page<User, UserId>, Fault> {
        self.0.context().store.read(move |view| user::page(view, &filter, after, limit)).await
    }

    /// The valid invitations, newest first.
    pub async fn invitations(
        &self,
        after: Option<InvitationId>,
        limit: PageLimit,
    ) -> Result<Page<Invitation, InvitationId>, Fault> {
        let context = self.0.context();
        let now = context.system.clock().now();
        let mut page = context.store.read(move |view| invitation::page(view, after, limit)).await?;
        page.rows.retain(|found| found.is_live(now));
        Ok(page)
    }
}
