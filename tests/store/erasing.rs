//! The notifications of a person are removed when the person is erased.

use std::time::Duration;

use majordomo::{
    domain::notification::TemplateName,
    persistence::{Tx, TxFault, tables::notification},
    types::id::UserId,
};

use crate::{samples::a_notification, test_store::TestStore, tools::user};

fn add_notification(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    let now = tx.now();
    let (notification_record, delivery, _) = a_notification(tx, owner, now);
    notification::insert(tx, &notification_record)?;
    notification::put_delivery(tx, &delivery)?;
    let mut budget = notification::budget(tx, owner, TemplateName::Welcome)?;
    assert!(budget.take(TemplateName::Welcome, now, Duration::ZERO));
    notification::put_budget(tx, (owner, TemplateName::Welcome), &budget)
}

#[test]
fn no_notification_of_an_erased_person_is_left_and_others_keep_theirs() {
    let test_store = TestStore::simulated();
    let mut opened = test_store.open();
    opened.commit(|tx| add_notification(tx, user(2))).unwrap();
    let without = opened.contents();
    opened.commit(|tx| add_notification(tx, user(1)).and_then(|()| add_notification(tx, user(1)))).unwrap();
    assert!(opened.contents().len() > without.len());
    for left in [1, 1, 0] {
        let removed = opened.commit(|tx| notification::remove_of_owner(tx, user(1), 1)).unwrap();
        assert_eq!(removed, left);
    }
    assert!(opened.contents().keys().eq(without.keys()));
}
