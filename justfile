# The one door to the project's chores. CI runs the same commands (.ci/run).

# What must pass before a change is merged
default: check test

# Formatting, lints, dependencies
check:
    cargo fmt --check
    cargo clippy --all-targets -- -D warnings
    cargo deny check bans licenses sources

# Advisories of the dependencies (fetches their list)
advisories:
    cargo deny check advisories

# Everything; MAJORDOMO_TEST_ALL=1 turns a skipped test into a failure
test:
    cargo test

# The real program: started, used over HTTP, killed, started again
e2e:
    cargo test --test e2e

# The rules of the house: imports, sizes, words
tidy:
    cargo test --test tidy

# Rewrites docs/reference from the code
reference:
    UPDATE_REFERENCE=1 cargo test

# The measurements of docs/benchmarks.md
bench:
    cargo bench

# The program, in development mode
run:
    cargo run --release -- serve
