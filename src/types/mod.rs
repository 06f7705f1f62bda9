//! Values that enforce their own invariants, and the traits of time and randomness.
//!
//! Owns: ids, instants, secrets, addresses, names, roles, pages, limits, `Fault`, and the context of a call. Must not
//! know: the runtime, HTTP, the store, or any service. Begin with `fault.rs` (how a call may fail) and `work.rs` (what
//! a call carries through the layers).

pub mod algorithm;
pub mod call;
pub mod cidr;
pub mod clock;
pub mod code_length;
pub mod context;
pub mod email;
pub mod expected_version;
pub mod failure;
pub mod fault;
pub mod id;
pub mod invalid;
pub mod lease;
pub mod limits;
pub mod money;
pub mod names;
pub mod network;
pub mod page;
pub mod provider_answer;
pub mod role;
pub mod secret;
mod text_value;
pub mod time;
pub mod work;

pub use algorithm::SigningAlgorithm;
pub use call::Call;
pub use cidr::Cidr;
pub use clock::{AcceptedTime, Clock, ClockDifference, ClockTrouble, Entropy, JournalEnd};
pub use code_length::CodeLength;
pub use context::{CallContext, Caller, Principal};
pub use email::EmailAddress;
pub use expected_version::ExpectedVersion;
pub use failure::Failure;
pub use fault::{Fault, Outcome};
pub use invalid::{FieldError, Invalid};
pub use lease::LeaseHolder;
pub use names::{Locale, PersonName, PhoneNumber, UserName};
pub use network::Network;
pub use page::{Page, PageLimit};
pub use role::{Role, Roles};
pub use secret::Secret;
pub(crate) use text_value::text_value;
pub use time::{Stamp, Timestamp};
pub use work::{Left, Observer, Places, Work};
