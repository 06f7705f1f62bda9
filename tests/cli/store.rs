//! Commands on a store that no server has open.

use majordomo::{
    app::storage,
    config::{self, Config},
    domain::{
        audit::{AuditRecord, AuditResult},
        auth::{KeyStage, SigningKey, actions::AuthAction},
        event::{Event, Personal},
        user::events::UserVerified,
    },
    persistence::{
        KeyLoss, Reader as _, Store, Table, Tx, TxFault, Write,
        audit::{AUDIT_BY_NUMBER, AuditRow},
        migrations::{self, Migration, MigrationStep},
        record::Present,
        tables::{signing_key, user::USER_BY_ID},
    },
    types::{
        self, CallContext, SigningAlgorithm, Work,
        id::{self, UserId},
        limits,
    },
};

use crate::{
    at_terminal::AtTerminal,
    harness::{Majordomo, NO_STORE},
};

/// Creates a store with one sealed value in `directory`, as a server would.
fn settle(program: &Majordomo, directory: &str) {
    open(program, directory, |store, write| async move {
        store
            .write(write, |tx| {
                let (id, now) = (id::uuid_v7(tx.now(), tx.random()).into(), tx.now());
                let key = SigningKey {
                    id,
                    algorithm: SigningAlgorithm::EdDsa,
                    private_der: b"a private key".to_vec(),
                    stage: KeyStage::Signing,
                    created_at: now,
                    stage_since: now,
                };
                signing_key::put(tx, &key)?;
                Ok(())
            })
            .await
            .unwrap();
    });
}

/// The number of sealed values that the store can open.
fn sealed(program: &Majordomo, directory: &str) -> usize {
    open(program, directory, |store, _| async move {
        let keys = store.read(|view| signing_key::all(view)).await.unwrap();
        assert!(keys.iter().all(|key| key.private_der == b"a private key"));
        keys.len()
    })
}

fn open<T, F: Future<Output = T>>(program: &Majordomo, directory: &str, f: impl FnOnce(Store, Write) -> F) -> T {
    let mut config = Config::default();
    config.store.path = program.path(directory);
    config.store.engine = config::EngineChoice::Redb;
    config.store.lock_wait = std::time::Duration::ZERO;
    let options = storage::options(&config, KeyLoss::Refuse);
    let (clock, entropy) = (options.environment.clock.clone(), options.environment.entropy.clone());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (store, _) = Store::open(options).unwrap();
    let write = Write::new(
        Work::until(clock.instant() + limits::WRITER_LOST),
        types::clock::stamp(clock.as_ref(), entropy.as_ref()),
        CallContext::service("test", "test"),
    );
    runtime.block_on(async {
        let output = f(store.clone(), write).await;
        store.close().await;
        output
    })
}

fn majordomo() -> Majordomo {
    let program =
        Majordomo::new().variable("MAJORDOMO__STORE__ENGINE", "redb").variable("MAJORDOMO__STORE__LOCK_WAIT", "0s");
    settle(&program, "data");
    program
}

