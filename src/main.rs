//! The program: the command line is read, the command runs, its result becomes the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    majordomo::cli::main(std::env::args_os())
}
