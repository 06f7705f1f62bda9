//! Users from the command line, with the server running and stopped.

use crate::{
    at_terminal::AtTerminal,
    harness::{Majordomo, NO_STORE, Server},
};

const CREATE: [&str; 6] = ["user", "create-admin", "--email", "ada@example.com", "--password-file", "password"];

/// A directory with a store, and a cheap hash to keep the tests fast.
fn majordomo() -> Majordomo {
    let program = Majordomo::new()
        .variable("MAJORDOMO__AUTH__HASH__MEMORY_KIB", "1024")
        .variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA")
        .file("password", "seven wise otters\n");
    program.serve().stop();
    program
}

/// Whether the user can sign in.
fn may_enter(server: &Server, email: &str, password: &str) -> bool {
    use std::io::{Read, Write};
    let body = serde_json::json!({ "identifier": email, "password": password }).to_string();
    let mut stream = std::net::TcpStream::connect(&server.public).unwrap();
    let head = "POST /auth/login HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    match answer.split_whitespace().nth(1) {
        Some("200") => true,
        Some("401") => false,
        _ => panic!("{answer}"),
    }
}

#[test]
fn an_administrator_is_created_with_the_server_running_and_without() {
    let program = majordomo();
    let run = program.run(&CREATE);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("ada@example.com is an administrator now (user 0"), "{}", run.stdout);
    let offline = program.run(&CREATE);
    let taken = "email is a user's already: grant the role admin instead\n";
    assert_eq!((offline.code, offline.stderr), (1, format!("error: {taken}")));

    let server = program.serve();
    let online = server.run(&program, &CREATE);
    assert_eq!((online.code, online.stderr), (1, format!("error: the running server refuses: {taken}")));
    let bob = ["user", "create-admin", "--email", "bob@example.com", "--password-file", "password"];
    let run = server.run(&program, &bob);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    for address in ["ada@example.com", "bob@example.com"] {
        assert!(may_enter(&server, address, "seven wise otters"), "{address}");
        assert!(!may_enter(&server, address, "seven wise foxes"), "{address}");
    }
    server.stop();
}

#[test]
fn without_a_store_the_error_names_the_command_that_creates_one() {
    let program = Majordomo::new().file("password", "seven wise otters\n");
    let run = program.run(&CREATE);
    assert_eq!((run.code, run.stderr.as_str()), (1, NO_STORE));
    assert_eq!(program.names(), ["password"]);
}

#[test]
fn a_password_is_refused_with_every_reason() {
    let program = majordomo().file("short", "ada").file("empty", "\n");
    let create = |file| ["user", "create-admin", "--email", "ada@example.com", "--password-file", file];
    let offline = program.run(&create("short"));
    assert_eq!((offline.code, offline.stderr.lines().count()), (1, 1), "{}", offline.stderr);
    assert!(offline.stderr.contains("password must be at least 12"), "{}", offline.stderr);
    let empty = program.run(&create("empty"));
    assert_eq!(
        (empty.code, empty.stderr.as_str()),
        (1, "error: the password file empty: it is empty; write the password there\n")
    );
    let missing = program.run(&create("missing"));
    assert_eq!(missing.code, 1);
    assert!(missing.stderr.starts_with("error: the password file missing: No such file"), "{}", missing.stderr);

    let server = program.serve();
    let online = server.run(&program, &create("short"));
    assert_eq!(online.code, 1);
    let reasons = offline.stderr.trim_start_matches("error: ");
    assert_eq!(online.stderr, format!("error: the running server refuses: {reasons}"));
}

/// Each command runs twice: without the server, then with it.
#[test]
fn users_are_changed_with_the_server_running_and_without() {
    let program = majordomo().file("other", "seven wise foxes");
    assert_eq!(program.run(&CREATE).code, 0);
    let email = ["--email", "ada@example.com"];
    let reset = [&["user", "reset-password"], &email[..], &["--password-file", "other"]].concat();
    let commands: [(Vec<&str>, &str); 4] = [
        (reset, "ada@example.com has the new password; all sessions have ended\n"),
        ([&["user", "unlock"], &email[..]].concat(), "ada@example.com is active; failed logins are forgotten\n"),
        (
            [&["user", "grant"], &email[..], &["--role", "auditor"]].concat(),
            "ada@example.com holds user, auditor, admin\n",
        ),
        ([&["user", "end-sessions"], &email[..]].concat(), "0 sessions of ada@example.com have ended\n"),
    ];
    for (command, output) in &commands {
        let run = program.run(command);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, *output, ""), "{command:?}");
    }
    let server = program.serve();
    assert!(may_enter(&server, "ada@example.com", "seven wise foxes"));
    let ended = server.run(&program, &commands[3].0);
    assert_eq!(ended.stdout, "1 sessions of ada@example.com have ended\n", "{}", ended.stderr);
    for (command, output) in &commands {
        let run = server.run(&program, command);
        assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, *output, ""), "{command:?}");
    }
}

#[test]
fn an_unknown_address_is_the_same_error_from_the_server_and_without_it() {
    let program = majordomo();
    let commands = [
        &["user", "reset-password", "--email", "eve@example.com", "--password-file", "password"][..],
        &["user", "unlock", "--email", "eve@example.com"],
        &["user", "grant", "--email", "eve@example.com", "--role", "admin"],
        &["user", "end-sessions", "--email", "eve@example.com"],
    ];
    for command in commands {
        let run = program.run(command);
        assert_eq!((run.code, run.stderr.as_str()), (1, "error: No user has this address.\n"), "{command:?}");
    }
    let server = program.serve();
    for command in commands {
        let run = server.run(&program, command);
        let error = "error: the running server refuses: No user has this address.\n";
        assert_eq!((run.code, run.stderr.as_str()), (1, error), "{command:?}");
    }
    let run = program.run(&["user", "grant", "--email", "eve@example.com", "--role", "king"]);
    assert_eq!(run.code, 2);
}

