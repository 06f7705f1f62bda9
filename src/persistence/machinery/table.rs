//! A table: a byte in front of its keys, and the types of its keys and values.

use std::marker::PhantomData;

/// The stored form of a table's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The encoded value, without encryption.
    Plain,
    /// Sealed under a subkey of the ring, with the key's bytes as associated data.
    Sealed,
}

/// A typed part of the tree. The catalog of the store lists all of them.
#[derive(Debug)]
pub struct Table<K, V> {
    /// The first byte of every key; never used again for another table.
    pub tag: u8,
    /// The name, in the form `<value>_by_<key>`.
    pub name: &'static str,
    /// How long a row is kept, for the inventory.
    pub kept: &'static str,
    /// Plain or sealed.
    pub form: Form,
    rows: PhantomData<fn() -> (K, V)>,
}

impl<K, V> Table<K, V> {
    /// A table of plain values.
    pub const fn new(tag: u8, name: &'static str, kept: &'static str) -> Self {
        Self { tag, name, kept, form: Form::Plain, rows: PhantomData }
    }

    /// A table of sealed values.
    pub const fn sealed(tag: u8, name: &'static str, kept: &'static str) -> Self {
        Self { tag, name, kept, form: Form::Sealed, rows: PhantomData }
    }
}
