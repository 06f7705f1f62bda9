//! The store from outside: groups, promises, bytes.

mod group;
mod log;
mod tools;
