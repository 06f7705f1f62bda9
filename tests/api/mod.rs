//! The API by its routes: the tests of `src/http/routes/<name>.rs` are in `<name>.rs` or `<name>/`; what belongs to the
//! whole edge and to no route is in `edge/`.

mod actors;
mod admins;
mod audit;
mod auth;
mod clock;
mod codes;
mod dead_letters;
mod dev;
mod edge;
mod events;
pub mod harness;
mod health;
mod idle_services;
mod invitations;
mod keys;
mod metrics;
mod notifications;
mod openapi;
mod passwords;
mod rotation;
mod sessions;
mod snapshots;
pub mod test_app;
mod user_operations;
mod user_sessions;
mod users;
mod verification;
