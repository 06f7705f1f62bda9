//! Stored forms that belong to no single table, and the shapes that records had before.

mod ids;
