//! The commands and the quoted log lines of a document.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A fenced block of a shell's commands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    pub document: String,
    /// The line of its first command.
    pub line: usize,
    pub script: String,
    /// 0, or the status that the paragraph before it names: `exits with 1`.
    pub status: i32,
}

impl Block {
    /// A block that is in no document.
    pub fn of(document: &str, script: &str) -> Self {
        Self { document: document.to_owned(), line: 0, script: script.to_owned(), status: 0 }
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of a file of the repository.
pub fn document(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The names of all runbooks, sorted.
pub fn runbooks() -> Vec<String> {
    let entries = fs::read_dir(root().join("docs/runbooks")).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<String> = names.map(|name| format!("docs/runbooks/{name}")).collect();
    names.sort();
    names
}

/// The status that a paragraph names.
fn status(paragraph: &str) -> i32 {
    let Some(rest) = paragraph.split("exits with ").nth(1) else { return 0 };
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

/// Every fenced block of a document. One of another language than `sh` is refused, so that no command is left out by
/// a misspelled word.
pub fn blocks(document: &str, text: &str) -> Vec<Block> {
    let mut found = Vec::new();
    let (mut open, mut paragraph): (Option<(usize, String, i32)>, String) = (None, String::new());
    let mut has_ended = false;
    for (at, whole) in text.lines().enumerate() {
        let line = whole.trim_start();
        let fence = line.strip_prefix("```");
        match (&mut open, fence) {
            (Some(_), Some(_)) => {
                let (line, script, status) = open.take().unwrap();
                found.push(Block { document: document.to_owned(), line, script, status });
                paragraph.clear();
            }
            (Some((_, script, _)), None) => {
                script.push_str(line);
                script.push('\n');
            }
            (None, Some(language)) => {
                assert_eq!(language, "sh", "{document}:{}: a block of commands is marked sh", at + 1);
                open = Some((at + 2, String::new(), status(&paragraph)));
            }
            // The blank line before a block does not end its paragraph.
            (None, None) if line.is_empty() => has_ended = true,
            (None, None) => {
                if std::mem::take(&mut has_ended) {
                    paragraph.clear();
                }
                paragraph.push_str(line);
                paragraph.push(' ');
            }
        }
    }
    assert!(open.is_none(), "{document}: a block does not end");
    found
}

/// The text between single backticks, outside of fenced blocks.
fn spans(text: &str) -> Vec<String> {
    let outside: Vec<&str> = text.split("```").step_by(2).collect();
    outside.iter().flat_map(|part| part.split('`').skip(1).step_by(2)).map(|span| span.replace('\n', " ")).collect()
}

/// The commands of Majordomo in a text.
pub fn commands(text: &str) -> Vec<String> {
    spans(text).into_iter().filter(|span| span.starts_with("majordomo ")).collect()
}

/// The quoted log lines of a text: spans of at least four words without a value, a path or a flag.
pub fn sentences(text: &str) -> Vec<String> {
    let is_plain = |c: char| c.is_ascii_lowercase() || " .,;:'_".contains(c);
    let is_sentence =
        |span: &String| span.matches(' ').count() >= 3 && span.chars().all(is_plain) && !span.starts_with("majordomo ");
    spans(text).into_iter().filter(is_sentence).collect()
}

/// All source files, with continued strings on one line.
pub fn source() -> String {
    let mut text = String::new();
    read(&root().join("src"), &mut text);
    let mut joined = String::new();
    for line in text.lines() {
        match line.trim_end().strip_suffix('\\') {
            Some(part) => joined.push_str(part.trim_start()),
            None => {
                joined.push_str(line.trim_start());
                joined.push('\n');
            }
        }
    }
    joined
}

fn read(dir: &Path, text: &mut String) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read(&path, text);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
}

#[test]
fn blocks_have_their_place_and_the_status_that_their_text_names() {
    let text = "# A\nx exits with 3.\n\nIt\nexits with 1\nif so:\n\n```sh\na\nb\n```\n\n- c\n\n  ```sh\n  d\n  ```\n";
    let found = blocks("a.md", text);
    let parts: Vec<_> = found.iter().map(|block| (block.line, block.script.as_str(), block.status)).collect();
    assert_eq!(parts, [(9, "a\nb\n", 1), (16, "d\n", 0)]);
    assert!(std::panic::catch_unwind(|| blocks("a.md", "```bash\na\n```\n")).is_err());
}

#[test]
fn commands_and_log_lines_are_found_in_the_text_alone() {
    let text =
        "`majordomo a` and `the log has\nit` or `GET /x y z`\n```sh\n`majordomo b`\n```\n`majordomo log level x`";
    assert_eq!(commands(text), ["majordomo a", "majordomo log level x"]);
    assert_eq!(sentences(text), ["the log has it"]);
}
