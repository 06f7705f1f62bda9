//! Sign-in: from a registration to a session, its refreshes and its end.

mod key_rotation;
mod keys;
mod login;
mod logout;
mod passwords;
mod profile;
mod registration;
mod registrations;
mod sessions;
mod user_sessions;
mod verification;
