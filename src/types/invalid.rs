//! What is wrong with a value a caller sent.

use std::borrow::Cow;

/// Why one value is refused: a stable code and a sentence that names the fix. Never the value itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// Stable, snake_case, for programs.
    pub code: &'static str,
    /// For people: what is expected.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A refusal whose sentence is known beforehand.
    pub const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail: Cow::Borrowed(detail) }
    }

    /// A refusal whose sentence names a limit or a setting.
    pub fn told(code: &'static str, detail: String) -> Self {
        Self { code, detail: Cow::Owned(detail) }
    }

    /// The same, at a place in the request's body.
    pub fn at(self, pointer: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), code: self.code, detail: self.detail }
    }
}

/// One row of `errors` in a problem document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of a query parameter.
    pub pointer: String,
    /// Stable, snake_case, for programs.
    pub code: &'static str,
    /// For people: what is expected.
    pub detail: Cow<'static, str>,
}
