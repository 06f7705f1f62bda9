//! Users.

mod admins;
mod invitations;
mod user_operations;
mod users;
