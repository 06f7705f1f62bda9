//! Users: who somebody is to the application.
//!
//! **Owns** the table of users and its indexes. **Wakes on** commands of its handle. **Promises** that addresses and
//! user names are unique by their normal form, and that an administrator always remains. **Loses on crash** nothing.
//!
//! Must not know: HTTP, how sessions and codes work inside. Begin with `change_status.rs`.

mod change_roles;
mod change_status;
mod create_admin;

use std::{future::Future, sync::Arc};

pub use change_roles::{ChangeRoles, ChangeRolesRefusal};
pub use change_status::{ChangeStatus, ChangeStatusRefusal};
pub use create_admin::{CreateAdmin, CreateAdminRefusal};

use super::{call::Call, hasher::HasherPool};
use crate::{
    config,
    crypto::password::SALT_BYTES,
    domain::{auth::password_policy::PasswordPolicy, user::User},
    persistence::{Store, tables::user},
    supervision::{Addr, Cx, Message, Reply, Service, System},
    types::{CallContext, Fault, Page, PageLimit, Work, id::UserId, limits},
};

/// What `UserActor` is told.
pub enum UserMessage {
    /// Make an administrator.
    CreateAdmin(CallContext, CreateAdmin, Reply<Result<User, CreateAdminRefusal>>),
    /// Shut a user out or let them in.
    ChangeStatus(CallContext, ChangeStatus, Reply<Result<User, ChangeStatusRefusal>>),
    /// Give and take roles.
    ChangeRoles(CallContext, ChangeRoles, Reply<Result<User, ChangeRolesRefusal>>),
}

impl Message for UserMessage {
    fn kind(&self) -> &'static str {
        match self {
            Self::CreateAdmin(..) => "create_admin",
            Self::ChangeStatus(..) => "change_status",
            Self::ChangeRoles(..) => "change_roles",
        }
    }
}

/// What the flows on users share.
pub struct Household {
    system: System,
    store: Store,
    hasher: HasherPool,
    password_policy: PasswordPolicy,
}

impl Household {
    /// What the flows work with.
    pub fn new(system: System, store: Store, hasher: HasherPool, settings: &config::Auth) -> Arc<Self> {
        Arc::new(Self { system, store, hasher, password_policy: PasswordPolicy::from(&settings.password) })
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
    house: Arc<Household>,
}

impl Users {
    /// The handle of the actor at `addr`.
    pub fn new(addr: Addr<UserMessage>, house: Arc<Household>) -> Self {
        Self { addr, house }
    }

    /// The user of an id.
    pub fn find(&self, id: UserId) -> Result<Option<User>, Fault> {
        self.house.store.read(|view| user::find(view, id))
    }

    /// Users, newest first.
    pub fn page(&self, after: Option<UserId>, limit: PageLimit) -> Result<Page<User, UserId>, Fault> {
        self.house.store.read(|view| user::page(view, after, limit))
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

/// The actor.
pub struct UserActor {
    house: Arc<Household>,
}

impl UserActor {
    /// An actor over `house`.
    pub fn new(house: Arc<Household>) -> Self {
        Self { house }
    }

    fn job<T, F>(
        &self,
        cx: &Cx<UserMessage>,
        kind: &'static str,
        (work, context): (Work, CallContext),
        reply: Reply<T>,
        flow: impl FnOnce(Arc<Household>, Call) -> F,
    ) where
        T: Send + 'static,
        F: Future<Output = Result<T, Fault>> + Send + 'static,
    {
        let flow = flow(Arc::clone(&self.house), Call { work: work.clone(), context });
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
                self.job(cx, kind, (work, context), reply, |house, call| create_admin::run(house, call, command));
            }
            UserMessage::ChangeStatus(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |house, call| change_status::run(house, call, command));
            }
            UserMessage::ChangeRoles(context, command, reply) => {
                self.job(cx, kind, (work, context), reply, |house, call| change_roles::run(house, call, command));
            }
        }
    }
}
