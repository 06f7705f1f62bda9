//! Majordomo: the household of an application in one binary.

pub mod config;
pub mod domain;
pub mod persistence;
pub mod types;
