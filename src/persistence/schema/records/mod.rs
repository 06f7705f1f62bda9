//! Stored forms that belong to no single table, and earlier shapes of records.
//!
//! Owns: ids as keys and values. Must not know: any table. Begin with `ids.rs`.

mod ids;
