//! Why a caller's value is not valid.

use std::borrow::Cow;

/// Why one value is refused: a stable code and a sentence that states the fix. It never holds the value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Invalid {
    /// The stable code in snake case, for programs.
    pub code: &'static str,
    /// The expected form, for users.
    pub detail: Cow<'static, str>,
}

impl Invalid {
    /// A refusal with a constant sentence.
    pub const fn new(code: &'static str, detail: &'static str) -> Self {
        Self { code, detail: Cow::Borrowed(detail) }
    }

    /// A refusal whose sentence states a limit or a setting.
    pub fn detailed(code: &'static str, detail: String) -> Self {
        Self { code, detail: Cow::Owned(detail) }
    }

    /// The refusal, at a place in the request's body.
    pub fn at(self, pointer: impl Into<String>) -> FieldError {
        FieldError { pointer: pointer.into(), code: self.code, detail: self.detail }
    }
}

/// One row of `errors` in a problem document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer (RFC 6901) into the body, or the name of a query parameter.
    pub pointer: String,
    /// The stable code in snake case, for programs.
    pub code: &'static str,
    /// The expected form, for users.
    pub detail: Cow<'static, str>,
}
