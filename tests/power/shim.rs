//! The C shim (`shim.c`), compiled for the tests and loaded into the real program.

use std::{
    path::{Path, PathBuf},
    process::Command as StdCommand,
    sync::OnceLock,
};

use tokio::process::Command;

use crate::server::Home;

static LIBRARY: OnceLock<PathBuf> = OnceLock::new();

/// The compiled shim. A compiler is there: the program's dependencies need one too.
fn library() -> &'static Path {
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/power/shim.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let (unfinished, library) = (format!("power_shim.{}", std::process::id()), target.join("power_shim.so"));
        let unfinished = target.join(unfinished);
        let compiled = StdCommand::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-o"])
            .args([&unfinished, &source])
            .arg("-ldl")
            .output()
            .expect("cc, the C compiler, does not start");
        assert!(compiled.status.success(), "{}", String::from_utf8_lossy(&compiled.stderr));
        std::fs::rename(&unfinished, &library).unwrap();
        library
    })
}

/// The program with the shim: it reads `boot` as the kernel's boot id.
pub fn command(home: &Home, arguments: &[&str], boot: &str) -> Command {
    let file = home.path().join("boot_id");
    std::fs::write(&file, format!("{boot}\n")).unwrap();
    let mut command = home.command(arguments);
    command.env("LD_PRELOAD", library()).env("POWER_BOOT_ID", file);
    command
}

/// The same; what it does to its data directory is appended to `record`.
pub fn recorded(home: &Home, arguments: &[&str], boot: &str, record: &Path) -> Command {
    let mut command = command(home, arguments, boot);
    command.env("POWER_ROOT", home.path().canonicalize().unwrap().join("data")).env("POWER_RECORD", record);
    command
}
