//! The route table: the source of both routers, the OpenAPI document, `Allow`, and `docs/reference/routes.md`.
//!
//! Owns: the table, and one file of handlers for each resource. Must not know: the store, or how a service works.
//! Begin with [`table`]. A handler reads the request, calls one handle method, and writes the answer. Its
//! `#[utoipa::path]` states method, path, operation id (`<verb>_<resource>`) and answers. Only the table states what
//! a route requires.

pub mod actors;
pub mod admins;
pub mod audit;
pub mod auth;
pub mod clock;
pub mod codes;
pub mod dead_letters;
pub mod dev;
pub mod events;
pub mod health;
pub mod home;
pub mod invitations;
pub mod keys;
pub mod metrics;
pub mod notifications;
pub mod openapi;
pub mod passwords;
mod profile_body;
pub mod rotation;
pub mod sessions;
pub mod snapshots;
pub mod user_body;
pub mod user_operations;
pub mod user_sessions;
pub mod users;
pub mod verification;

use utoipa_axum::routes;

use super::route::{
    Access::{Anonymous, Development, Needs},
    Class::{CodeRequest, Exempt, Login, Register, Standard},
    On::{Both, Ops, Public},
    Route, row,
};
use crate::domain::access::Permission::{
    EndSessions, ManageDeadLetters, ManageRoles, ManageUserStatus, ManageUsers, Operate, ReadAudit, ReadEvents,
    ReadOperations, ReadUsers, UseOwnAccount,
};

/// Every route of the product.
pub fn table() -> Vec<Route> {
    vec![
        row(Both, Anonymous, Exempt, routes!(health::show_health)),
        row(Both, Anonymous, Exempt, routes!(health::show_liveness)),
        row(Both, Anonymous, Exempt, routes!(health::show_readiness)),
        row(Both, Anonymous, Exempt, routes!(health::show_service_health)),
        row(Ops, Needs(ReadOperations), Standard, routes!(actors::list_actors)),
        row(Ops, Needs(ReadOperations), Standard, routes!(actors::show_actor)).mounted_at("/actors/{*path}"),
        row(Ops, Needs(Operate), Standard, routes!(actors::restart_actor)).mounted_at("/actors/{*path}"),
        row(Both, Needs(ReadOperations), Standard, routes!(metrics::show_metrics)),
        row(Both, Needs(ReadUsers), Standard, routes!(users::list_users)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(users::show_user)),
        row(Public, Needs(ManageUserStatus), Standard, routes!(users::change_user_status)),
        row(Public, Needs(ManageRoles), Standard, routes!(users::change_user_roles)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(user_sessions::list_user_sessions)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(user_sessions::end_sessions_of_user)),
        row(Public, Needs(ManageUsers), Standard, routes!(invitations::list_invitations)),
        row(Public, Needs(ManageUsers), Standard, routes!(invitations::create_invitation)),
        row(Public, Needs(ManageUsers), Standard, routes!(invitations::revoke_invitation)),
        row(Ops, Needs(ManageRoles), Standard, routes!(admins::create_admin)),
        row(Ops, Needs(ManageUsers), Standard, routes!(user_operations::set_user_password)),
        row(Ops, Needs(ManageUserStatus), Standard, routes!(user_operations::unlock_user)),
        row(Ops, Needs(ManageRoles), Standard, routes!(user_operations::grant_role)),
        row(Ops, Needs(EndSessions), Standard, routes!(user_operations::end_user_sessions)),
        row(Ops, Needs(Operate), Standard, routes!(rotation::rotate_keys)),
        row(Ops, Needs(Operate), Standard, routes!(snapshots::create_snapshot)).streams(),
        row(Ops, Needs(Operate), Standard, routes!(clock::accept_clock)),
        row(Public, Development, Exempt, routes!(clock::advance_clock)),
        row(Ops, Needs(Operate), Standard, routes!(notifications::resume_notifications)),
        row(Ops, Needs(ReadEvents), Standard, routes!(events::list_events)),
        row(Ops, Needs(ReadEvents), Standard, routes!(events::list_event_subscribers)),
        row(Ops, Needs(ReadEvents), Standard, routes!(dead_letters::list_dead_letters)),
        row(Ops, Needs(ReadEvents), Standard, routes!(dead_letters::show_dead_letter)),
        row(Ops, Needs(ManageDeadLetters), Standard, routes!(dead_letters::requeue_dead_letter)),
        row(Ops, Needs(ManageDeadLetters), Standard, routes!(dead_letters::requeue_dead_letters)),
        row(Ops, Needs(ManageDeadLetters), Standard, routes!(dead_letters::discard_dead_letter)),
        row(Both, Needs(ReadAudit), Standard, routes!(audit::list_audit_entries)),
        row(Both, Needs(ReadAudit), Standard, routes!(audit::verify_audit_trail)),
        row(Public, Development, Exempt, routes!(dev::list_inbox_mails)).streams(),
        row(Public, Development, Exempt, routes!(dev::show_inbox_code)).streams(),
        row(Public, Development, Exempt, routes!(dev::show_inbox_mail)),
        row(Public, Anonymous, Standard, routes!(home::show_home)),
        row(Both, Anonymous, Standard, routes!(openapi::show_openapi)),
        row(Both, Anonymous, Standard, routes!(openapi::show_docs)),
        row(Both, Anonymous, Standard, routes!(openapi::show_docs_file)),
        row(Public, Anonymous, Register, routes!(auth::register)),
        row(Public, Anonymous, Login, routes!(verification::verify_email)),
        row(Public, Anonymous, CodeRequest, routes!(verification::resend_verification)),
        row(Public, Anonymous, Login, routes!(auth::login)),
        row(Public, Anonymous, Standard, routes!(auth::refresh)),
        row(Public, Anonymous, Standard, routes!(auth::logout)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(auth::logout_all)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(auth::profile)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(auth::validate)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(sessions::list_own_sessions)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(sessions::end_own_session)),
        row(Public, Anonymous, CodeRequest, routes!(passwords::forgot)),
        row(Public, Anonymous, Login, routes!(passwords::reset)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(passwords::change)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(codes::request_code)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(codes::show_code)),
        row(Public, Needs(UseOwnAccount), Standard, routes!(codes::verify_code)),
        row(Public, Anonymous, Exempt, routes!(keys::list_signing_keys)),
    ]
}
