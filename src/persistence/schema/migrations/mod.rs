//! The list of migrations.
//!
//! Owns: which migrations there are, one file each. Must not know: how they are done, which is `machinery/migrations`.
//! Begin with `MIGRATIONS`.

pub use crate::persistence::machinery::migrations::*;

/// All migrations, in the order they are done; new ones go to the end.
pub static MIGRATIONS: &[Migration] = &[];
