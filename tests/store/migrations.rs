//! A migration for this test: it continues after a crash, changes each row once, and does not run again.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use majordomo::{
    persistence::{
        Reader as _, Scan, Store, TableKey as _, Tx, TxFault,
        migrations::{self, Migration, MigrationStep, NewerStore},
        tables::{self, user::USER_BY_ID},
    },
    telemetry::starting::MigrationProgress,
    types::{Fault, id::UserId},
};

use crate::{
    samples::a_user,
    tools::{Hand, Seeded, ready, unless_taken, user, write},
};

/// Increments the version of two users per step.
fn raise(tx: &mut Tx<'_>, place: Option<&[u8]>) -> Result<MigrationStep, TxFault> {
    let scan = Scan::all().limit(2);
    let scan = match place {
        Some(place) => scan.after(&UserId::from_bytes(place).map_err(|fault| TxFault::Corrupt(fault.to_string()))?),
        None => scan,
    };
    let rows = tx.scan(&USER_BY_ID, scan)?;
    let last = rows.last().map(|(id, _)| *id);
    for (_, mut user) in rows {
        user.version += 1;
        tables::user::replace(tx, &user)?;
    }
    Ok(match last {
        Some(id) => MigrationStep::Further { place: id.to_bytes(), percent: 50 },
        None => MigrationStep::Finished,
    })
}

/// The same, but the step fails at the third user.
fn raise_and_stop(tx: &mut Tx<'_>, place: Option<&[u8]>) -> Result<MigrationStep, TxFault> {
    assert!(place.is_none(), "the machine stops");
    raise(tx, place)
}

static STOPPING: &[Migration] = &[Migration { name: "0001_raise", step: raise_and_stop }];
static STANDING: &[Migration] = &[Migration { name: "0001_raise", step: raise }];

fn versions(store: &Store) -> Vec<u64> {
    let users = ready(store.read(|view| view.scan(&USER_BY_ID, Scan::all()))).unwrap();
    users.into_iter().map(|(_, user)| user.version).collect()
}

#[tokio::test(start_paused = true)]
async fn a_migration_continues_after_a_crash_and_changes_each_row_once() {
    let (clock, entropy) = (Hand::new(), Seeded::default());
    let store = Store::in_memory(clock.clone(), &entropy);
    let prepare = store.write(write(clock.as_ref(), &entropy), |tx| {
        for number in 0..5 {
            let now = tx.now();
            unless_taken(tables::user::insert(tx, &a_user(user(u128::from(number)), number, now)))?;
        }
        Ok(())
    });
    prepare.await.unwrap();
    let reports = Arc::new(AtomicU32::new(0));
    let run = |all| {
        let (clock, entropy, reports) = (clock.clone(), &entropy, reports.clone());
        let count = move |_: MigrationProgress| {
            reports.fetch_add(1, Ordering::SeqCst);
        };
        migrations::run(&store, all, move || write(clock.as_ref(), entropy), count)
    };
    assert!(matches!(run(STOPPING).await, Err(Fault::Bug { .. })));
    assert_eq!(versions(&store), [2, 2, 1, 1, 1]);
    assert_eq!(run(STANDING).await, Ok(()));
    assert_eq!(versions(&store), [2, 2, 2, 2, 2]);
    // One step before the failure; two more with rows, and the end.
    assert_eq!(reports.load(Ordering::SeqCst), 4);
    assert_eq!(run(STANDING).await, Ok(()));
    assert_eq!(versions(&store), [2, 2, 2, 2, 2]);
    let newer = NewerStore { names: vec!["0001_raise".to_owned()] };
    assert_eq!(store.read(|view| migrations::newer_than(view, &[])).await, Ok(Some(newer)));
}
