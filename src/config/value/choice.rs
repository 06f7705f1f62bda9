//! Closed sets of words.

use super::Text;

/// A type whose values are fixed words.
pub trait Choice: Copy + PartialEq + Sized + 'static {
    /// Every word and its value.
    const WORDS: &'static [(&'static str, Self)];

    /// The word of this value.
    fn word(self) -> &'static str {
        Self::WORDS.iter().find(|(_, value)| *value == self).map_or("", |(word, _)| word)
    }
}

impl<T: Choice> Text for T {
    fn notation() -> String {
        let words: Vec<String> = T::WORDS.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        format!("one of {}", words.join(", "))
    }
    fn parse(text: &str) -> Result<Self, String> {
        T::WORDS
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| "not one of the words".to_owned())
    }
    fn text(&self) -> String {
        self.word().to_owned()
    }
}
