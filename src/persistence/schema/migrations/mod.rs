//! The list of migrations, one file each; how they are done is `machinery/migrations`.

pub use crate::persistence::machinery::migrations::*;

/// All migrations, in the order they are done; new ones go to the end.
pub static MIGRATIONS: &[Migration] = &[];