#[test]
fn a_snapshot_is_created_and_restores_the_same_store_elsewhere() {
    let program = majordomo();
    let run = program.run(&["snapshot", "create", "copy.snapshot"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    let place = program.path("copy.snapshot").display().to_string();
    assert!(run.stdout.starts_with(&format!("{place} is written (commit ")), "{}", run.stdout);
    assert!(run.stdout.contains("it belongs to user "), "{}", run.stdout);
    let again = program.run(&["snapshot", "create", "copy.snapshot"]);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (1, &*format!("error: {place} is there already; name another file\n"))
    );

    let run = program.run(&["snapshot", "restore", "copy.snapshot", "other"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(
        run.stdout.starts_with(&format!("{} holds the store as of ", program.path("other").display())),
        "{}",
        run.stdout
    );
    std::fs::create_dir_all(program.path("other/keys")).unwrap();
    std::fs::copy(program.path("data/keys/ring.json"), program.path("other/keys/ring.json")).unwrap();
    assert_eq!(sealed(&program, "other"), 1);
    let run = program.run(&["snapshot", "restore", "copy.snapshot", "other"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("is not empty"), "{}", run.stderr);
}

#[test]
fn a_command_creates_no_store() {
    for command in
        [&["snapshot", "create", "copy.snapshot"][..], &["keys", "rotate-ring"], &["keys", "recover", "--accept-loss"]]
    {
        let program = Majordomo::new();
        let run = program.run(command);
        assert_eq!((run.code, run.stderr.as_str()), (1, NO_STORE), "{command:?}");
        assert!(program.names().is_empty(), "{command:?}");
    }
}

#[test]
fn everything_is_sealed_again_and_the_old_key_is_set_aside() {
    let program = majordomo();
    let ring = || std::fs::read_to_string(program.path("data/keys/ring.json")).unwrap();
    let before = ring();
    let run = program.run(&["keys", "rotate-ring"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stdout.starts_with("everything is sealed under the new key "), "{}", run.stdout);
    let after = ring();
    assert_ne!(before, after);
    assert_eq!(after.matches("\"id\"").count(), 1, "{after}");
    assert_eq!(sealed(&program, "data"), 1);
    let names = std::fs::read_dir(program.path("data/keys")).unwrap();
    let kept = names.map(|entry| entry.unwrap().path()).find(|path| !path.ends_with("ring.json")).unwrap();
    assert_eq!(std::fs::read_to_string(kept).unwrap(), before);
}

#[test]
fn a_store_in_use_is_refused() {
    let program = majordomo();
    let ring = std::fs::read(program.path("data/keys/ring.json")).unwrap();
    open(&program, "data", |_, _| async {
        for command in [
            &["snapshot", "create", "copy.snapshot"][..],
            &["keys", "rotate-ring"],
            &["keys", "recover"],
            &["store", "check"],
        ] {
            let run = program.run(command);
            assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (1, "", 1), "{}", run.stderr);
            assert!(run.stderr.contains("in use"), "{}", run.stderr);
        }
    });
    assert_eq!(std::fs::read(program.path("data/keys/ring.json")).unwrap(), ring);
    assert_eq!(program.names(), ["data"]);
}

#[test]
fn a_command_that_waits_for_the_store_names_at_once_the_process_the_time_and_the_fix() {
    let program = majordomo();
    open(&program, "data", |_, _| async {
        for command in [&["store", "check"][..], &["keys", "recover"]] {
            let run = program.run(&[command, &["--set", "store.lock_wait=200ms"]].concat());
            let lines: Vec<&str> = run.stderr.lines().collect();
            assert!(run.code == 1 && lines.len() == 2, "{command:?}: {}", run.stderr);
            assert_eq!(
                lines[0],
                format!(
                    "note: data is in use by process {}; this command waits up to 200ms (store.lock_wait) until it \
                     ends: stop the server, or end this command with Ctrl+C",
                    std::process::id()
                )
            );
            assert!(lines[1].contains("in use by another process"), "{}", run.stderr);
        }
    });
    for command in [&["store", "check"][..], &["keys", "recover"]] {
        let run = program.run(&[command, &["--set", "store.lock_wait=30s"]].concat());
        assert_eq!((run.code, run.stderr.as_str()), (0, ""), "{command:?}");
    }
}

#[test]
fn sealed_values_are_dropped_only_if_the_loss_is_accepted() {
    let program = majordomo();
    std::fs::remove_dir_all(program.path("data/keys")).unwrap();
    let run = program.run(&["keys", "recover"]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("majordomo keys recover --accept-loss"), "{}", run.stderr);
    assert!(
        !run.stderr.contains("webhook") && !run.stderr.contains("provider"),
        "it names records that the store does not have"
    );
    let run = program.run(&["keys", "recover", "--accept-loss"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert_eq!(sealed(&program, "data"), 0);
}

#[test]
fn check_passes_a_valid_store_and_names_the_first_fault_of_a_damaged_one() {
    let program = majordomo();
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("data is good: "), "{}", run.stdout);

    let ring = program.path("data/keys/ring.json");
    std::fs::rename(&ring, program.path("ring.json")).unwrap();
    let run = program.run(&["store", "check"]);
    assert_eq!(
        (run.code, run.stderr.as_str()),
        (1, "error: data: the key ring data/keys/ring.json is missing; put it there\n")
    );
    std::fs::rename(program.path("ring.json"), &ring).unwrap();

    let segments = std::fs::read_dir(program.path("data/journal")).unwrap();
    let segment = segments.map(|entry| entry.unwrap().path()).next().unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    // In the first frame, after its header.
    bytes[60] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (1, "", 1), "{}", run.stderr);
    assert!(run.stderr.contains("journal/"), "{}", run.stderr);
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
}

#[test]
fn a_snapshot_and_a_copied_directory_are_checked_by_their_path() {
    let program = majordomo();
    let run = program.run(&["snapshot", "create", "copy.snapshot"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = program.run(&["store", "check", "copy.snapshot"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("copy.snapshot is good: a snapshot of "), "{}", run.stdout);
    let run = program.run(&["store", "check", "copy.snapshot", "--json"]);
    assert!(run.stdout.starts_with("{\"keys\":"), "{}", run.stdout);

    let backup = program.path("backup");
    for part in ["journal", "snapshots"] {
        std::fs::create_dir_all(backup.join(part)).unwrap();
        for entry in std::fs::read_dir(program.path("data").join(part)).unwrap() {
            let entry = entry.unwrap();
            std::fs::copy(entry.path(), backup.join(part).join(entry.file_name())).unwrap();
        }
    }
    let run = program.run(&["store", "check", "backup"]);
    assert_eq!(run.code, 1, "a directory without store.json: {}", run.stdout);
    std::fs::copy(program.path("data/store.json"), backup.join("store.json")).unwrap();
    let run = program.run(&["store", "check", "backup"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, "note: the next start rebuilds the tree: there is none yet\n"));
    assert!(run.stdout.starts_with("backup is good: "), "{}", run.stdout);
    assert!(!backup.join("lock").exists() && !backup.join("checkpoint").exists(), "a check writes nothing");
}

/// Commits `f` to the store of `majordomo` and closes it: journal, tree and snapshots agree on the written values.
fn commit(program: &Majordomo, f: impl Fn(&mut Tx<'_>) -> Result<(), TxFault> + Send + 'static) {
    open(program, "data", |store, write| async move {
        store.write(write, move |tx| f(tx)).await.unwrap();
    });
}

/// Writes an entry and an event with personal fields.
fn say(tx: &mut Tx<'_>) -> Result<(), TxFault> {
    let user: UserId = tx.id();
    let personal = Personal { email: Some("ada@example.com".to_owned()), ..Personal::default() };
    tx.emit(Event { subject: user, kind: UserVerified { user }.into(), personal })?;
    let (action, result) = (AuthAction::VerifyEmail.into(), AuditResult::Done);
    tx.audit(AuditRecord { action, result, subject: Some(user), detail: "a test".to_owned() })
}

/// A store in which the second of three entries was changed.
fn tampered(change: fn(&mut AuditRow)) -> Majordomo {
    let program = majordomo();
    (0..3).for_each(|_| commit(&program, say));
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "events, entries and sealed values are understood");
    commit(&program, move |tx| {
        let mut row = tx.get(&AUDIT_BY_NUMBER, &2)?.unwrap();
        change(&mut row);
        tx.put(&AUDIT_BY_NUMBER, &2, &row)
    });
    program
}

#[test]
fn a_damaged_byte_of_an_audit_entry_is_found() {
    let damages: [fn(&mut AuditRow); 3] =
        [|row| *row.body.last_mut().unwrap() ^= 1, |row| row.previous[31] ^= 1, |row| row.mac[15] ^= 1];
    for damage in damages {
        let run = tampered(damage).run(&["store", "check"]);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""));
        let reason = "error: data: the audit chain is broken at entry 2 of audit; copy the directory, then restore";
        assert!(run.stderr.starts_with(reason), "{}", run.stderr);
    }
}

#[test]
fn a_rotation_of_the_ring_proves_each_entry_before_it_gets_another_mac_and_renews_the_snapshots() {
    let program = tampered(|row| row.mac[15] ^= 1);
    let run = program.run(&["keys", "rotate-ring"]);
    assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{}", run.stderr);
    assert!(run.stderr.contains("resealing"), "{}", run.stderr);
    let run = program.run(&["store", "check"]);
    assert!(run.stderr.contains("the audit chain is broken at entry 2 of audit"), "{}", run.stderr);

    let program = majordomo();
    (0..3).for_each(|_| commit(&program, say));
    let run = program.run(&["snapshot", "create", "before.snapshot"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = program.run(&["keys", "rotate-ring"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""), "the entries have MACs under the new key");
    assert!(run.stdout.contains("1 snapshots"), "{}", run.stdout);
    let run = program.run(&["store", "check", "before.snapshot"]);
    assert_eq!(run.code, 1, "{}", run.stdout);
    assert!(run.stderr.contains("is sealed under the key ring"), "{}", run.stderr);
    let names = std::fs::read_dir(program.path("data/keys")).unwrap();
    let old = names.map(|entry| entry.unwrap().path()).find(|path| !path.ends_with("ring.json")).unwrap();
    let old = format!("secrets.key_ring_file={}", old.display());
    let run = program.run(&["store", "check", "before.snapshot", "--set", &old]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
}

#[test]
fn after_the_loss_of_the_ring_the_entries_have_macs_and_a_snapshot_is_there_under_the_new_one() {
    let program = majordomo();
    (0..3).for_each(|_| commit(&program, say));
    assert_eq!(program.run(&["keys", "rotate-ring"]).code, 0, "it takes a snapshot");
    std::fs::remove_file(program.path("data/keys/ring.json")).unwrap();
    let run = program.run(&["keys", "recover", "--accept-loss"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.contains("1 snapshots"), "{}", run.stdout);
}

#[test]
fn a_record_that_does_not_decode_and_a_key_of_no_table_are_found() {
    static NOT_USERS: Table<UserId, Present> = Table::new(USER_BY_ID.tag, "not_users", "never");
    static NOWHERE: Table<u64, Present> = Table::new(0xee, "nowhere", "never");
    let program = majordomo();
    commit(&program, |tx| tx.put(&NOWHERE, &7, &Present));
    let run = program.run(&["store", "check"]);
    let reason = "error: data: the key ee0000000000000007 belongs to no table; copy the directory, then restore";
    assert!(run.stderr.starts_with(reason), "{}", run.stderr);

    commit(&program, |tx| tx.put(&NOT_USERS, &UserId::from(uuid::Uuid::from_u128(9)), &Present));
    let run = program.run(&["store", "check"]);
    assert_eq!((run.code, run.stdout.as_str(), run.stderr.lines().count()), (1, "", 1), "{}", run.stderr);
    assert!(run.stderr.contains("00000009 does not decode: "), "{}", run.stderr);
    assert!(run.stderr.contains("user_by_id"), "{}", run.stderr);
}

#[test]
fn a_store_that_a_newer_version_has_migrated_is_refused_by_every_command_that_opens_it() {
    static NEWER: [Migration; 1] = [Migration { name: "9999_of_tomorrow", step: |_, _| Ok(MigrationStep::Finished) }];
    let program = majordomo();
    commit(&program, |tx| migrations::mark_all(tx, &NEWER));
    let password = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(password.path(), "seven wise otters").unwrap();
    let file = password.path().to_string_lossy().into_owned();
    for command in [
        &["user", "create-admin", "--email", "root@example.com", "--password-file", &file][..],
        &["keys", "rotate"],
        &["keys", "rotate-ring"],
        &["snapshot", "create", "copy.snapshot"],
    ] {
        let run = program.run(command);
        assert_eq!((run.code, run.stdout.as_str()), (1, ""), "{command:?}");
        let error = "error: a newer version has migrated this store (9999_of_tomorrow); start that version\n";
        assert_eq!(run.stderr, error, "{command:?}");
    }
    assert_eq!(program.names(), ["data"]);
}

#[test]
fn a_key_ring_is_made_before_the_first_start_and_never_for_a_sealed_store() {
    let program = Majordomo::new()
        .variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA")
        .variable("MAJORDOMO__SECRETS__KEY_RING_FILE", "keys/ring");
    let run = program.run(&["keys", "init"]);
    assert_eq!((run.code, run.stderr.as_str()), (0, ""));
    assert!(run.stdout.starts_with("keys/ring is written"), "{}", run.stdout);
    let ring = std::fs::read(program.path("keys/ring")).unwrap();
    let again = program.run(&["keys", "init"]);
    assert_eq!(
        (again.code, again.stderr.as_str()),
        (
            1,
            "error: keys/ring is there already; the server uses it as it is, or name another file (`majordomo keys init \
             FILE`)\n"
        )
    );
    program.serve().stop();
    assert_eq!(std::fs::read(program.path("keys/ring")).unwrap(), ring, "the server uses the ring");
    let other = program.run(&["keys", "init", "other"]);
    assert_eq!((other.code, other.stdout.as_str()), (1, ""));
    assert!(other.stderr.contains("the store data is sealed under another key ring"), "{}", other.stderr);
    assert!(!program.path("other").exists());
}

#[test]
fn a_check_prints_a_record() {
    let run = majordomo().run(&["store", "check", "--json"]);
    let record: serde_json::Value = serde_json::from_str(&run.stdout).unwrap();
    assert!(record["keys"].as_u64().unwrap() > 0 && record["segments"].as_u64().unwrap() > 0, "{record}");
}

#[test]
fn long_commands_show_their_progress_at_a_terminal() {
    let program = majordomo();
    assert_eq!(program.run(&["snapshot", "create", "copy.snapshot"]).code, 0);
    for (command, words) in [
        (&["store", "check"][..], "checking: 0 MiB read, now "),
        (&["snapshot", "restore", "copy.snapshot", "other"], "restoring: 0 MiB read, now "),
        (&["keys", "rotate-ring"], "resealing: up to "),
    ] {
        let Some(terminal) = AtTerminal::run(&program, command) else { return };
        let end = terminal.end();
        assert_eq!(end.code, 0, "{}", end.shown);
        assert!(end.shown.contains(words), "{command:?}: {:?}", end.shown);
        // The line is removed before the result.
        assert!(end.shown.contains("\r\x1b[K"), "{:?}", end.shown);
    }
    let run = program.run(&["store", "check"]);
    assert_eq!(run.stderr, "", "a file or pipe has no progress");
}
