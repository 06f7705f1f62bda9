//! Commands to a running server, except those on users, and the same commands without a server.

use crate::harness::Majordomo;

fn majordomo() -> Majordomo {
    Majordomo::new().variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA")
}

/// `kid` and stage in each line.
fn keys(printed: &str) -> Vec<(String, String)> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        assert_eq!((words.len(), words[1], words[3]), (5, "EdDSA", "since"), "{line}");
        (words[0].to_owned(), words[2].to_owned())
    };
    let mut keys: Vec<_> = printed.lines().map(line).collect();
    keys.sort();
    keys
}

fn stages(keys: &[(String, String)]) -> Vec<&str> {
    keys.iter().map(|(_, stage)| stage.as_str()).collect()
}

#[test]
fn signing_keys_are_rotated_with_the_server_running_and_without() {
    let program = majordomo();
    let server = program.serve();
    let begun = keys(&server.run(&program, &["keys", "rotate"]).stdout);
    assert_eq!(stages(&begun), ["signing", "published"]);
    let again = keys(&server.run(&program, &["keys", "rotate"]).stdout);
    assert_eq!(again, begun, "one that is published already is enough");
    server.stop();

    let now = keys(&program.run(&["keys", "rotate", "--now"]).stdout);
    assert_eq!(stages(&now), ["retiring", "signing"]);
    assert_eq!(now[1].0, begun[1].0);
    let stolen = keys(&program.run(&["keys", "rotate", "--stolen"]).stdout);
    assert_eq!(stages(&stolen), ["signing"]);
    assert!(now.iter().all(|(kid, _)| *kid != stolen[0].0));
    assert_eq!(program.run(&["keys", "rotate", "--stolen", "--now"]).code, 2);
}

#[test]
fn a_snapshot_is_taken_while_the_server_runs() {
    let program = majordomo();
    let server = program.serve();
    let run = server.run(&program, &["snapshot", "create", "copy.snapshot"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let place = program.path("copy.snapshot").display().to_string();
    assert!(run.stdout.starts_with(&format!("{place} is written by the server (")), "{}", run.stdout);
    assert!(run.stdout.contains("it belongs to user ") && run.stdout.contains(", mode 06"), "{}", run.stdout);
    let nowhere = server.run(&program, &["snapshot", "create", "nowhere/copy.snapshot"]);
    assert_eq!((nowhere.code, nowhere.stderr.lines().count()), (1, 1), "{}", nowhere.stderr);
    let example = std::path::absolute(program.path("copy.snapshot")).unwrap();
    assert!(nowhere.stderr.contains("the server writes the file with the rights of its user"), "{}", nowhere.stderr);
    assert!(nowhere.stderr.contains(&example.display().to_string()), "{}", nowhere.stderr);
    server.stop();
    let run = program.run(&["snapshot", "restore", "copy.snapshot", "other"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(!program.path("data/control.token").exists(), "the credential ends with the server");
}

#[test]
fn the_clock_of_a_running_server_is_accepted() {
    let program = majordomo();
    let server = program.serve();
    let run = server.run(&program, &["clock", "accept"]);
    assert!(run.stdout.starts_with("the time is accepted: 2"), "{} {}", run.stdout, run.stderr);
    server.stop();
    let run = program.run(&["clock", "accept"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: no server runs, so there is no clock to accept; start it (`majordomo serve`)\n")
    );
}

#[test]
fn the_level_of_the_log_is_set_for_a_while() {
    let program = majordomo();
    let server = program.serve();
    let level = |arguments: &[&str]| {
        let run = server.run(&program, &[&["log", "level"], arguments].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        run.stdout
    };
    assert_eq!(level(&[]), "the log has level info, as configured\n");
    let set = level(&["debug", "--for", "2h"]);
    assert!(set.starts_with("the log has level debug until 2") && set.ends_with("Z, then info\n"), "{set}");
    assert_eq!(level(&[]), set);
    assert!(level(&["trace"]).starts_with("the log has level trace until "));
    assert_eq!(level(&["info"]), "the log has level info, as configured\n");
    for wrong in [&["loud"][..], &["debug", "--for", "25h"], &["debug", "--for", "0s"], &["--for", "15m"]] {
        assert_eq!(server.run(&program, &[&["log", "level"], wrong].concat()).code, 2, "{wrong:?}");
    }
    server.stop();
    let run = program.run(&["log", "level", "debug"]);
    assert!(run.code == 1 && run.stderr.starts_with("error: no server runs; "), "{}", run.stderr);
}

#[test]
fn a_directory_that_cannot_be_had_is_named_with_its_key() {
    const SERVE: [&str; 5] = ["--set", "edge.listen=127.0.0.1:0", "--set", "edge.ops_listen=127.0.0.1:0", "serve"];
    let program = majordomo();
    let server = program.serve();
    let run = program.run(&["store", "check", "--set", "store.lock_wait=0s"]);
    assert!(run.code == 1 && run.stderr.contains("in use by another process ("), "{}", run.stderr);
    assert!(run.stderr.contains("store.path"), "{}", run.stderr);
    let run = program.run(&[&["--set", "store.lock_wait=100ms"], &SERVE[..]].concat());
    let waits = run.stderr + &run.stdout;
    assert!(waits.contains("data is in use by process ") && waits.contains("100ms (store.lock_wait)"), "{waits}");
    server.stop();

    let run = majordomo().file("data", "").run(&SERVE);
    assert_eq!(
        (run.code, run.stderr.lines().last()),
        (1, Some("error: data is not a directory; name one in store.path"))
    );
}
