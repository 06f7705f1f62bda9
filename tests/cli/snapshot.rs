//! `majordomo snapshot ...`

use crate::harness::Majordomo;

#[test]
fn a_file_that_is_no_snapshot_is_refused_and_no_store_is_created() {
    let majordomo = Majordomo::new().file("copy.snapshot", "not one");
    let run = majordomo.run(&["snapshot", "restore", "copy.snapshot", "store"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: copy.snapshot: damaged at byte "), "{}", run.stderr);
    let run = majordomo.run(&["snapshot", "restore", "absent", "store"]);
    assert_eq!((run.code, run.stderr.lines().count()), (1, 1), "{}", run.stderr);
    assert!(run.stderr.starts_with("error: absent is not restored to store: "), "{}", run.stderr);
    assert_eq!(majordomo.names(), ["copy.snapshot"]);
}
