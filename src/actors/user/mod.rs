//! Users: who somebody is to the application.
//!
//! **Owns** the tables of users and invitations. **Wakes on** commands of its handle. **Promises** that addresses and
//! user names are unique by their normal form, and that an administrator always remains. **Loses on crash** nothing.
//!
//! Must not know: HTTP, how sessions and codes work inside. Begin with `change_status.rs`.

mod change_roles;
mod change_status;
mod create_admin;
mod end_sessions;
mod grant;
mod invite;
mod set_password;
mod unlock;

use std::{future::Future, sync::Arc, time::Duration};

pub use change_roles::{ChangeRoles, ChangeRolesRefusal};
pub use change_status::{ChangeStatus, ChangeStatusRefusal};
pub use create_admin::{CreateAdmin, CreateAdminRefusal};
pub use end_sessions::EndSessions;
pub use grant::{Grant, GrantRefusal};
pub use invite::{Invite, InviteRefusal, NoSuchInvitation};
pub(crate) use invite::{drop_invitation, drop_invitation_of};
pub use set_password::{SetPassword, SetPasswordRefusal};
pub use unlock::{Unlock, UnlockRefusal};

use super::hasher::HasherPool;
use crate::{
    config,
    crypto::password::SALT_BYTES,
    domain::{
        auth::password_policy::PasswordPolicy,
        user::{Invitation, User, UserFilter},
    },
    persistence::{
        Store,
        tables::{invitation, user},
    },
    supervision::{Addr, Cx, Message, Reply, Service, System},
    types::{
        Call, CallContext, Fault, Page, PageLimit, Work,
        id::{InvitationId, UserId},
        limits,
    },
};

/// No user has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoSuchUser;

/// What `UserActor` is told.
pub enum UserMessage {
    /// Make an administrator.
    CreateAdmin(CallContext, CreateAdmin, Reply<Result<User, CreateAdminRefusal>>),
    /// Shut a user out or let them in.
    ChangeStatus(CallContext, ChangeStatus, Reply<Result<User, ChangeStatusRefusal>>),
    /// Give and take roles.
    ChangeRoles(CallContext, ChangeRoles, Reply<Result<User, ChangeRolesRefusal>>),
    /// Give a role.
    Grant(CallContext, Grant, Reply<Result<User, GrantRefusal>>),
    /// Let in again who was locked.
    Unlock(CallContext, Unlock, Reply<Result<User, UnlockRefusal>>),
    /// Give a new password.
    SetPassword(CallContext, SetPassword, Reply<Result<User, SetPasswordRefusal>>),
    /// Invite an address to register.
    Invite(CallContext, Invite, Reply<Result<Invitation, InviteRefusal>>),
    /// Take an invitation back.
    RevokeInvitation(CallContext, InvitationId, Reply<Result<(), NoSuchInvitation>>),
    /// End all sessions of a user.
    EndSessions(CallContext, EndSessions, Reply<Result<usize, NoSuchUser>>),
}

impl Message for UserMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::CreateAdmin(..) => "create_admin",
            Self::ChangeStatus(..) => "change_status",
            Self::ChangeRoles(..) => "change_roles",
            Self::Grant(..) => "grant",
            Self::Unlock(..) => "unlock",
            Self::SetPassword(..) => "set_password",
            Self::Invite(..) => "invite",
            Self::RevokeInvitation(..) => "revoke_invitation",
            Self::EndSessions(..) => "end_sessions",
        }
    }
}

/// What the flows on users share.
pub struct UserContext {
    system: System,
    store: Store,
    hasher: HasherPool,
    password_policy: PasswordPolicy,
    invitations: InvitationRules,
}

/// How long an invitation lives, and how soon its address may be invited again.
#[derive(Debug, Clone, Copy)]
struct InvitationRules {
    lifetime: Duration,
    again_after: Duration,
}

impl UserContext {
    /// What the flows work with.
    pub fn new(system: System, store: Store, hasher: HasherPool, settings: &config::AuthConfig) -> Arc<Self> {
        let password_policy = PasswordPolicy::from(&settings.password);
        let invitations =
            InvitationRules { lifetime: settings.invitation_lifetime, again_after: settings.code.resend_after };
        Arc::new(Self { system, store, hasher, password_policy, invitations })
    }

    fn salt(&self) -> [u8; SALT_BYTES] {
        let mut salt = [0; SALT_BYTES];
        self.system.entropy().fill(&mut salt);
        salt
    }
}

/// The handle: commands are messages, readings look into the store.
#[derive(Clone)]
pub struct Users {
    addr: Addr<UserMessage>,
    context: Arc<UserContext>,
}

impl Users {
    /// The handle of the actor at `addr`.
    pub fn new(addr: Addr<UserMessage>, context: Arc<UserContext>) -> Self {
        Self { addr, context }
    }

    /// The user of an id.
    pub fn find(&self, id: UserId) -> Result<Option<User>, Fault> {
        self.context.store.read(|view| user::find(view, id))
    }

