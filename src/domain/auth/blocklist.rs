//! Common passwords: a list of words, and the rule by which each word covers thousands of passwords.
//!
//! A password is refused if it consists of at most one listed word and parts without entropy: keyboard walks,
//! sequences, repeats, and digits and signs around a word. `Summer2024!!`, `p@ssw0rd1234`, `qwerty123456`,
//! `1q2w3e4r5t6y` and `passwordpassword` are refused; two different words are not. With this rule a list of some 2,300
//! words covers more than a list of millions of passwords.

use std::{collections::HashSet, sync::LazyLock};

use unicode_normalization::UnicodeNormalization;

const LIST: &str = include_str!("../../../assets/passwords/blocklist.txt");

static WORDS: LazyLock<HashSet<&'static str>> =
    LazyLock::new(|| LIST.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace).collect());

const SHORTEST_WORD: usize = 4;
const LONGEST_WORD: usize = 20;
/// The fewest characters of a walk or sequence.
const SHORTEST_WALK: usize = 3;
/// The most characters of a unit: a password that repeats a unit is judged by the unit.
const LONGEST_UNIT: usize = 20;
/// The most characters outside of walks and sequences in a refused password.
const FEW: usize = 2;

/// Keyboard walks; they also count backwards.
const WALKS: [&str; 16] = [
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "abcdefghijklmnopqrstuvwxyz",
    "012345678901234567890",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik9ol0p",
    "qazwsxedcrfvtgbyhnujmikolp",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "zaq1xsw2cde3vfr4bgt5nhy6mju7",
    "a1b2c3d4e5f6g7h8i9j0",
    "!@#$%^&*()_+",
];

/// Whether `password` is a common one.
pub fn is_listed(password: &str) -> bool {
    let lowered: Vec<char> = password.nfkc().flat_map(char::to_lowercase).collect();
    is_weak(&lowered)
}

/// `text` with look-alikes replaced by letters; `one` replaces `1`, `!` and `|`.
fn read_as_letters(text: &[char], one: char) -> Vec<char> {
    let letter = |c: &char| match c {
        '0' => 'o',
        '1' | '!' | '|' => one,
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' | '+' => 't',
        '8' => 'b',
        other => *other,
    };
    text.iter().map(letter).collect()
}

fn is_weak(text: &[char]) -> bool {
    for repeating in [text, without_decoration(text)] {
        if repeated_units(repeating).any(|unit| unit.len() <= SHORTEST_WORD || is_weak(unit)) {
            return true;
        }
    }
    let reading = cheapest_reading(text);
    reading.with_one_word || reading.others_without_word.is_some_and(|others| others <= FEW)
}

/// The text from the first letter to the last.
fn without_decoration(text: &[char]) -> &[char] {
    let is_letter = |c: &char| c.is_alphabetic();
    match (text.iter().position(is_letter), text.iter().rposition(is_letter)) {
        (Some(first), Some(last)) => &text[first..=last],
        (None, _) | (_, None) => &[],
    }
}

/// The units of which `text` consists, the shortest first: repeated at least twice, the last time possibly in part.
fn repeated_units(text: &[char]) -> impl Iterator<Item = &[char]> {
    let longest = LONGEST_UNIT.min(text.len() / 2);
    let repeats = |unit: &usize| text.iter().zip(&text[*unit..]).all(|(a, b)| a == b);
    (1..=longest).filter(repeats).map(|unit| &text[..unit])
}

/// The splits of a text into listed words, walks, and other characters that are not letters.
struct Reading {
    /// Without any listed word: the fewest characters outside walks; `None`: there is no such split.
    others_without_word: Option<usize>,
    /// Whether there is a split with exactly one listed word.
    with_one_word: bool,
}

fn cheapest_reading(text: &[char]) -> Reading {
    let spellings = [text.to_vec(), read_as_letters(text, 'i'), read_as_letters(text, 'l')];
    // Per position: the best split of the text before it.
    let mut without: Vec<Option<usize>> = vec![None; text.len() + 1];
    let mut with_word = vec![false; text.len() + 1];
    without[0] = Some(0);
    for start in 0..text.len() {
        if without[start].is_none() && !with_word[start] {
            continue;
        }
        let mut reach = |end: usize, others: usize| {
            if let Some(before) = without[start] {
                let total = before + others;
                without[end] = Some(without[end].map_or(total, |known| known.min(total)));
            }
            with_word[end] |= with_word[start];
        };
        if !text[start].is_alphabetic() {
            reach(start + 1, 1);
        }
        for end in walk_ends(text, start) {
            reach(end, 0);
        }
        if without[start].is_some() {
            for end in spellings.iter().flat_map(|spelling| word_ends(spelling, start)) {
                with_word[end] = true;
            }
        }
    }
    Reading { others_without_word: without[text.len()], with_one_word: with_word[text.len()] }
}

