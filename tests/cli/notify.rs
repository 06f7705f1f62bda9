//! `majordomo notify test`; tests/e2e runs it with a real mail server.

use crate::harness::{Majordomo, unused_address};

const TO: [&str; 6] = ["notify", "test", "--channel", "email", "--to", "ada@example.org"];

#[test]
fn without_a_mail_server_it_says_so_with_exit_code_2() {
    let program = Majordomo::new();
    let run = program.run(&TO);
    assert_eq!((run.code, run.stdout.as_str()), (2, ""));
    assert!(run.stderr.starts_with("error: no mail server is configured"), "{}", run.stderr);
    assert!(program.names().is_empty(), "a test of mail makes no store");
}

#[test]
fn an_unreachable_mail_server_is_exit_code_1_and_the_password_is_not_printed() {
    let (_socket, free) = unused_address();
    let run = Majordomo::new()
        .variable("MAJORDOMO__NOTIFY__EMAIL__TRANSPORT", "smtp")
        .variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL", &format!("smtp://mailer:hunter2@{free}"))
        .variable("MAJORDOMO__NOTIFY__EMAIL__FROM", "no-reply@example.com")
        .run(&TO);
    assert_eq!(run.code, 1, "{}", run.stderr);
    assert!(run.stdout.contains("> EHLO example.com\n"), "{}", run.stdout);
    assert!(run.stderr.starts_with("error: the mail was not taken: broken at connect"), "{}", run.stderr);
    assert!(!format!("{}{}", run.stdout, run.stderr).contains("hunter2"));
}

#[test]
fn an_address_that_is_none_and_a_channel_that_is_none_are_exit_code_2() {
    for arguments in [["email", "no-address"], ["pigeon", "ada@example.org"]] {
        let [channel, to] = arguments;
        let run = Majordomo::new().run(&["notify", "test", "--channel", channel, "--to", to]);
        assert_eq!(run.code, 2, "{}", run.stderr);
    }
}
