//! Majordomo: the household of an application in one binary.

pub mod types;
