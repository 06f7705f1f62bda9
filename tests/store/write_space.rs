//! The free space that each write requires on a disk that is nearly full. What is not named here is needed to serve
//! existing users, and is refused below `limits::DISK_FULL`.

use std::{fs, path::Path};

/// Writes that add optional data: refused below `limits::DISK_LOW`.
const GROWTH: [&str; 2] = ["actors/auth/register.rs", "actors/user/invite.rs"];

/// Writes that end access, free space, or repair: never refused.
const RECLAIM: [&str; 21] = [
    "actors/auth/drop_registration.rs",
    "actors/auth/end_session.rs",
    "actors/auth/logout.rs",
    "actors/auth/logout_all.rs",
    // The first use of a refresh token: without it, the reuse of a stolen one is not noticed. It adds no row.
    "actors/auth/mark_used.rs",
    "actors/notifier/clear_inbox.rs",
    // An operator's command, with an entry of the audit log.
    "actors/notifier/resume_sending.rs",
    // Operators' commands, with an entry of the audit log: among them is what an operator does about the disk.
    "actors/operations/commands.rs",
    "actors/otp/expire.rs",
    // The positions of subscribers, below which events are removed.
    "actors/relay/hand_over.rs",
    "actors/upkeep/mod.rs",
    // It can end the access of a user.
    "actors/user/change_status.rs",
    "actors/user/end_sessions.rs",
    "actors/user/end_sessions_of_user.rs",
    // Refused and observed accesses, at most one entry an hour for each caller, user and operation.
    "actors/user/note_access.rs",
    "actors/user/revoke_invitation.rs",
    // It removes the counts of failed logins.
    "actors/user/unlock.rs",
    // A restored store ends its sessions.
    "app/restored.rs",
    "cli/keys.rs",
    // The entry of a snapshot that an operator takes.
    "cli/snapshot.rs",
    // Sealed values that no key opens.
    "persistence/machinery/loss.rs",
];

fn calling(call: &str, dir: &Path, found: &mut Vec<String>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            calling(call, &path, found);
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let is_write = |line: &str| line.contains(call) && !line.contains("self.reclaim()");
        if text.lines().any(is_write) {
            let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
            found.push(path.strip_prefix(root).unwrap().display().to_string());
        }
    }
}

fn all_calling(call: &str) -> Vec<String> {
    let mut found = Vec::new();
    calling(call, &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), &mut found);
    found.sort();
    found
}

#[test]
fn each_write_that_is_not_a_service_write_is_in_the_table() {
    assert_eq!(all_calling(".growth()"), GROWTH);
    assert_eq!(all_calling(".reclaim()"), RECLAIM);
}
