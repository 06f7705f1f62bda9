//! Every command of `docs/operations.md` and `docs/runbooks` is run as it stands, in an operator's shell on a machine
//! with the systemd unit of `deploy/`.

use std::{collections::BTreeSet, process::Stdio, time::Duration};

use crate::runbooks::{
    documents::{Block, blocks, commands, document, runbooks, sentences},
    machine::{Machine, STAND_INS},
};

mod documents;
mod machine;

/// The time for one block: it may start a server, whose first start makes keys.
const TIMEOUT: Duration = Duration::from_secs(120);

/// Values in the place of a reader's words, for commands whose form is checked and that are not run.
const EXAMPLES: [(&str, &str); 4] =
    [("ADDRESS", "ada@example.com"), ("KEY", "log.level"), ("DIRECTORY", "restored"), ("DIR", "restored")];

/// Runs a block, and fails unless its status is the one that its text names.
async fn run(machine: &Machine, block: &Block) {
    let mut shell = machine.shell();
    shell.arg(machine.substituted(&block.script)).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(TIMEOUT, shell.output()).await;
    let place = format!("{}:{}", block.document, block.line);
    let output = output.unwrap_or_else(|_| panic!("{place} does not end:\n{}", block.script)).unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert_eq!(
        output.status.code(),
        Some(block.status),
        "{place}:\n{}\nout:\n{}\nerr:\n{}\nlog of the server:\n{}",
        block.script,
        text(&output.stdout),
        text(&output.stderr),
        machine.journal(),
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_of_the_operators_documents_works_on_a_machine_with_the_unit() {
    let machine = Machine::new();
    // The installation comes first. After the rotation of the key ring earlier snapshots do not open with it.
    let (last, runbooks): (Vec<_>, Vec<_>) =
        runbooks().into_iter().partition(|name| name == "docs/runbooks/key-ring.md");
    for name in std::iter::once("docs/operations.md".to_owned()).chain(runbooks).chain(last) {
        let found = blocks(&name, &document(&name));
        assert!(!found.is_empty(), "{name} has no command");
        for block in &found {
            run(&machine, block).await;
        }
        if name == "docs/operations.md" {
            let paused = "sending is paused: this store was restored from a snapshot";
            assert!(machine.journal().contains(paused), "{}", machine.journal());
        }
        let ready = Block::of(&name, "majordomo health --wait 1m\n");
        run(&machine, &ready).await;
    }
    let recorded = machine.recorded();
    let used: BTreeSet<&str> = recorded.lines().filter_map(|line| line.split(' ').next()).collect();
    assert_eq!(used, BTreeSet::from(STAND_INS), "a stand-in that no document uses, or the reverse:\n{recorded}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_block_whose_first_command_fails_is_found() {
    let ended = tokio::spawn(async { run(&Machine::new(), &Block::of("a.md", "majordomo serv\necho done\n")).await });
    assert!(ended.await.is_err_and(|error| error.is_panic()));
}

/// `majordomo` and its commands, without values and flags.
fn command_words(line: &str) -> String {
    let is_command = |word: &&str| word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-');
    line.split(' ').take_while(|word| is_command(word) && !word.starts_with('-')).collect::<Vec<_>>().join(" ")
}

#[test]
fn every_command_of_the_readme_s_upgrade_and_backup_is_among_those_that_are_run() {
    let mut names = runbooks();
    names.push("docs/operations.md".to_owned());
    let run: Vec<String> = names.iter().flat_map(|name| blocks(name, &document(name))).map(|b| b.script).collect();
    let readme = document("README.md");
    for heading in ["## Upgrade\n", "## Backup\n"] {
        let section = readme.split(heading).nth(1).and_then(|rest| rest.split("\n## ").next()).unwrap();
        let found = commands(section);
        assert!(found.len() > 1, "{heading} has no command");
        for command in found {
            let words = command_words(&command);
            let is_run = run.iter().flat_map(|script| script.lines()).any(|line| command_words(line) == words);
            assert!(is_run, "`{command}` of {heading} is in no block that is run");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_command_in_the_text_of_a_document_exists() {
    let machine = Machine::new();
    let others = ["README.md", "SECURITY.md", "docs/operations.md", "deploy/majordomo.service", "deploy/compose.yaml"];
    for name in runbooks().into_iter().chain(others.map(str::to_owned)) {
        for command in commands(&document(&name)) {
            let shown = EXAMPLES.iter().fold(command.clone(), |text, (word, value)| text.replace(word, value));
            let mut shell = machine.shell();
            let output = shell.arg(format!("{shown} --help")).stdin(Stdio::null()).output().await.unwrap();
            let error = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "`{command}` of {name}: {error}");
        }
    }
}

#[test]
fn every_line_that_a_document_finds_in_the_log_is_one_that_the_program_writes() {
    let source = documents::source();
    let mut count = 0;
    for name in runbooks().into_iter().chain(["docs/operations.md".to_owned()]) {
        for sentence in sentences(&document(&name)) {
            assert!(source.contains(&sentence), "{name}: the program never writes `{sentence}`");
            count += 1;
        }
    }
    assert!(count >= 7, "only {count} lines are quoted");
}

/// A call of the ops listener without a credential works in production for health alone.
#[test]
fn every_call_of_the_ops_listener_has_its_credential() {
    for name in runbooks().into_iter().chain(["docs/operations.md".to_owned()]) {
        for block in blocks(&name, &document(&name)) {
            let script = block.script.replace("\\\n", " ");
            for line in script.lines().filter(|line| line.contains("127.0.0.1:9090")) {
                let needs_none = line.contains("127.0.0.1:9090/health");
                let has_one = line.contains("Authorization: Bearer $token");
                let has_token = script.contains("token=$(cat /var/lib/majordomo/data/control.token)");
                assert!(needs_none || (has_one && has_token), "{name}:{}: {line}", block.line);
            }
        }
    }
}
