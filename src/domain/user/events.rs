//! The events of users and invitations.

use super::Status;
use crate::{
    domain::event::{
        event,
        samples::{id, in_ten_minutes},
        service_events,
    },
    types::{
        Role, Roles, Timestamp,
        id::{InvitationId, UserId},
    },
};

service_events! {
    /// An event of a user or an invitation.
    UserEvent of User:
    UserVerified, UserUpdated, UserDeleted, UserRoleChanged, UserStatusChanged, UserInvited,
}

event! {
    /// The address was proven; the user may sign in.
    UserVerified = 0x0201, "user.verified", to ["notifier"], schema 1 {
        user: UserId as "userId" = id(),
    }
}

event! {
    /// Fields of the user were changed.
    UserUpdated = 0x0202, "user.updated", to [], schema 1 {
        user: UserId as "userId" = id(),
        /// The names of the changed fields.
        fields: Vec<String> as "fields" = vec!["phone".to_owned()],
    }
}

event! {
    /// The user was deleted.
    UserDeleted = 0x0203, "user.deleted", to [], schema 1 {
        user: UserId as "userId" = id(),
    }
}

event! {
    /// The user's roles were changed.
    UserRoleChanged = 0x0204, "user.role_changed", to [], schema 1 {
        user: UserId as "userId" = id(),
        from: Roles as "from" = Roles::default(),
        to: Roles as "to" = Roles::from(vec![Role::Admin]),
    }
}

event! {
    /// The user's status was changed.
    UserStatusChanged = 0x0205, "user.status_changed", to [], schema 1 {
        user: UserId as "userId" = id(),
        from: Status as "from" = Status::Active,
        to: Status as "status" = Status::Disabled,
    }
}

event! {
    /// An address was invited to register.
    UserInvited = 0x0206, "user.invited", to ["notifier"], schema 1 {
        /// The invitation; the invited person has the same id.
        invitation: InvitationId as "invitationId" = id(),
        expires_at: Timestamp as "expiresAt" = in_ten_minutes(),
    }
}
