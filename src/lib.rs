//! Majordomo: the household of an application in one binary.

pub mod domain;
pub mod persistence;
pub mod types;

pub mod config;