    /// The users a filter lets through, newest first. A page may hold fewer rows than asked for and still not be the
    /// last: one call looks at no more than `limits::SCAN_MAX` users.
    pub fn page(
        &self,
        filter: &UserFilter,
        after: Option<UserId>,
        limit: PageLimit,
    ) -> Result<Page<User, UserId>, Fault> {
        self.context.store.read(|view| user::page(view, filter, after, limit))
    }

    /// Makes an administrator whose address counts as proven.
    pub async fn create_admin(
        &self,
        context: CallContext,
        command: CreateAdmin,
    ) -> Result<Result<User, CreateAdminRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| UserMessage::CreateAdmin(context, command, reply)).await
    }

    /// Shuts a user out, which ends all their sessions in the same commit, or lets them in again.
    pub async fn change_status(
        &self,
        context: CallContext,
        command: ChangeStatus,
    ) -> Result<Result<User, ChangeStatusRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::ChangeStatus(context, command, reply)).await
    }

    /// Replaces a user's roles.
    pub async fn change_roles(
        &self,
        context: CallContext,
        command: ChangeRoles,
    ) -> Result<Result<User, ChangeRolesRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::ChangeRoles(context, command, reply)).await
    }
}

/// Invitations.
impl Users {
    /// Has an address invited to register; an earlier invitation of it is void from then on.
    pub async fn invite(
        &self,
        context: CallContext,
        command: Invite,
    ) -> Result<Result<Invitation, InviteRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::Invite(context, command, reply)).await
    }

    /// Takes an invitation back.
    pub async fn revoke_invitation(
        &self,
        context: CallContext,
        id: InvitationId,
    ) -> Result<Result<(), NoSuchInvitation>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::RevokeInvitation(context, id, reply)).await
    }

    /// The invitations that wait for their guests, newest first.
    pub fn invitations(
        &self,
        after: Option<InvitationId>,
        limit: PageLimit,
    ) -> Result<Page<Invitation, InvitationId>, Fault> {
        let now = self.context.system.clock().now();
        let mut page = self.context.store.read(|view| invitation::page(view, after, limit))?;
        page.rows.retain(|found| found.is_live(now));
        Ok(page)
    }
}

/// For operators, who know users by their addresses.
impl Users {
    /// Gives a role to a user.
    pub async fn grant(&self, context: CallContext, command: Grant) -> Result<Result<User, GrantRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::Grant(context, command, reply)).await
    }

    /// Lets a locked user in again, and forgets their failed logins.
    pub async fn unlock(&self, context: CallContext, command: Unlock) -> Result<Result<User, UnlockRefusal>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::Unlock(context, command, reply)).await
    }

    /// Gives a user a new password, which ends all their sessions in the same commit.
    pub async fn set_password(
        &self,
        context: CallContext,
        command: SetPassword,
    ) -> Result<Result<User, SetPasswordRefusal>, Fault> {
        self.addr.call(limits::HASHING_DEADLINE, |reply| UserMessage::SetPassword(context, command, reply)).await
    }

    /// Ends all sessions of a user; gives how many there were.
    pub async fn end_sessions(
        &self,
        context: CallContext,
        command: EndSessions,
    ) -> Result<Result<usize, NoSuchUser>, Fault> {
        self.addr.call(limits::CALL_DEADLINE, |reply| UserMessage::EndSessions(context, command, reply)).await
    }
}

/// The actor.
pub struct UserActor {
    context: Arc<UserContext>,
}

impl UserActor {
    /// An actor over `context`.
    pub fn new(context: Arc<UserContext>) -> Self {
        Self { context }
    }

    fn job<T, F>(
        &self,
        cx: &Cx<UserMessage>,
        kind: &'static str,
        (work, context): (Work, CallContext),
        reply: Reply<T>,
        flow: impl FnOnce(Arc<UserContext>, Call) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let flow = flow(Arc::clone(&self.context), Call { work: work.clone(), context });
        cx.job(work, kind, async move { reply.finish(flow.await) });
    }
}

impl Service for UserActor {
    type Message = UserMessage;
    type State = ();
    const KIND: &'static str = "user";

    async fn start(&self, _: &Cx<UserMessage>) -> Result<(), Fault> {
        Ok(())
    }

    async fn handle(&self, cx: &Cx<UserMessage>, (): &mut (), message: UserMessage, work: Work) {
        let kind = message.kind();
        match message {
            UserMessage::CreateAdmin(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| create_admin::run(context, call, command));
            }
            UserMessage::ChangeStatus(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| change_status::run(context, call, command));
            }
            UserMessage::ChangeRoles(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| change_roles::run(context, call, command));
            }
            UserMessage::Grant(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| grant::run(context, call, command));
            }
            UserMessage::Unlock(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| unlock::run(context, call, command));
            }
            UserMessage::SetPassword(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| set_password::run(context, call, command));
            }
            UserMessage::Invite(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| invite::run(context, call, command));
            }
            UserMessage::RevokeInvitation(context, id, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| invite::revoke(context, call, id));
            }
            UserMessage::EndSessions(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |context, call| end_sessions::run(context, call, command));
            }
        }
    }
}
