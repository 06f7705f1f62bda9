//! The edge code, which runs for every request.

mod access;
mod connections;
mod contract;
mod description;
mod forms;
mod guarded;
mod heads;
mod home;
mod limits;
mod log;
mod openapi;
mod origins;
mod proxies;
mod reference;
mod sizes;
mod sockets;
