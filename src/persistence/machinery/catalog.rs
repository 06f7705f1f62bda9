//! The catalog of a store: the tables, logs and checks with which it is opened.

use super::{
    change::ChangeCheck,
    key::TableKey,
    keyring::Keyring,
    links::Links,
    log::Log,
    reader::{Kind, TxFault, decodes},
    record::Record,
    table::{Form, Table},
};

/// The machinery's description of the content.
pub struct StoreCatalog {
    /// Every table, including the rows of the logs.
    pub tables: &'static [TableRow],
    pub logs: &'static [&'static Log],
    /// Checks at the end of each closure that has changes to commit.
    pub checks: &'static [ChangeCheck],
    /// What is lost without the key ring, and what is not; part of the message when the store refuses to open.
    pub lost_without_keys: &'static str,
}

impl StoreCatalog {
    /// The tables whose values are sealed.
    pub fn sealed(&self) -> impl Iterator<Item = &'static TableRow> + use<> {
        self.tables.iter().filter(|row| row.is_sealed())
    }

    /// The name of the table whose keys begin with `tag`.
    pub(super) fn table_name(&self, tag: u8) -> &'static str {
        self.table(&[tag]).map_or("no table", |row| row.name)
    }

    /// The table of the key `place`.
    pub(super) fn table(&self, place: &[u8]) -> Option<&'static TableRow> {
        self.tables.iter().find(|row| place.first() == Some(&row.tag))
    }

    /// Whether the rows of an index are useless without those of a sealed table.
    pub(super) fn leads_to_sealed(&self, index: &TableRow) -> bool {
        index.index_of.is_some_and(|name| self.sealed().any(|row| row.name == name))
    }
}

/// A row of the inventory of tables.
#[derive(Debug, Clone)]
pub struct TableRow {
    pub name: &'static str,
    /// The byte in front of its keys.
    pub tag: u8,
    /// The fields of its key.
    pub key: &'static str,
    pub record: &'static str,
    /// The service that owns it.
    pub owner: &'static str,
    /// How long a row is kept.
    pub kept: &'static str,
    /// The table that this index leads to; `None` if it is no index.
    pub index_of: Option<&'static str>,
    form: Form,
    decodes: Decodes,
    links: Option<Links>,
}

type Decodes = fn(&Keyring, Kind, &[u8], &[u8]) -> Result<(), TxFault>;

/// The inventory's texts for a table.
#[derive(Debug, Clone, Copy)]
pub struct TableWords {
    /// The fields of its key.
    pub key: &'static str,
    pub record: &'static str,
    /// The service that owns it.
    pub owner: &'static str,
}

impl TableRow {
    /// The row of a table of records.
    pub const fn of<K: TableKey, V: Record>(table: &Table<K, V>, words: TableWords) -> Self {
        let Table { tag, name, kept, form, .. } = *table;
        let TableWords { key, record, owner } = words;
        Self { name, tag, key, record, owner, kept, index_of: None, form, decodes: decodes::<K, V>, links: None }
    }

    /// The row of an index of the table `of`.
    pub const fn index<K: TableKey, V: Record, L, W>(table: &Table<K, V>, of: &Table<L, W>, words: TableWords) -> Self {
        Self { index_of: Some(of.name), ..Self::of(table, words) }
    }

    /// The same with the rows that belong to each of its rows.
    pub const fn linked(self, links: Links) -> Self {
        Self { links: Some(links), ..self }
    }

    pub(super) fn links(&self) -> Option<Links> {
        self.links
    }

    /// Whether the row of the key `place` can be decoded.
    pub fn decode(&self, ring: &Keyring, place: &[u8], value: &[u8]) -> Result<(), TxFault> {
        (self.decodes)(ring, Kind { name: self.name, form: self.form }, place, value)
    }

    /// Whether its values are sealed.
    pub fn is_sealed(&self) -> bool {
        self.form == Form::Sealed
    }
}
