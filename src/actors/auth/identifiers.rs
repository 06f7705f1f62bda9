//! The values derived from a typed identifier: the subjects under which its failed logins are counted, and the mailbox
//! of a request that names no owner.
//!
//! An unknown identifier has the same number of subjects as a user, and a mailbox of the same bound, so that both cost
//! the same.

use crate::{
    crypto::identifier::IdentifierKey,
    domain::{auth::lockout::Subject, user::User},
    types::{EmailAddress, UserName, id::UserId},
};

/// The counted form of an identifier: the form in which users are looked up, so that variants count together exactly if
/// they name the same user.
fn counted_as(identifier: &str) -> String {
    // A registration's id, which can be written in upper and lower case.
    if let Ok(id) = identifier.parse::<UserId>() {
        return format!("id {id}");
    }
    match (EmailAddress::parse(identifier), UserName::parse(identifier)) {
        (Ok(address), _) => address.normal(),
        (Err(_), Ok(name)) => name.as_str().to_owned(),
        (Err(_), Err(_)) => format!("neither {identifier}"),
    }
}

/// The subject of the identifier itself. Its lock is answered whether or not a user has the identifier.
pub(super) fn named(key: &IdentifierKey, identifier: &str) -> Subject {
    Subject::Identifier(key.digest(&counted_as(identifier)))
}

/// The subject in the place of the user, for an identifier that no user has.
pub(super) fn in_place_of_user(key: &IdentifierKey, identifier: &str) -> Subject {
    Subject::Identifier(key.digest(&format!("no user {}", counted_as(identifier))))
}

/// The subjects of a user's identifiers: address and user name.
pub(super) fn all_of(key: &IdentifierKey, user: &User) -> Vec<Subject> {
    let name = user.profile.username.as_ref().map(|name| named(key, name.as_str()));
    [Some(named(key, user.email.as_str())), name].into_iter().flatten().collect()
}

/// A number that is evenly distributed over all `u64`, the same for the same identifier.
pub(super) fn place(key: &IdentifierKey, identifier: &str) -> u64 {
    let digest = key.digest(&format!("place {}", counted_as(identifier)));
    digest.iter().take(8).fold(0, |place, byte| (place << 8) | u64::from(*byte))
}

/// The owner in whose mailbox a request without an owner waits, derived from what the request named.
pub(super) fn stand_in(key: &IdentifierKey, named: &str) -> UserId {
    let digest = key.digest(&format!("stand-in {named}"));
    let mut id = [0; 16];
    id.copy_from_slice(&digest[..16]);
    UserId::from(uuid::Uuid::from_bytes(id))
}
