//! The API as its clients meet it.

mod form;
mod harness;
