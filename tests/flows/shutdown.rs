//! The stop of the whole tree.

use majordomo::{
    persistence::Write,
    supervision::PhaseEnd,
    types::{CallContext, Fault, Work, limits},
};

use crate::test_app::{TREE, TestApp};

#[tokio::test]
async fn the_whole_tree_is_stopped_upwards_and_the_store_is_closed_in_its_turn() {
    let app = TestApp::new().await;
    app.member("ada@example.com").await;
    let (store, system) = (app.store.clone(), app.system.clone());
    let stopped = app.stop().await;
    let expected: Vec<_> = TREE.iter().rev().map(|name| ((*name).into(), PhaseEnd::Finished)).collect();
    assert_eq!(stopped, expected);
    let work = Work::until(system.clock().instant() + limits::CALL_DEADLINE);
    let write = Write::new(work, system.stamp(), CallContext::service("test", "too-late"));
    assert_eq!(store.write(write, |_| Ok(())).await, Err(Fault::Unavailable));
}
