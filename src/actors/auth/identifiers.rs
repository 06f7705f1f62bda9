//! What stands for an identifier as typed: the subjects that its failed logins are counted under, and the owner in
//! whose mailbox a request waits that names no owner.
//!
//! An unknown identifier has as many subjects, and a mailbox as bounded, as a user has, so that both take the same way.

use crate::{
    crypto::identifier::IdentifierKey,
    domain::{auth::lockout::Subject, user::User},
    types::{EmailAddress, UserName, id::UserId},
};

/// How an identifier is counted: by the form in which users are looked up, so that variants count as one exactly when
/// they name one user.
fn counted_as(identifier: &str) -> String {
    match (EmailAddress::parse(identifier), UserName::parse(identifier)) {
        (Ok(address), _) => address.normal(),
        (Err(_), Ok(name)) => name.as_str().to_owned(),
        (Err(_), Err(_)) => format!("neither {identifier}"),
    }
}

/// The identifier itself. Its lock is answered, whether or not a user has it.
pub(super) fn named(key: &IdentifierKey, identifier: &str) -> Subject {
    Subject::Identifier(key.digest(&counted_as(identifier)))
}

/// In the place of the user, for an identifier that no user has.
pub(super) fn in_place_of_user(key: &IdentifierKey, identifier: &str) -> Subject {
    Subject::Identifier(key.digest(&format!("no user {}", counted_as(identifier))))
}

/// The identifiers of a user.
pub(super) fn all_of(key: &IdentifierKey, user: &User) -> Vec<Subject> {
    let name = user.profile.username.as_ref().map(|name| named(key, name.as_str()));
    [Some(named(key, user.email.as_str())), name].into_iter().flatten().collect()
}

/// A place among all `u64`, the same one for the same identifier.
pub(super) fn place(key: &IdentifierKey, identifier: &str) -> u64 {
    let digest = key.digest(&format!("place {}", counted_as(identifier)));
    digest.iter().take(8).fold(0, |place, byte| (place << 8) | u64::from(*byte))
}

/// The owner in whose mailbox a request waits that names no owner, by what it named.
pub(super) fn stand_in(key: &IdentifierKey, named: &str) -> UserId {
    let digest = key.digest(&format!("stand-in {named}"));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    UserId::from(uuid::Uuid::from_bytes(id))
}
