//! The program's command line, by running the program.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests panic")]

mod config;
mod harness;
mod health;
mod notify;
mod running;
mod snapshot;
mod store;
mod user;

use harness::Majordomo;

#[test]
fn help_names_every_command_and_the_exit_codes() {
    let run = Majordomo::new().run(&["--help"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    for word in ["config", "health", "completions", "MAJORDOMO__SECTION__KEY", "Exit codes"] {
        assert!(run.stdout.contains(word), "{word}: {}", run.stdout);
    }
}

#[test]
fn a_wrong_command_line_is_said_on_standard_error_with_exit_code_2() {
    for arguments in
        [&["serv"][..], &[], &["config"], &["config", "check", "--prod"], &["--set", "x", "config", "print"]]
    {
        let run = Majordomo::new().run(arguments);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""), "{arguments:?}");
        assert!(!run.stderr.is_empty());
    }
}

#[test]
fn completions_are_printed_for_every_shell() {
    for shell in ["bash", "zsh", "fish"] {
        let run = Majordomo::new().run(&["completions", shell]);
        assert!(run.code == 0 && run.stdout.contains("majordomo"), "{shell}");
    }
}

#[test]
fn a_reader_who_leaves_early_is_no_error() {
    let majordomo = Majordomo::new();
    let mut child = majordomo.command(&["config", "explain"]).stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert!(child.wait().unwrap().success());
}
