//! Asking for the verification code again: the same answer for every address.

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

/// Whose code: by the id that registration answered, or by the address itself.
#[derive(Debug, Clone)]
pub enum Registrant {
    /// The registration, or the user it became.
    Id(UserId),
    /// The newest live registration of the address, or its user.
    Address(EmailAddress),
}

/// Whose code is sent again, if there is one to send.
#[derive(Debug, Clone)]
pub struct ResendVerification {
    /// Whose.
    pub registrant: Registrant,
}

/// What is answered for every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resent {
    /// The latest time at which a code sent now runs out; a code that is sent again keeps its own end, which the mail
    /// names.
    pub expires_at: Timestamp,
    /// From when on one may be asked for again.
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

/// In whose mailbox a request waits that names an address without an owner.
fn stand_in(context: &AuthContext, registrant: &Registrant) -> UserId {
    match registrant {
        Registrant::Id(id) => *id,
        Registrant::Address(address) => identifiers::stand_in(&context.keys.identifier, &address.normal()),
    }
}

/// Whose code is sent. Of several registrations of an address it is the newest one: that is the one its owner is
/// looking at; older ones keep the codes they were sent.
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
