//! Checks on the changes of a transaction: a store is opened with checks of this test.

use std::sync::Arc;

use futures::FutureExt as _;
use majordomo::{
    persistence::{
        Decision, Reader as _, Record, Stop, Store, Table, Tx, TxFault,
        assembly::CATALOG,
        catalog::StoreCatalog,
        change::{ChangeCheck, RowChange, TxChanges},
        refuse, refuse_and_keep,
        writer::step::StoreWriter,
    },
    types::{Failure, Fault},
};

use crate::tools::{Hand, Seeded, failed_login, ready, user, write};

/// Amounts whose sum is always 0.
static AMOUNT_BY_NAME: Table<u32, Amount> = Table::new(0xf0, "amount_by_name", "");

#[derive(serde::Serialize, serde::Deserialize, Debug, Clone, PartialEq, Eq)]
struct Amount(i64);

impl Record for Amount {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "amount";
}

fn sum_stays(changes: &TxChanges<'_>, tx: &Tx<'_>) -> Result<(), TxFault> {
    let mut moved = 0;
    for RowChange { key, old, new } in changes.of_table(&AMOUNT_BY_NAME)? {
        assert_eq!(tx.get(&AMOUNT_BY_NAME, &key)?, new, "the reader sees the state after the changes");
        moved += new.map_or(0, |amount| amount.0) - old.map_or(0, |amount| amount.0);
    }
    if moved == 0 { Ok(()) } else { Err(TxFault::Check(format!("{moved} came from nowhere"))) }
}

fn name_9_has_no_value(changes: &TxChanges<'_>, _: &Tx<'_>) -> Result<(), TxFault> {
    for change in changes.all() {
        let named = change.tag() == AMOUNT_BY_NAME.tag && change.key() == 9_u32.to_be_bytes();
        assert!(!named || change.new_bytes().is_none(), "a check that panics");
    }
    Ok(())
}

struct Checked {
    store: Store,
    writer: StoreWriter,
    clock: Arc<Hand>,
    entropy: Seeded,
}

impl Checked {
    fn new() -> Self {
        let checks: &'static [ChangeCheck] = Box::leak(Box::new([
            ChangeCheck { name: "sum_stays", run: sum_stays },
            ChangeCheck { name: "name_9_has_no_value", run: name_9_has_no_value },
        ]));
        let catalog: &'static StoreCatalog = Box::leak(Box::new(StoreCatalog { checks, ..CATALOG }));
        let (clock, entropy) = (Hand::new(), Seeded::default());
        let (store, writer) = Store::assemble_in_hand(catalog, clock.clone(), &entropy);
        Self { store, writer, clock, entropy }
    }

    fn decide<T: Send + 'static, R: Send + 'static>(
        &mut self,
        f: impl Fn(&mut Tx<'_>) -> Decision<T, R> + Send + 'static,
    ) -> Result<T, Failure<R>> {
        let mut answer = Box::pin(self.store.decide(write(self.clock.as_ref(), &self.entropy), f));
        assert!(answer.as_mut().now_or_never().is_none());
        self.writer.step();
        answer.now_or_never().unwrap()
    }

    fn amounts(&self) -> Vec<i64> {
        let amount = |name| ready(self.store.read(move |view| view.get(&AMOUNT_BY_NAME, &name))).unwrap();
        (0..3).filter_map(amount).map(|amount| amount.0).collect()
    }
}

fn set(tx: &mut Tx<'_>, amounts: &[i64]) -> Result<(), TxFault> {
    (0..).zip(amounts).try_for_each(|(name, amount)| tx.put(&AMOUNT_BY_NAME, &name, &Amount(*amount)))
}

fn bug<T: std::fmt::Debug, R: std::fmt::Debug>(answer: Result<T, Failure<R>>) -> String {
    match answer {
        Err(Failure::Fault(Fault::Bug { reason, .. })) => reason.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_check_that_fails_is_a_bug_and_nothing_is_committed() {
    let mut checked = Checked::new();
    checked.decide(|tx| -> Decision<(), ()> { Ok(set(tx, &[5, -5])?) }).unwrap();
    let answer = checked.decide(|tx| -> Decision<(), ()> {
        tx.emit(failed_login(user(1), "a@example.com"))?;
        Ok(set(tx, &[7, -5])?)
    });
    assert!(bug(answer).contains("sum_stays: 2 came from nowhere"));
    assert_eq!((checked.amounts(), checked.store.head()), (vec![5, -5], 0));
    let kept = checked.decide(|tx| -> Decision<(), ()> {
        set(tx, &[7])?;
        refuse_and_keep(())
    });
    assert!(bug(kept).contains("2 came from nowhere"));
    let deleted = checked.decide(|tx| -> Decision<(), ()> { tx.delete(&AMOUNT_BY_NAME, &1).map_err(Stop::Fault) });
    assert!(bug(deleted).contains("5 came from nowhere"));
    let panicked =
        checked.decide(|tx| -> Decision<(), ()> { tx.put(&AMOUNT_BY_NAME, &9, &Amount(0)).map_err(Stop::Fault) });
    assert!(bug(panicked).contains("a check that panics"));
    checked.decide(|tx| -> Decision<(), ()> { Ok(set(tx, &[3, -4, 1])?) }).unwrap();
    assert_eq!(checked.amounts(), [3, -4, 1]);
}

#[test]
fn a_transaction_without_changes_is_not_checked() {
    let mut checked = Checked::new();
    let refused = checked.decide(|tx| -> Decision<(), u8> {
        set(tx, &[1])?;
        refuse(7)
    });
    assert_eq!(refused, Err(Failure::Refused(7)));
    assert_eq!(checked.decide(|tx| -> Decision<_, ()> { Ok(tx.has(&AMOUNT_BY_NAME, &0)?) }), Ok(false));
    assert!(checked.amounts().is_empty());
}

#[test]
fn a_check_sees_the_changes_of_earlier_closures_in_the_group() {
    let mut checked = Checked::new();
    let first = checked.store.write(write(checked.clock.as_ref(), &checked.entropy), |tx| set(tx, &[5, -5]));
    let second = checked.store.write(write(checked.clock.as_ref(), &checked.entropy), |tx| set(tx, &[6, -6]));
    let mut both = Box::pin(async { futures::join!(first, second) });
    assert!(both.as_mut().now_or_never().is_none());
    assert_eq!(checked.writer.step(), 2);
    assert_eq!(both.now_or_never().unwrap(), (Ok(()), Ok(())));
    assert_eq!(checked.amounts(), [6, -6]);
}
