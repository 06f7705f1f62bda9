//! One-time codes, one child actor for each user or registration that has one at work.
//!
//! **Owns** the table of codes. **Wakes on** commands of its handle, the news of a registration or a reset, and the end
//! of a code's time. **Promises** that a code is tried in the order its owner's requests came, and accepted in a
//! transaction only. **Loses on crash** nothing: a child reads the store again.
//!
//! Must not know: who delivers a code, HTTP. Begin with `verify.rs`.

mod child;
mod desk;
mod expire;
mod issue;
mod reveal;
mod verify;

use std::sync::Arc;

pub use child::OtpMessage;
use child::Order;
pub(crate) use expire::end as end_code;
pub use issue::Issued;
pub use reveal::LiveCode;
pub use verify::{Effect, Tried};

use self::{child::OtpChild, desk::Desk, verify::Attempt};
use super::{call::Call, relay::Delivery};
use crate::{
    config,
    crypto::code,
    domain::otp::CodePurpose,
    persistence::{Store, Verdict},
    supervision::{Directory, System},
    types::{
        CallContext, Fault,
        id::{CodeId, UserId},
        limits,
    },
};
