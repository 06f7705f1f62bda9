//! `majordomo config ...`

use crate::harness::Majordomo;

#[test]
fn an_empty_directory_needs_no_settings() {
    let majordomo = Majordomo::new();
    let run = majordomo.run(&["config", "check"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.as_str()), (0, "no file: nothing is wrong\n", ""));
    assert!(majordomo.names().is_empty());
}

#[test]
fn the_sample_in_the_repository_is_valid_and_is_not_read_by_itself() {
    let sample = include_str!("../../config.toml");
    let majordomo = Majordomo::new().file("config.toml", sample);
    assert!(majordomo.run(&["config", "check"]).stdout.starts_with("no file"));
    let run = majordomo.run(&["config", "check", "--config", "config.toml"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "config.toml: nothing is wrong\n"));
}

#[test]
fn every_error_is_a_line_and_nothing_is_changed() {
    let majordomo = Majordomo::new()
        .file(
            "majordomo.toml",
            "[edge]\nlisten = \"here\"\n[notify.email]\nsmtp_url = \"ftp://u:hunter2@x\"\n[stroe]\npath = \"x\"\n",
        )
        .variable("MAJORDOMO__LOG__LEVEL", "loud")
        .variable("MAJORDOMO__AUTH__SESION__SLIDING", "7d");
    for command in
        [&["config", "check", "--set", "auth.code.tries=0"][..], &["config", "print", "--set", "auth.code.tries=0"]]
    {
        let run = majordomo.run(command);
        assert_eq!((run.code, run.stdout.as_str()), (2, ""));
        let expected = include_str!("expected/every_error.txt");
        assert_eq!(run.stderr, expected);
    }
    assert_eq!(majordomo.names(), ["majordomo.toml"]);
}

#[test]
fn the_first_existing_file_of_the_documented_order_is_read() {
    let level = |name: &str| format!("[log]\nlevel = \"{name}\"\n");
    let majordomo = Majordomo::new()
        .file("majordomo.toml", &level("error"))
        .file("variable.toml", &level("warn"))
        .file("flag.toml", &level("debug"));
    let printed = |majordomo: &Majordomo, arguments: &[&str]| -> String {
        let run = majordomo.run(arguments);
        run.stdout
            .lines()
            .find(|line| line.starts_with("level = "))
            .unwrap_or_else(|| panic!("{}", run.stderr))
            .to_owned()
    };
    assert!(printed(&majordomo, &["config", "print"]).ends_with("# majordomo.toml:2"));
    let majordomo = majordomo.variable("MAJORDOMO_CONFIG", "variable.toml");
    assert!(printed(&majordomo, &["config", "print"]).ends_with("# variable.toml:2"));
    assert!(printed(&majordomo, &["--config", "flag.toml", "config", "print"]).ends_with("# flag.toml:2"));
    let majordomo = majordomo.variable("MAJORDOMO__LOG__LEVEL", "trace");
    assert!(printed(&majordomo, &["config", "print"]).ends_with("# MAJORDOMO__LOG__LEVEL"));
    assert!(printed(&majordomo, &["config", "print", "--set", "log.level=info"]).ends_with("# --set"));
    let run = majordomo.run(&["--config", "absent.toml", "config", "check"]);
    assert_eq!(run.code, 2);
    assert!(run.stderr.starts_with("error: absent.toml: cannot be read"), "{}", run.stderr);
}

