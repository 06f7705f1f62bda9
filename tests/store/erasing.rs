//! What was told to a person goes with the person.

use std::time::Duration;

use majordomo::{
    domain::notification::TemplateName,
    persistence::{Tx, TxFault, Verdict, tables::notification},
    types::id::UserId,
};

use crate::{house::House, samples::a_notification, tools::user};

fn tell(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    let now = tx.now();
    let (told, delivery, _) = a_notification(tx, owner, now);
    notification::insert(tx, &told)?;
    notification::put_delivery(tx, &delivery)?;
    let mut budget = notification::budget(tx, owner, TemplateName::Welcome)?;
    assert!(budget.take(TemplateName::Welcome, now, Duration::ZERO));
    notification::put_budget(tx, (owner, TemplateName::Welcome), &budget)
}

#[test]
fn nothing_that_was_told_to_an_erased_person_is_left_and_others_keep_theirs() {
    let house = House::simulated();
    let mut lived = house.open();
    lived.commit(|tx| tell(tx, user(2)).map(Verdict::Commit)).unwrap();
    let without = lived.contents();
    lived.commit(|tx| tell(tx, user(1)).and_then(|()| tell(tx, user(1))).map(Verdict::Commit)).unwrap();
    assert!(lived.contents().len() > without.len());
    for left in [1, 1, 0] {
        let removed = lived.commit(|tx| notification::remove_of_owner(tx, user(1), 1).map(Verdict::Commit)).unwrap();
        assert_eq!(removed, left);
    }
    assert!(lived.contents().keys().eq(without.keys()));
}
