//! The rule that protects the last administrator.

use crate::types::id::UserId;

/// The change would remove the last administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the last administrator cannot be removed, locked, disabled or stripped of the role")]
pub struct LastAdmin;

/// Whether the user `leaving` may lose the role `admin`, the user record, or the right to sign in. `entering` are the
/// administrators who may sign in now; the first two found are enough.
pub fn may_stop_being_admin(leaving: UserId, entering: &[UserId]) -> Result<(), LastAdmin> {
    if entering.iter().any(|admin| *admin != leaving) || !entering.contains(&leaving) { Ok(()) } else { Err(LastAdmin) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_the_last_one_who_may_enter_must_stay() {
        let [ann, bob] = [1, 2].map(|number| UserId::from(Uuid::from_u128(number)));
        assert_eq!(may_stop_being_admin(ann, &[ann]), Err(LastAdmin));
        assert_eq!(may_stop_being_admin(ann, &[ann, bob]), Ok(()));
        assert_eq!(may_stop_being_admin(ann, &[bob]), Ok(()));
        // Ann is locked and there is no other administrator: without the role nothing gets worse.
        assert_eq!(may_stop_being_admin(ann, &[]), Ok(()));
    }
}
