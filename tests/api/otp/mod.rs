//! One-time codes.

mod budgets;
mod codes;
