//! Giving a role to whoever has an address, from the command line.

use std::sync::Arc;

use super::{Household, NoSuchUser, change_roles};
use crate::{
    actors::call::Call,
    domain::user::User,
    persistence::{Verdict, tables::user},
    types::{EmailAddress, Fault, Role},
};

/// Who is to hold which role besides those they have.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The user's address.
    pub email: EmailAddress,
    /// The role.
    pub role: Role,
}

pub(super) async fn run(house: Arc<Household>, call: Call, command: Grant) -> Result<Result<User, NoSuchUser>, Fault> {
    let write = call.write(&house.system);
    house
        .store
        .write(write, move |tx| {
            let Some(found) = user::find_by_email(tx, &command.email)? else {
                return Ok(Verdict::Discard(Err(NoSuchUser)));
            };
            if found.roles.has(command.role) {
                return Ok(Verdict::Discard(Ok(found)));
            }
            let to = found.roles.iter().chain([command.role]).collect();
            Ok(Verdict::Commit(Ok(change_roles::apply(tx, found, to)?)))
        })
        .await
}
