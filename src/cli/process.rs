//! Settings of the process, applied before it reads a secret.

use rustix::process::{DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit};

/// Disables core dumps, because memory contains keys, passwords and tokens.
///
/// The limit alone has no effect where the kernel pipes dumps to a program (core(5), "Piping core dumps to a program").
/// A sandbox may forbid one of the two settings; the other one still applies.
pub(super) fn forbid_core_dumps() {
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Raises the limit of file descriptors to the hard limit: each connection needs one.
///
/// A sandbox may forbid it. Then the limit is unchanged, and fewer connections are accepted.
pub(super) fn raise_descriptor_limit() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
    }
}

/// Whether SIGHUP was ignored at the start, as by `nohup`: then the process outlives its terminal, and SIGHUP stays
/// ignored.
pub(super) fn ignores_hangup() -> bool {
    const SIGHUP_BIT: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & SIGHUP_BIT != 0)
}