#[test]
fn init_writes_a_file_that_sets_nothing_and_never_overwrites() {
    let majordomo = Majordomo::new();
    let run = majordomo.run(&["config", "init"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert_eq!(majordomo.run(&["config", "check"]).stdout, "majordomo.toml: nothing is wrong\n");
    let before = std::fs::read(majordomo.path("majordomo.toml")).unwrap();
    let again = majordomo.run(&["config", "init"]);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (
            1,
            "error: majordomo.toml is there already; name another file (`majordomo config init FILE`), or move this \
             one away\n"
        )
    );
    assert_eq!(std::fs::read(majordomo.path("majordomo.toml")).unwrap(), before);
    let run = majordomo.run(&["config", "init", "no/such/directory.toml"]);
    assert_eq!(run.code, 1, "{}", run.stderr);
}

#[test]
fn init_writes_to_the_file_that_the_flag_names_and_refuses_two_names() {
    let majordomo = Majordomo::new();
    let run = majordomo.run(&["config", "init", "--config", "other.toml"]);
    assert_eq!((run.code, run.stdout.as_str()), (0, "other.toml is written; every key in it has its default\n"));
    assert_eq!(majordomo.names(), ["other.toml"]);
    let again = majordomo.run(&["--config", "other.toml", "config", "init"]);
    assert!(again.code == 1 && again.stderr.starts_with("error: other.toml is there already; "), "{}", again.stderr);
    let twice = majordomo.run(&["config", "init", "third.toml", "--config", "fourth.toml"]);
    assert!(twice.code == 2 && twice.stderr.contains("named twice; write "), "{}", twice.stderr);
    assert_eq!(majordomo.names(), ["other.toml"]);
}

#[test]
fn secrets_are_printed_by_no_command() {
    let majordomo =
        Majordomo::new().variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL", "smtps://u:hunter2@mail.example.com");
    for command in [
        &["config", "print"][..],
        &["config", "check"],
        &["config", "check", "--production"],
        &["config", "explain", "notify.email.smtp_url"],
    ] {
        let run = majordomo.run(command);
        assert!(!run.stdout.contains("hunter2") && !run.stderr.contains("hunter2"), "{command:?}");
    }
    let run = majordomo.run(&["config", "print"]);
    assert!(run.stdout.contains("smtp_url = \"***\""), "{}", run.stdout);
    assert!(
        run.stderr.starts_with("warning: notify.email.smtp_url (MAJORDOMO__NOTIFY__EMAIL__SMTP_URL): has no effect")
    );
    let run = majordomo.run(&["config", "print", "--set", "notify.email.smtp_url=smtps://u:hunter3@x"]);
    assert!(run.code == 2 && !run.stderr.contains("hunter3"), "{}", run.stderr);
}

#[test]
fn production_is_refused_by_name_and_deviations_are_listed_separately() {
    let run = Majordomo::new().run(&["config", "check", "--production"]);
    assert_eq!((run.code, run.stderr.as_str()), (2, ""));
    let expected = include_str!("expected/production_refused.txt");
    assert_eq!(run.stdout, expected);

    let settled = include_str!("expected/production.toml");
    let majordomo = Majordomo::new()
        .file("majordomo.toml", settled)
        .file("smtp", "smtps://u:p@mail.example.com\n")
        .variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL_FILE", "smtp");
    let run = majordomo.run(&["config", "check", "--production"]);
    assert_eq!(run.code, 0, "{}{}", run.stdout, run.stderr);
    assert!(run.stdout.ends_with("majordomo.toml: production would start\n"));
    assert_eq!(majordomo.run(&["config", "check"]).code, 0);
    let run = majordomo.run(&["config", "check", "--set", "store.engine=mem"]);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(
        run.stderr.starts_with("error: store.engine = \"mem\" (--set): the tree would be held in memory"),
        "{}",
        run.stderr
    );
}

#[test]
fn a_key_is_explained_even_when_the_settings_are_wrong() {
    let majordomo = Majordomo::new().file("majordomo.toml", "[auth.token]\nlifetime = \"5m\"\n");
    let expected = "\
auth.token.lifetime
  The lifetime of a token.
  value     \"5m\" (majordomo.toml:2)
  default   \"15m\"
  takes     a duration such as \"500ms\", \"30s\", \"15m\", \"24h\" or \"30d\", 10s to 1d
  variable  MAJORDOMO__AUTH__TOKEN__LIFETIME
";
    assert_eq!(majordomo.run(&["config", "explain", "auth.token.lifetime"]).stdout, expected);
    assert!(majordomo.run(&["config", "explain", "auth.token"]).stdout.contains("auth.token.algorithm"));
    let run = majordomo.run(&["config", "explain", "auth.token.liftime"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (2, "error: auth.token.liftime: no such key; did you mean auth.token.lifetime?\n")
    );

    let broken = Majordomo::new().file("majordomo.toml", "lifetime = 5");
    let run = broken.run(&["config", "explain", "auth.token.lifetime"]);
    assert!(run.code == 0 && run.stderr.starts_with("note: the settings are wrong"), "{}", run.stderr);
    assert_eq!(
        broken.run(&["config", "explain"]).stdout.lines().filter(|line| line.starts_with("edge.listen ")).count(),
        1
    );
}

#[test]
fn check_opens_the_files_that_the_settings_name() {
    let mail = "[notify.email]\ntransport = \"smtp\"\nsmtp_url = \"smtp://127.0.0.1:2525\"\n\
                from = \"a@example.com\"\nca_file = \"roots.pem\"\n";
    let refused = |majordomo: &Majordomo, words: &str| {
        for command in [&["config", "check"][..], &["config", "check", "--production"]] {
            let run = majordomo.run(command);
            assert!(run.code == 2 && run.stderr.contains(words), "{command:?}: {} {}", run.code, run.stderr);
        }
    };
    let majordomo = Majordomo::new().file("majordomo.toml", "[secrets]\npepper_file = \"pepper\"\n");
    refused(&majordomo, "secrets.pepper_file: pepper: No such file");
    let majordomo = majordomo.file("pepper", "short");
    refused(&majordomo, "a pepper has at least");
    let majordomo = Majordomo::new().file("majordomo.toml", mail);
    refused(&majordomo, "ca_file roots.pem: No such file");
    let majordomo = majordomo.file("roots.pem", "no certificate");
    refused(&majordomo, "certificate");
}
