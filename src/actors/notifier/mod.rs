//! The bell: tells users by mail what they must know, and hands them their codes.
//!
//! Owns: notifications, deliveries, the development inbox. Must not know: how codes are made, HTTP.
//! Begin with `render.rs`.

pub mod render;
mod shipped;
