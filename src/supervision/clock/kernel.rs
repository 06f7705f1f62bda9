//! Whether the kernel says that its clock is synchronised.

/// What the kernel says about its clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KernelClock {
    /// A time service disciplines it.
    Synchronised,
    /// No time service disciplines it, or the kernel's answer cannot be read (a sandbox forbids the call).
    Unsynchronised,
}

impl KernelClock {
    /// The state that `adjtimex` returns: an error state means that no time service has set the clock recently.
    #[cfg(target_os = "linux")]
    pub(super) fn read() -> Self {
        // `TIME_ERROR` of `adjtimex(2)`.
        const TIME_ERROR: i32 = 5;
        match rtime_clock::adjtime::adjtimex(&mut rtime_clock::adjtime::Timex::new()) {
            Ok(state) if state != TIME_ERROR => Self::Synchronised,
            Ok(_) | Err(_) => Self::Unsynchronised,
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn read() -> Self {
        Self::Unsynchronised
    }
}
