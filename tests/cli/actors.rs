//! `majordomo actors` and `majordomo top`.

use crate::{
    at_terminal::AtTerminal,
    harness::{Majordomo, Server, unused_address},
};

fn majordomo() -> Majordomo {
    Majordomo::new().variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA").variable("TERM", "xterm")
}

#[test]
fn the_tree_is_printed_once_with_its_counts() {
    let program = majordomo();
    let server = program.serve();
    let run = server.run(&program, &["actors"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert!(lines[0].starts_with("majordomo on ") && lines[0].contains(", health up"), "{}", run.stdout);
    let heading = lines.iter().find(|line| line.starts_with("ACTOR")).unwrap();
    for column in ["KIND", "STATUS", "MAILBOX", "HANDLED", "REFUSED", "FAILED", "RESTARTS", "LAST FAILURE"] {
        assert!(heading.contains(column), "{heading}");
    }
    assert!(!heading.contains("MSG/S"), "one reading has no rates");
    for start in ["auth ", "relay ", "  notifier ", "upkeep ", "  expirer "] {
        assert!(
            lines.iter().any(|line| line.starts_with(start) && line.contains("running")),
            "{start}: {}",
            run.stdout
        );
    }
    assert!(!run.stdout.contains('\x1b'), "a pipe has no colours");

    let run = server.run(&program, &["actors", "--json"]);
    let paths: Vec<String> = run
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["path"].as_str().unwrap().to_owned())
        .collect();
    assert!(paths.contains(&"upkeep/expirer".to_owned()), "{paths:?}");
    server.stop();
}

#[test]
fn top_has_rates_where_it_prints_once() {
    let program = majordomo();
    let server = program.serve();
    for arguments in [&["top", "--once", "--every", "100ms"][..], &["top", "--every", "100ms"]] {
        let run = server.run(&program, arguments);
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{arguments:?}");
        assert!(run.stdout.contains("MSG/S") && run.stdout.contains(" a second, "), "{}", run.stdout);
        assert!(!run.stdout.contains('\x1b'), "standard output is no terminal");
    }
    assert_eq!(program.run(&["top", "--every", "1ms"]).code, 2);
    server.stop();
}

#[test]
fn without_a_server_the_way_to_one_is_named() {
    let (_socket, free) = unused_address();
    let listener = format!("edge.ops_listen={free}");
    for command in ["actors", "top"] {
        let run = Majordomo::new().run(&["--set", &listener, command]);
        let reason = "does not answer: no process listens on this address";
        let fix = "start the server (`majordomo serve`), or name its edge.ops_listen";
        let expected = format!("error: the ops listener http://{free} {reason}; {fix}\n");
        assert_eq!((run.code, run.stdout.as_str(), run.stderr), (1, "", expected));
    }
    let run = Majordomo::new().run(&["--set", "edge.ops_listen=127.0.0.1:0", "actors"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

/// `top` at a terminal, once it has drawn rates.
fn live(program: &Majordomo, server: &Server) -> Option<AtTerminal> {
    let listener = format!("edge.ops_listen={}", server.ops);
    let top = AtTerminal::run(program, &["--set", &listener, "top", "--every", "100ms"])?;
    top.wait_for("\x1b[?1049h");
    top.wait_for("MSG/S");
    top.wait_for("expirer");
    Some(top)
}

#[test]
fn top_redraws_until_q_and_restores_the_terminal() {
    let program = majordomo();
    let server = program.serve();
    let Some(mut top) = live(&program, &server) else { return };
    top.press("j");
    top.press("q");
    let end = top.end();
    assert_eq!((end.code, end.after), (0, end.before), "{}", end.shown);
    assert!(end.shown.contains("\x1b[?25h\x1b[?1049l"), "{:?}", end.shown);
    assert!(end.shown.contains("\x1b[32mrunning"), "a terminal has colours");
    server.stop();
}

#[test]
fn top_restores_the_terminal_at_ctrl_c_and_at_a_signal() {
    let program = majordomo();
    let server = program.serve();
    for way in ["ctrl-c", "INT", "TERM", "HUP"] {
        let Some(mut top) = live(&program, &server) else { return };
        if way == "ctrl-c" {
            top.press("\x03")
        } else {
            top.signal(way)
        }
        let end = top.end();
        assert_eq!((end.code, end.after), (0, end.before), "{way}: {}", end.shown);
        assert!(end.shown.contains("\x1b[?25h\x1b[?1049l"), "{way}: {:?}", end.shown);
    }
    server.stop();
}

#[test]
fn top_goes_on_while_the_server_is_away() {
    let program = majordomo();
    let server = program.serve();
    let Some(mut top) = live(&program, &server) else { return };
    server.stop();
    top.wait_for("does not answer");
    top.press("q");
    let end = top.end();
    assert_eq!((end.code, end.after), (0, end.before), "{}", end.shown);
}
