//! The program's command line, by running the program.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests panic")]

mod actors;
mod at_terminal;
mod config;
mod failures;
mod harness;
mod health;
mod notify;
mod running;
mod snapshot;
mod store;
mod unit;
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

#[test]
fn colours_are_for_terminals_and_can_be_switched_off() {
    let wrong = ["config", "explain", "no.such.key"];
    let plain = Majordomo::new().run(&wrong).stderr;
    assert!(plain.starts_with("error: no.such.key"), "{plain}");
    let forced = Majordomo::new().variable("CLICOLOR_FORCE", "1").run(&wrong).stderr;
    assert!(forced.starts_with("\x1b[1;31merror:\x1b[0m no.such.key"), "{forced:?}");
    let never = Majordomo::new().variable("CLICOLOR_FORCE", "1").variable("NO_COLOR", "1").run(&wrong).stderr;
    assert_eq!(never, plain);
}

#[test]
fn every_command_explains_itself() {
    for command in [
        &["top"][..],
        &["actors"],
        &["user", "list"],
        &["user", "show"],
        &["user", "create-admin"],
        &["keys", "init"],
        &["store", "check"],
    ] {
        let run = Majordomo::new().run(&[command, &["--help"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{command:?}");
        assert!(run.stdout.contains("Usage: majordomo"), "{}", run.stdout);
    }
    let help = Majordomo::new().run(&["user", "create-admin", "--help"]).stdout;
    for words in ["- for standard input", "--json", "without echo"] {
        assert!(help.contains(words), "{words}: {help}");
    }
    assert!(Majordomo::new().run(&["--help"]).stdout.contains("/etc/majordomo/config.toml"));
}
