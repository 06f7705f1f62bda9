//! The edge code, which runs for every request.

mod access;
mod bodies;
mod connections;
mod contract;
mod description;
mod forms;
mod guarded;
mod heads;
mod home;
mod limits;
mod lists;
mod log;
mod openapi;
mod origins;
mod problems;
mod proxies;
mod reference;
mod sizes;
mod sockets;
