# The project's commands. CI runs the same ones (.ci/run).

# Required before a change is merged
default: check test

# Formatting, lints, dependencies
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo deny check bans licenses sources

# Advisories of the dependencies; downloads the list of advisories
advisories:
    cargo deny check advisories

# All tests; with MAJORDOMO_TEST_ALL=1 a skipped test fails
test:
    cargo test

# End-to-end tests: start the binary, call it over HTTP, kill it, start it again
e2e:
    cargo test --test e2e

# The rules of the code: imports, sizes, words
tidy:
    cargo test --test tidy

# Write docs/reference from the code
reference:
    UPDATE_REFERENCE=1 cargo test

# The benchmarks of docs/benchmarks.md
bench:
    cargo bench

# Run the program in development mode
run:
    cargo run --release -- serve

# COUNT kills of the program (kill -9) for each engine: docs/reliability.md
crash COUNT="200":
    MAJORDOMO_TEST_CRASHES={{COUNT}} cargo test --test e2e kills:: -- --nocapture

# COUNT flipped bits in the files of each engine's store: docs/reliability.md
flip COUNT="2000":
    MAJORDOMO_FLIPS={{COUNT}} cargo test --test store flips:: -- --nocapture

# COUNT states of the disk after a stop of the machine, for each engine: docs/reliability.md
power COUNT="200":
    MAJORDOMO_TEST_POWER={{COUNT}} cargo test --test e2e power:: -- --nocapture
