//! Sign-in: from a registration to a session and its refreshes.

mod login;
mod logout;
mod refresh;
mod register;
