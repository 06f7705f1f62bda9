//! What the process sets for itself before it handles a secret.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Leaves no image of the memory behind after a crash: keys, passwords and tokens are in it.
///
/// The limit alone does not hold where the kernel hands dumps to a program (core(5), "Piping core dumps"). A sandbox
/// may forbid either; the other one stays.
pub(super) fn forbid_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Raises the limit of descriptors as far as the system lets this user: each connection needs one.
///
/// A sandbox may forbid it. Then the limit stays as it is, and fewer connections are taken.
pub(super) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Whether whoever started the process wants it to outlive its terminal, as `nohup` does: then SIGHUP is ignored, and
/// stays so.
pub(super) fn ignores_hangup() -> bool {
    const SIGHUP_BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGHUP_BIT != 0)
}
