//! Majordomo: the household of an application in one binary.

pub mod actors;
pub mod app;
pub mod cli;
pub mod config;
pub mod crypto;
pub mod domain;
pub mod http;
pub mod outbound;
pub mod persistence;
pub mod supervision;
pub mod telemetry;
pub mod types;
