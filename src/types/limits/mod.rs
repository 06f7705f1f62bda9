//! Every bound of Majordomo: one file for each service, read as `limits::NAME`. Values that operators may set are
//! defaults in `config.toml`; these files have the hard caps and the bounds that cannot be set.
//!
//! Owns: the constants, and the reason of each. Must not know: the code that applies them. Begin with the file of the
//! service.

mod audit;
mod auth;
mod clock;
mod edge;
mod hasher;
mod ledger;
mod notifier;
mod operations;
mod otp;
mod relay;
mod store;
mod supervision;
mod telemetry;
mod user;

pub use audit::*;
pub use auth::*;
pub use clock::*;
pub use edge::*;
pub use hasher::*;
pub use ledger::*;
pub use notifier::*;
pub use operations::*;
pub use otp::*;
pub use relay::*;
pub use store::*;
pub use supervision::*;
pub use telemetry::*;
pub use user::*;
