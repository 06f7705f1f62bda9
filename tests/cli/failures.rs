//! Every failure names the file, the address or the flag that it concerns, and what to do next.

use crate::harness::{Majordomo, unused_address};

/// The directory of the case; a word for each part that the failure names: the place, the reason, the fix.
struct Case {
    files: &'static [(&'static str, &'static str)],
    command: &'static [&'static str],
    code: i32,
    words: [&'static str; 2],
}

const MAIL: &str =
    "[notify.email]\ntransport = \"smtp\"\nfrom = \"a@example.com\"\nsmtp_url = \"smtp://127.0.0.1:1\"\n";

/// A command without a store, without a server, with a wrong file or a wrong flag, and the fix that it names.
const CASES: [Case; 32] = [
    case(&[], &["store", "check"], 1, ["data holds no store (store.path)", "start the server once"]),
    case(&[], &["keys", "rotate"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["keys", "rotate-ring"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["keys", "recover"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["user", "list"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["user", "show", "--email", "a@example.com"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["notify", "resume"], 1, ["data holds no store", "start the server once"]),
    case(&[], &["snapshot", "create", "f"], 1, ["data holds no store", "start the server once"]),
    case(&[("f", "x")], &["snapshot", "create", "f"], 1, ["/f is there already", "name another file"]),
    case(&[("f", "x")], &["snapshot", "restore", "f", "d"], 1, ["f: damaged at byte", "restore another snapshot"]),
    case(&[], &["snapshot", "restore", "f", "d"], 1, ["f is not restored to d", "name files that you can read"]),
    case(&[("f", "x")], &["keys", "init", "f"], 1, ["f is there already", "name another file"]),
    case(&[("f", "x")], &["keys", "init", "f/ring"], 1, ["key ring f/ring: ", "name a file that you can write"]),
    case(&[], &["clock", "accept"], 1, ["no server runs", "start it (`majordomo serve`)"]),
    case(&[], &["log", "level"], 1, ["no server runs", "`log.level` in the settings"]),
    case(&[], &["actors"], 1, ["the ops listener http://", "start the server (`majordomo serve`)"]),
    case(&[], &["top", "--once"], 1, ["the ops listener http://", "name its edge.ops_listen"]),
    case(&[], &["health"], 1, ["is not reached", "start the server (`majordomo serve`)"]),
    case(&[], &["health", "--url", "x"], 1, ["x is not reached: not an address such as", "name its public listener"]),
    case(
        &[],
        &["health", "--set", "edge.listen=127.0.0.1:0"],
        2,
        ["edge.listen takes any free port", "--set edge.listen"],
    ),
    case(&[], &["user", "create-admin", "--email", "a@example.com"], 2, ["no terminal", "--password-file FILE"]),
    case(&[], PASSWORD, 1, ["the password file f: No such file", "name a file that you can read"]),
    case(&[("f", "\n")], PASSWORD, 1, ["the password file f: it is empty", "write the password there"]),
    case(&[], &["config", "explain", "x.y"], 2, ["x.y: no such key", "`majordomo config explain` lists"]),
    case(&[("majordomo.toml", "")], &["config", "init"], 1, ["majordomo.toml is there already", "name another file"]),
    case(&[("f", "x")], &["config", "init", "f/x"], 1, ["f/x: Not a directory", "name a file that you can write"]),
    case(&[], &["--config", "f", "config", "check"], 2, ["f: cannot be read", "name"]),
    case(
        &[("majordomo.toml", "[secrets]\npepper_file = \"f\"\n")],
        &["config", "check"],
        2,
        ["secrets.pepper_file: f: No such file", "name the file that holds the pepper"],
    ),
    case(
        &[],
        &["notify", "test", "--channel", "email", "--to", "a@example.com"],
        2,
        ["no mail server is configured", "set it to \"smtp\""],
    ),
    case(
        &[("majordomo.toml", MAIL)],
        &["notify", "test", "--channel", "email", "--to", "a@example.com"],
        1,
        ["the mail was not taken", "check notify.email.smtp_url"],
    ),
    case(&[("data", "x")], &["serve"], 1, ["data is not a directory", "name one in store.path"]),
    case(&[], &["--set", "store.engine=mem", "store", "check"], 2, ["store.engine = \"mem\"", "set it to \"sled\""]),
];

const PASSWORD: &[&str] = &["user", "create-admin", "--email", "a@example.com", "--password-file", "f"];

const fn case(
    files: &'static [(&'static str, &'static str)],
    command: &'static [&'static str],
    code: i32,
    words: [&'static str; 2],
) -> Case {
    Case { files, command, code, words }
}

#[test]
fn every_failure_names_its_place_and_what_to_do_next() {
    let (_public, public) = unused_address();
    let (_ops, ops) = unused_address();
    for Case { files, command, code, words: [place, fix] } in CASES {
        let majordomo = Majordomo::new()
            .variable("MAJORDOMO__EDGE__LISTEN", &public.to_string())
            .variable("MAJORDOMO__EDGE__OPS_LISTEN", &ops.to_string());
        // The addresses of `serve` are free.
        let majordomo = if command == ["serve"] { Majordomo::new() } else { majordomo };
        let majordomo = files.iter().fold(majordomo, |majordomo, (name, text)| majordomo.file(name, text));
        let free = ["--set", "edge.listen=127.0.0.1:0", "--set", "edge.ops_listen=127.0.0.1:0"];
        let arguments = if command == ["serve"] { [&free[..], command].concat() } else { command.to_vec() };
        let run = majordomo.run(&arguments);
        let error = run.stderr.trim_end();
        assert_eq!(run.code, code, "{command:?}: {error}");
        let line = error.lines().last().unwrap();
        assert!(line.starts_with("error: "), "{command:?}: {error}");
        let at = line.find(place).unwrap_or_else(|| panic!("{command:?} does not name `{place}`: {error}"));
        assert!(line[at..].contains(fix), "{command:?} does not say `{fix}`: {error}");
    }
}

#[test]
fn a_server_that_cannot_listen_names_the_key_and_the_fix() {
    let held = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = format!("edge.listen={}", held.local_addr().unwrap());
    let run = Majordomo::new().run(&["--set", &listen, "--set", "edge.ops_listen=127.0.0.1:0", "serve"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
    for words in ["cannot listen on 127.0.0.1:", "(edge.listen)", "set edge.listen to another address"] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}