#[test]
fn a_text_that_is_no_address_is_a_wrong_command_line() {
    let program = Majordomo::new().file("password", "seven wise otters");
    let run = program.run(&["user", "create-admin", "--email", "ada", "--password-file", "password"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
    let run = program.run(&CREATE);
    assert_eq!((run.code, run.stderr.as_str()), (1, NO_STORE));
}

#[test]
fn users_are_listed_and_shown_with_the_server_running_and_without() {
    let program = majordomo();
    let show = ["user", "show", "--email", "ADA@example.com"];
    let unknown = "error: ADA@example.com: no user has this address; `majordomo user list` lists them\n";
    assert_eq!(program.run(&show).stderr, unknown);
    assert_eq!(program.run(&CREATE).code, 0);
    let bob = ["user", "create-admin", "--email", "bob@example.com", "--password-file", "password", "--json"];
    let made: serde_json::Value = serde_json::from_str(&program.run(&bob).stdout).unwrap();
    assert_eq!(made["email"], "bob@example.com");
    let lists = [&["user", "list"][..], &["user", "list", "--role", "admin", "--status", "active"]];
    let check = |run: &dyn Fn(&[&str]) -> crate::harness::Run| {
        for list in lists {
            let printed = run(list).stdout;
            let lines: Vec<&str> = printed.lines().collect();
            assert_eq!(lines.len(), 3, "{printed}");
            assert!(lines[0].starts_with("ID ") && lines[0].ends_with("EMAIL"), "{printed}");
            assert!(lines[1].ends_with("bob@example.com") && lines[2].ends_with("ada@example.com"), "{printed}");
            assert!(lines[1].contains(" active ") && lines[1].contains(" user,admin "), "{printed}");
        }
        assert_eq!(run(&["user", "list", "--status", "locked"]).stdout.lines().count(), 1);
        let records = run(&["user", "list", "--json"]).stdout;
        let records: Vec<serde_json::Value> = records.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!((&records[0]["id"], records.len()), (&made["id"], 2));
        let shown = run(&show).stdout;
        assert!(shown.contains("email ") && shown.contains("ada@example.com") && shown.contains("admin"), "{shown}");
        let record: serde_json::Value = serde_json::from_str(&run(&[&show[..], &["--json"]].concat()).stdout).unwrap();
        assert_eq!(record, records[1]);
    };
    check(&|arguments| program.run(arguments));
    let server = program.serve();
    check(&|arguments| server.run(&program, arguments));
    assert_eq!(server.run(&program, &["user", "show", "--email", "eve@example.com"]).code, 1);
    server.stop();
    assert_eq!(program.run(&["user", "list", "--status", "asleep"]).code, 2);
}

#[test]
fn a_password_comes_from_standard_input() {
    use std::io::Write;
    let program = majordomo();
    let create = ["user", "create-admin", "--email", "ada@example.com", "--password-file", "-"];
    let piped = std::process::Stdio::piped;
    let mut child = program.command(&create).stdin(piped()).stdout(piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"seven wise otters\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let server = program.serve();
    assert!(may_enter(&server, "ada@example.com", "seven wise otters"));
    server.stop();
    let nothing = program.run(&create);
    let told = "error: standard input: it is empty; write the password there\n";
    assert_eq!((nothing.code, nothing.stderr.as_str()), (1, told));
}

const ASKING: [&str; 4] = ["user", "create-admin", "--email", "ada@example.com"];

#[test]
fn the_terminal_asks_for_a_password_twice_and_shows_none() {
    let program = majordomo();
    let Some(mut terminal) = AtTerminal::run(&program, &ASKING) else { return };
    terminal.wait_for("Password: ");
    terminal.press("seven wise otters\r");
    terminal.wait_for("again: ");
    terminal.press("seven wise foxes\r");
    terminal.wait_for("The two are not the same.");
    terminal.press("seven wise oxters\x7f\x7f\x7f\x7f\x7ftters\r");
    terminal.press("wrong\x15seven wise otters\r");
    let end = terminal.end();
    assert_eq!((end.code, &end.after), (0, &end.before), "{}", end.shown);
    assert!(!end.shown.contains("wise"), "{}", end.shown);
    let server = program.serve();
    assert!(may_enter(&server, "ada@example.com", "seven wise otters"));
    server.stop();
}

#[test]
fn a_question_for_a_password_can_be_stopped_and_leaves_the_terminal_as_it_was() {
    let program = majordomo();
    for way in ["\x03", "TERM"] {
        let Some(mut terminal) = AtTerminal::run(&program, &ASKING) else { return };
        terminal.wait_for("Password: ");
        if way == "TERM" {
            terminal.signal(way)
        } else {
            terminal.press(way)
        }
        let end = terminal.end();
        assert_eq!((end.code, &end.after), (1, &end.before), "{}", end.shown);
        assert!(end.shown.contains("stopped, and nothing was changed; repeat the command"), "{}", end.shown);
    }
    let run = program.run(&ASKING);
    let told = "error: there is no terminal to ask for the password at; name a file with --password-file FILE, or \
                --password-file - for standard input\n";
    assert_eq!((run.code, run.stderr.as_str()), (2, told));
}
