//! No state is global to the process.

use majordomo::supervision::{Spec, Supervisor};

use crate::test_service::{Ask, Diary, SECOND, echo, report, system_seeded, test_service, until};

#[tokio::test(start_paused = true)]
async fn parallel_systems_share_no_state() {
    let mut running = Vec::new();
    for seed in 0..50 {
        let (system, diary) = (system_seeded(seed), Diary::default());
        let mut root = Supervisor::root(&system);
        let addr = root.service(Spec::escape("probe").restarts(0, SECOND), test_service("probe", &diary));
        running.push((system, diary, addr, root.start().await.unwrap()));
    }
    let (broken, _, addr, _) = &running[7];
    assert!(addr.call(SECOND, Ask::Crash).await.is_err());
    assert_eq!(broken.escaped().await.path, "probe");
    for (number, (system, diary, addr, tree)) in running.into_iter().enumerate() {
        if number != 7 {
            assert_eq!(echo(&addr, 1).await, Ok(1));
            assert_eq!(report(&system, "probe").work.handled, 1);
            assert_eq!(diary.lines(), ["probe starts"]);
        }
        tree.stop(SECOND).await;
    }
    let metrics = tokio::runtime::Handle::current().metrics();
    until("no task is left", || metrics.num_alive_tasks() == 0).await;
}

#[tokio::test(start_paused = true)]
async fn a_seed_gives_the_same_random_bytes_and_the_clock_the_same_time() {
    let (one, same, other) = (system_seeded(1).stamp(), system_seeded(1).stamp(), system_seeded(2).stamp());
    assert_eq!((one.seed, one.now), (same.seed, same.now));
    assert_ne!(one.seed, other.seed);
}
