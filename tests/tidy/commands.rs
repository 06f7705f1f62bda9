//! A command is in a file of its own, whose stem is the name that operators see.

use crate::source::Source;
use crate::{finds, hold};

/// Files with an `impl Command<..>` that contain another one, or whose `KIND` is not their stem.
fn commands(source: &Source) -> Vec<String> {
    if !source.path.starts_with("src/actors/") {
        return Vec::new();
    }
    let stem = source.path.rsplit('/').next().unwrap_or("").trim_end_matches(".rs");
    let implementations: Vec<&str> = source.text.split("\nimpl Command<").skip(1).collect();
    let mut found = Vec::new();
    if implementations.len() > 1 {
        found.push(format!("{}: holds {} commands, one file holds one", source.path, implementations.len()));
    }
    for implementation in implementations {
        let kind = implementation.split("const KIND: &'static str = \"").nth(1).and_then(|rest| rest.split('"').next());
        if kind != Some(stem) {
            found.push(format!("{}: the command's KIND is {kind:?}, not `{stem}`", source.path));
        }
    }
    found
}

#[test]
fn a_command_is_named_as_its_file() {
    hold(commands);
}

#[test]
fn the_command_rule_can_fail() {
    let one = |kind: &str| format!("\nimpl Command<C> for A {{\n    const KIND: &'static str = \"{kind}\";\n}}\n");
    finds(commands, 0, "src/actors/auth/login.rs", &one("login"));
    finds(commands, 1, "src/actors/auth/login.rs", &one("sign_in"));
    finds(commands, 2, "src/actors/auth/login.rs", &(one("login") + &one("logout")));
    finds(commands, 0, "src/supervision/command.rs", &one("other"));
}
