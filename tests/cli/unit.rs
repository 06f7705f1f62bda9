//! The program on a machine with the systemd unit of `deploy/`, by a mount namespace whose `/etc` and `/var/lib` are
//! empty; and as root in a store of another user.

use std::{os::unix::fs::MetadataExt, path::Path, process::Command};

use crate::harness::{Majordomo, skipped};

const SETTINGS: &str = "\
[edge]
listen = \"127.0.0.1:0\"
ops_listen = \"127.0.0.1:0\"
[auth.hash]
memory_kib = 1024
[auth.token]
algorithm = \"EdDSA\"
";

/// As an operator in a shell: no flag and no variable. The server runs as the unit starts it.
const STEPS: &str = "\
set -eu
mount -t tmpfs none /etc
mount -t tmpfs none /var/lib
mkdir /etc/majordomo
cp settings.toml /etc/majordomo/config.toml
\"$MAJORDOMO\" keys init
\"$MAJORDOMO\" keys init && exit 9 || true
CREDENTIALS_DIRECTORY=/etc/majordomo \"$MAJORDOMO\" serve --config /etc/majordomo/config.toml > served 2>&1 &
server=$!
while ! grep -q 'ops listener on' served; do kill -0 $server; done
kill -TERM $server
wait $server
printf 'seven wise otters\\n' | \"$MAJORDOMO\" user create-admin --email ada@example.com --password-file - --json
\"$MAJORDOMO\" user list
\"$MAJORDOMO\" store check
\"$MAJORDOMO\" config explain store.path
stat -c '%a %n' /etc/majordomo/key_ring
ls
";

#[test]
fn a_command_finds_the_store_and_the_key_ring_of_the_unit() {
    let namespace = ["--map-root-user", "--mount", "--propagation", "private"];
    let works = Command::new("unshare").args(namespace).arg("true").output();
    if !works.is_ok_and(|output| output.status.success()) {
        return skipped("mount namespaces are not permitted");
    }
    let program = Majordomo::new().file("settings.toml", SETTINGS).file("steps.sh", STEPS);
    let mut command = Command::new("unshare");
    command.args(namespace).args(["sh", "steps.sh"]).current_dir(program.path(""));
    command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("MAJORDOMO", env!("CARGO_BIN_EXE_majordomo"));
    let output = command.output().unwrap();
    let (told, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let served = std::fs::read_to_string(program.path("served")).unwrap_or_default();
    assert!(output.status.success(), "{told}\n{errors}\n{served}");
    for words in [
        "/etc/majordomo/key_ring is written",
        "\"email\":\"ada@example.com\"",
        "active",
        "/var/lib/majordomo/data is good",
        "\"/var/lib/majordomo/data\" (default of the systemd unit)",
        "600 /etc/majordomo/key_ring",
    ] {
        assert!(told.contains(words), "{words} is not in\n{told}\n{errors}");
    }
    assert!(errors.contains("/etc/majordomo/key_ring is there already"), "{errors}");
    assert!(served.contains("store in /var/lib/majordomo/data"), "{served}");
    assert!(!program.path("data").exists(), "the working directory is left alone");
}

/// Every file below `dir`, and `dir`.
fn owners(dir: &Path) -> Vec<(String, u32)> {
    let mut owners = vec![(dir.display().to_string(), std::fs::symlink_metadata(dir).unwrap().uid())];
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            owners.extend(self::owners(&path));
        } else {
            owners.push((path.display().to_string(), std::fs::symlink_metadata(&path).unwrap().uid()));
        }
    }
    owners
}

#[test]
fn what_root_writes_belongs_to_the_owner_of_the_store() {
    const OWNER: u32 = 65_534;
    let program = Majordomo::new()
        .variable("MAJORDOMO__AUTH__HASH__MEMORY_KIB", "1024")
        .variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA")
        .file("password", "seven wise otters\n");
    program.serve().stop();
    let data = program.path("data");
    for (path, _) in owners(&data) {
        if std::os::unix::fs::chown(&path, Some(OWNER), Some(OWNER)).is_err() {
            return skipped("only root gives files away");
        }
    }
    let create = ["user", "create-admin", "--email", "ada@example.com", "--password-file", "password"];
    for command in [&create[..], &["keys", "rotate-ring"], &["user", "list"]] {
        let run = program.run(command);
        assert_eq!(run.code, 0, "{command:?}: {}", run.stderr);
        let roots: Vec<_> = owners(&data).into_iter().filter(|(_, owner)| *owner != OWNER).collect();
        assert!(roots.is_empty(), "{command:?} leaves files of root: {roots:?}");
    }
}

#[test]
fn a_directory_that_root_restores_belongs_to_the_owner_of_its_parent() {
    const OWNER: u32 = 65_534;
    let program = Majordomo::new().variable("MAJORDOMO__AUTH__TOKEN__ALGORITHM", "EdDSA");
    program.serve().stop();
    assert_eq!(program.run(&["snapshot", "create", "copy.snapshot"]).code, 0);
    std::fs::create_dir(program.path("state")).unwrap();
    if std::os::unix::fs::chown(program.path("state"), Some(OWNER), Some(OWNER)).is_err() {
        return skipped("only root gives files away");
    }
    let run = program.run(&["snapshot", "restore", "copy.snapshot", "state/data"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    assert!(run.stderr.contains("belongs to user 65534, as its parent does"), "{}", run.stderr);
    let roots: Vec<_> = owners(&program.path("state")).into_iter().filter(|(_, owner)| *owner != OWNER).collect();
    assert!(roots.is_empty(), "files of root: {roots:?}");
    let run = program.run(&["snapshot", "restore", "copy.snapshot", "other"]);
    assert!(run.code == 0 && run.stderr.contains("belongs to root; if the server runs as another user: chown -R"));
}
