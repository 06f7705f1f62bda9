//! Sends the verification code again: the same answer for every address.

use std::{convert::Infallible, sync::Arc, time::Duration};

use super::{AuthContext, identifiers};
use crate::{
    actors::otp::{CodeOrder, Pretended},
    domain::otp::CodePurpose,
    persistence::{
        Reader, TxFault,
        tables::{registration, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Timestamp, id::UserId, limits},
};

/// The owner of the code, by the id from the answer to the registration or by the address.
#[derive(Debug, Clone)]
pub enum Registrant {
    /// The registration, or the user that it became.
    Id(UserId),
    /// The newest valid registration of the address, or its user.
    Address(EmailAddress),
}

/// Sends the code of a registrant again.
#[derive(Debug, Clone)]
pub struct ResendVerification {
    pub registrant: Registrant,
}

/// The answer for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// The latest expiry of a code that is sent now. A code that is sent again keeps its earlier expiry, which the mail
    /// states.
    pub expires_at: Timestamp,
    /// The time from which another code can be requested.
    pub resend_at: Timestamp,
}

impl Command<AuthContext> for ResendVerification {
    type Answer = Resent;
    type Refusal = Infallible;
    const KIND: &'static str = "resend_verification";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<Resent, Failure<Infallible>> {
        let now = context.system.clock().now();
        let registrant = self.registrant.clone();
        match context.store.read(move |view| owner_of(view, &registrant, now)).await? {
            Some(owner) => {
                context.otp.issue(call.context.clone(), owner, CodePurpose::VerifyEmail, CodeOrder::Asked).await?;
            }
            None => {
                let stand_in = stand_in(&context, &self.registrant);
                context.otp.pretend(call.context.clone(), stand_in, Pretended::Nothing).await?;
            }
        }
        Ok(Resent {
            expires_at: now.plus(context.settings.code.lifetime),
            resend_at: now.plus(context.settings.code.resend_after),
        })
    }
}

/// The mailbox of a request for an address without an owner.
fn stand_in(context: &AuthContext, registrant: &Registrant) -> UserId {
    match registrant {
        Registrant::Id(id) => *id,
        Registrant::Address(address) => identifiers::stand_in(&context.keys.identifier, &address.normal()),
    }
}

/// The owner whose code is sent. Of several registrations of an address it is the newest, which its user most probably
/// continues; the codes of older ones stay valid.
fn owner_of(reader: &impl Reader, registrant: &Registrant, now: Timestamp) -> Result<Option<UserId>, TxFault> {
    let address = match registrant {
        Registrant::Id(id) => return Ok(Some(*id)),
        Registrant::Address(address) => address,
    };
    let waiting = registration::of_email(reader, address)?;
    match waiting.iter().rev().find(|found| found.is_live(now)) {
        Some(newest) => Ok(Some(newest.id)),
        None => Ok(user::find_by_email(reader, address)?.map(|found| found.id)),
    }
}