/// The possible ends of walks and repeated characters that begin at `start`.
fn walk_ends(text: &[char], start: usize) -> impl Iterator<Item = usize> {
    let rest = &text[start..];
    let run = rest.iter().take_while(|c| **c == rest[0]).count();
    let walked = WALKS.iter().map(|walk| longest_walk(rest, walk)).max().unwrap_or(0);
    (SHORTEST_WALK..=run.max(walked)).map(move |length| start + length)
}

/// The number of characters at the start of `rest` that are a part of `walk`, forwards or backwards.
fn longest_walk(rest: &[char], walk: &str) -> usize {
    let forwards: Vec<char> = walk.chars().collect();
    let backwards: Vec<char> = walk.chars().rev().collect();
    let common = |walk: &[char]| {
        let begins = (0..walk.len()).filter(|at| walk[*at] == rest[0]);
        begins.map(|at| walk[at..].iter().zip(rest).take_while(|(a, b)| a == b).count()).max().unwrap_or(0)
    };
    common(&forwards).max(common(&backwards))
}

/// The ends of listed words that begin at `start`.
fn word_ends(text: &[char], start: usize) -> impl Iterator<Item = usize> {
    let longest = LONGEST_WORD.min(text.len() - start);
    (SHORTEST_WORD..=longest).map(move |length| start + length).filter(move |end| {
        let word: String = text[start..*end].iter().collect();
        WORDS.contains(word.as_str())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_list_is_long_enough_and_well_formed() {
        assert!(WORDS.len() > 2_000, "{} words", WORDS.len());
        for word in WORDS.iter() {
            let length_ok = (SHORTEST_WORD..=LONGEST_WORD).contains(&word.len());
            assert!(length_ok && word.bytes().all(|b| b.is_ascii_lowercase()), "{word}");
        }
    }

    #[test]
    fn the_most_common_passwords_are_listed() {
        for password in [
            "password1234",
            "Password123!",
            "p@ssw0rd1234",
            "P4$$w0rd2024",
            "passwordpassword",
            "PasswordPassword1",
            "123456789012",
            "1234567890123",
            "987654321098",
            "111111111111",
            "000000000000",
            "123123123123",
            "121212121212",
            "qwertyuiop12",
            "qwerty123456",
            "123456qwerty",
            "qwertyqwerty",
            "1q2w3e4r5t6y",
            "1qaz2wsx3edc",
            "zaq12wsxcde3",
            "asdfghjkl123",
            "poiuytrewq12",
            "abcdefghijkl",
            "abcd1234abcd",
            "abc123abc123",
            "a1b2c3d4e5f6",
            "iloveyou1234",
            "ILoveYou!!!!",
            "administrator",
            "Administrator1",
            "changeme1234",
            "letmein12345",
            "Welcome12345",
            "Welcome2024!",
            "Summer2024!!",
            "sommer2024!!",
            "Winter-2025-",
            "football1234",
            "liverpool123",
            "m1ch3ll31234",
            "dragon123456",
            "$uperman2000",
            "trustno1trustno1",
            "majordomo123",
            "hello_hello_",
            "knockknock12",
            "motdepasse12",
            "!@#$%^&*()_+",
            "passwort1234",
            "12345password",
            "2024password!",
        ] {
            assert!(is_listed(password), "{password}");
        }
    }

    #[test]
    fn passwords_with_something_of_their_own_are_not() {
        for password in [
            "correct horse battery",
            "summer garden chair",
            "tr0ub4dor and three",
            "kitchen-window-7",
            "dragonmonkey42",
            "vK8#pQz2!mLw",
            "839201748263",
            "ich esse gern brot",
            "пароль для кота",
            "a sentence without common words",
            "winterfell4ever",
            "xkqjzvwpfhgt",
        ] {
            assert!(!is_listed(password), "{password}");
        }
    }

    #[test]
    fn the_longest_password_is_judged_quickly_whatever_it_is() {
        for unit in ["1", "12a", "password1", "abcdefghijk1", "@1"] {
            let long: String = unit.chars().cycle().take(127).chain(['x']).collect();
            let _judged = is_listed(&long);
        }
    }

    #[test]
    fn every_listed_word_is_refused_bare_and_decorated() {
        for word in WORDS.iter() {
            for password in [word.to_string(), format!("{word}1"), format!("2024{word}!!"), format!("{word}{word}")] {
                assert!(is_listed(&password), "{password}");
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_judged_without_panic(text in "\\PC{0,128}") {
            let _judged = is_listed(&text);
        }

        #[test]
        fn a_listed_word_with_digits_around_it_is_listed(
            word in prop::sample::select(WORDS.iter().copied().collect::<Vec<_>>()),
            before in "[0-9]{0,4}",
            after in "[0-9!.]{0,6}",
        ) {
            let password = format!("{before}{word}{after}");
            prop_assert!(is_listed(&password), "{}", password);
        }
    }
}
