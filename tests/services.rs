//! The services without the program around them, in one binary: the API by its routes (`api`), flows without HTTP
//! (`flows`), and a hundred callers at once (`races`). The harness is `api::test_app`, with clients of `api::harness`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "tests panic, and read the machine's time"
)]

mod api;
mod flows;
mod peers;
mod races;

use api::{harness, test_app};
