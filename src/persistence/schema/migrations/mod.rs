//! The list of migrations.
//!
//! Owns: which migrations there are, one file each. Must not know: how they run, which is `machinery/migrations`. Begin
//! with `MIGRATIONS`.

pub use crate::persistence::machinery::migrations::*;

/// All migrations, in the order of execution; new ones are appended.
pub static MIGRATIONS: &[Migration] = &[];
