//! A source file for the rules: its text, the text with comments and literals blanked, and its tokens.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

/// Folders that are generated.
const MADE: [&str; 5] = ["target", "data", "node_modules", ".git", "proptest-regressions"];

/// A word or mark of the code, with its line (from 1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    pub text: String,
    pub line: usize,
}

/// A file of the project; its path is relative to the top and uses `/`.
pub struct Source {
    pub path: String,
    pub text: String,
    /// Empty for files that are not Rust, as are the tokens.
    pub code: String,
    pub tokens: Vec<Token>,
}

impl Source {
    /// A source that is not on the disk, for a test that a rule can fail.
    pub fn sample(path: &str, text: &str) -> Self {
        let is_rust = path.ends_with(".rs");
        let code = if is_rust { blank(text) } else { String::new() };
        let tokens = tokens(&code);
        Self { path: path.to_owned(), text: text.to_owned(), code, tokens }
    }

    pub fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The folder below `src`, or the file itself if it is directly in `src`; empty outside `src`.
    pub fn folder(&self) -> &str {
        self.path.strip_prefix("src/").map_or("", |rest| rest.split('/').next().unwrap_or(""))
    }
}

/// Every text file of the project, read once.
pub fn all() -> &'static [Source] {
    static ALL: OnceLock<Vec<Source>> = OnceLock::new();
    ALL.get_or_init(read)
}

fn read() -> Vec<Source> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = Vec::new();
    collect(top, &mut paths);
    paths.sort();
    let mut sources = Vec::new();
    for path in paths {
        let relative = path.strip_prefix(top).unwrap().to_string_lossy().replace('\\', "/");
        if let Ok(text) = fs::read_to_string(&path) {
            sources.push(Source::sample(&relative, &text));
        }
    }
    assert!(sources.len() > 20, "the project's files were not found below {}", top.display());
    sources
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().to_string_lossy().into_owned();
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if !MADE.contains(&name.as_str()) {
                collect(&entry.path(), paths);
            }
        } else if kind.is_file() && name != ".git" && !name.ends_with(".snap.new") {
            paths.push(entry.path());
        }
    }
}

/// The text with comments and the content of literals replaced by spaces; line numbers stay the same.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end == at {
            out.push(chars[at]);
            at += 1;
        } else {
            out.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        }
    }
    out
}

/// The end of the comment or literal that begins at `at`; `at` itself if none begins there.
fn literal_end(chars: &[char], at: usize) -> usize {
    let next = chars.get(at + 1).copied();
    let in_word = at > 0 && is_word(chars[at - 1]);
    match chars[at] {
        '/' if next == Some('/') => position(chars, at, |c| c == '\n'),
        '/' if next == Some('*') => block_comment_end(chars, at),
        '"' => string_end(chars, at),
        '\'' => char_end(chars, at),
        'r' if !in_word => raw_string_end(chars, at, at + 1),
        'b' if !in_word && next == Some('r') => raw_string_end(chars, at, at + 2),
        _ => at,
    }
}

fn position(chars: &[char], from: usize, wanted: impl Fn(char) -> bool) -> usize {
    (from..chars.len()).find(|&i| wanted(chars[i])).unwrap_or(chars.len())
}

fn block_comment_end(chars: &[char], at: usize) -> usize {
    let mut depth = 0;
    let mut i = at;
    while i + 1 < chars.len() {
        match (chars[i], chars[i + 1]) {
            ('/', '*') => depth += 1,
            ('*', '/') => depth -= 1,
            _ => {
                i += 1;
                continue;
            }
        }
        i += 2;
        if depth == 0 {
            return i;
        }
    }
    chars.len()
}

fn string_end(chars: &[char], at: usize) -> usize {
    let mut i = at + 1;
    while i < chars.len() {
        match chars[i] {
            '\\' => i += 2,
            '"' => return i + 1,
            _ => i += 1,
        }
    }
    chars.len()
}

/// Distinguishes a character from a lifetime.
fn char_end(chars: &[char], at: usize) -> usize {
    match (chars.get(at + 1), chars.get(at + 2)) {
        (Some('\\'), _) => position(chars, at + 3, |c| c == '\'').saturating_add(1).min(chars.len()),
        (Some(_), Some('\'')) => at + 3,
        _ => at,
    }
}

/// `quote` is the position of the hashes or the quote of a raw string; returns `at` if there is none.
fn raw_string_end(chars: &[char], at: usize, quote: usize) -> usize {
    let opening = position(chars, quote, |c| c != '#');
    if chars.get(opening) != Some(&'"') {
        return at;
    }
    let hashes = opening - quote;
    let mut i = opening + 1;
    while i < chars.len() {
        let closes = chars[i] == '"' && (1..=hashes).all(|n| chars.get(i + n) == Some(&'#'));
        if closes {
            return i + 1 + hashes;
        }
        i += 1;
    }
    chars.len()
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn tokens(code: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    for (number, line) in code.lines().enumerate() {
        let chars: Vec<char> = line.chars().collect();
        let mut at = 0;
        while at < chars.len() {
            let end = if is_word(chars[at]) {
                position(&chars, at, |c| !is_word(c))
            } else if chars[at] == ':' && chars.get(at + 1) == Some(&':') {
                at + 2
            } else {
                at + 1
            };
            if !chars[at].is_whitespace() {
                tokens.push(Token { text: chars[at..end].iter().collect(), line: number + 1 });
            }
            at = end;
        }
    }
    tokens
}

#[test]
fn comments_and_literals_are_blanked_and_code_is_kept() {
    let sample = concat!(
        "let a = \"sled::x\"; // sled::y\n",
        "/* a /* b */ c */ let b = 'x'; fn f<'a>(x: &'a str) {}\n",
        "let r = r#\"q\"s\"#; let n = b'\\n';"
    );
    let source = Source::sample("src/a.rs", sample);
    assert!(!source.code.contains("sled"), "{}", source.code);
    assert!(source.code.contains("fn f<'a>(x: &'a str) {}"), "{}", source.code);
    assert!(source.code.contains("let n = b"), "{}", source.code);
    assert_eq!(source.code.lines().count(), 3);
    assert!(!source.tokens.iter().any(|token| token.text == "c" || token.text == "q"));
}

#[test]
fn a_path_is_read_as_words_and_double_colons() {
    let source = Source::sample("src/a.rs", "use crate::types;\nx");
    let texts: Vec<&str> = source.tokens.iter().map(|token| token.text.as_str()).collect();
    assert_eq!(texts, ["use", "crate", "::", "types", ";", "x"]);
    assert_eq!(source.tokens[5].line, 2);
}
