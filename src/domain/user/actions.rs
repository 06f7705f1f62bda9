//! The audit actions on users and invitations.

use crate::domain::audit::actions;

actions! {
    /// An action on a user or an invitation.
    UserAction of User:
    /// An administrator was created.
    CreateAdmin = 0x0201, "user.create_admin" in Changes;
    /// A user's status was changed.
    ChangeStatus = 0x0202, "user.change_status" in Changes;
    /// A user's roles were changed.
    ChangeRoles = 0x0203, "user.change_roles" in Changes;
    /// A user's fields were changed.
    UpdateUser = 0x0204, "user.update" in Changes;
    /// A user was unlocked.
    Unlock = 0x0205, "user.unlock" in Changes;
    /// A person was invited to register.
    Invite = 0x0206, "user.invite" in Changes;
    /// An invitation was revoked.
    RevokeInvitation = 0x0207, "user.revoke_invitation" in Changes;
    /// A user, or a list of users, was read by another user; once an hour for each caller, user and operation.
    ReadUser = 0x0208, "user.read" in SignIns;
    /// A caller without the permission was refused; once an hour for each caller and operation.
    Access = 0x0209, "access" in SignIns;
}
