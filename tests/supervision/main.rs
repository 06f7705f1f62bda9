//! The kit: addresses, supervision, jobs, directories, figures, shutdown. Time is paused: what waits, waits for a state.

mod calls;
mod house;
