//! Verification of an address: the right code turns its registration into a user, in one commit.

use std::{sync::Arc, time::Duration};

use super::{AuthContext, proof};
use crate::{
    actors::otp::Tried,
    crypto::code::CodeDigits,
    domain::{otp::CodePurpose, user::User},
    persistence::{
        Reader, TxFault,
        tables::{registration, user},
    },
    supervision::Command,
    types::{Call, EmailAddress, Failure, Timestamp, id::UserId, limits},
};

/// Whose address: by the id that registration answered, or by the address itself.
#[derive(Debug, Clone)]
pub enum Registrant {
    /// The registration, or the user it became.
    Id(UserId),
    /// Every live registration of the address, and its user.
    Address(EmailAddress),
}

/// A code for an address.
#[derive(Debug, Clone)]
pub struct VerifyEmail {
    /// Whose.
    pub registrant: Registrant,
    /// What was typed.
    pub code: String,
}

/// The one way in which verification fails, whatever the reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodeInvalid;

impl Command<AuthContext> for VerifyEmail {
    type Answer = User;
    type Refusal = CodeInvalid;
    const KIND: &'static str = "verify_email";
    const DEADLINE: Duration = limits::CALL_DEADLINE;

    async fn run(self, context: Arc<AuthContext>, call: Call) -> Result<User, Failure<CodeInvalid>> {
        // What cannot be a code is refused before an owner is looked up: it would cost nothing for those who have one.
        if CodeDigits::parse(&self.code).is_err() {
            return Err(Failure::Refused(CodeInvalid));
        }
        let now = context.system.clock().now();
        let owners = context.store.read(|view| owners(view, &self.registrant, now))?;
        for owner in &owners {
            let effect = proof::verify_email(*owner);
            let tried =
                context.otp.verify(call.context.clone(), *owner, CodePurpose::VerifyEmail, &self.code, effect).await?;
            match tried {
                Tried::Right | Tried::RightAgain => {
                    let found = context.store.read(|view| came_to_be(view, *owner))?;
                    return found.ok_or(Failure::Refused(CodeInvalid));
                }
                Tried::Wrong { .. } | Tried::Expired | Tried::Unknown => {}
            }
        }
        // As many commits for an unknown address as for one that has all the owners there can be.
        if let Registrant::Address(_) = self.registrant {
            for _ in owners.len()..=limits::REGISTRATIONS_PER_ADDRESS {
                context.otp.pretend(&call).await?;
            }
        }
        Err(Failure::Refused(CodeInvalid))
    }
}

/// The user a registration became: of the same id, or who held its address without having proven it.
fn came_to_be(reader: &impl Reader, owner: UserId) -> Result<Option<User>, TxFault> {
    if let Some(user) = user::find(reader, owner)? {
        return Ok(Some(user));
    }
    let Some(registered) = registration::find(reader, owner)? else { return Ok(None) };
    Ok(user::find_by_email(reader, &registered.email)?.filter(|user| user.email_verified))
}

/// The owners of codes a registrant may mean: registrations, newest first, then the user; who keeps the id of the
/// registration, and the code its owner.
pub(super) fn owners(reader: &impl Reader, registrant: &Registrant, now: Timestamp) -> Result<Vec<UserId>, TxFault> {
    match registrant {
        Registrant::Id(id) => Ok(vec![*id]),
        Registrant::Address(address) => {
            let waiting = registration::of_email(reader, address)?.into_iter().rev();
            let mut owners: Vec<_> = waiting.filter(|found| found.is_live(now)).map(|found| found.id).collect();
            owners.extend(user::find_by_email(reader, address)?.map(|found| found.id));
            Ok(owners)
        }
    }
}
