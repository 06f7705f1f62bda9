//! The templates that come with the program, compiled into it.

use crate::domain::notification::TemplateName;

/// A file under `assets/templates/email`.
pub(super) struct Source {
    /// The path there, e.g. `en/welcome.html`.
    pub path: &'static str,
    /// What it says.
    pub text: &'static str,
}

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        &[$(Source { path: $path, text: include_str!(concat!("../../../assets/templates/email/", $path)) }),*]
    };
}

macro_rules! language {
    ($language:literal, [$($name:literal),* $(,)?]) => {
        &[$(
            Source {
                path: concat!($language, "/", $name, ".subject"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".subject")),
            },
            Source {
                path: concat!($language, "/", $name, ".html"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".html")),
            },
            Source {
                path: concat!($language, "/", $name, ".txt"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".txt")),
            },
        )*]
    };
}

/// What the templates of all languages are built on.
pub(super) const SHARED: &[Source] = sources!["layout.html", "layout.txt", "parts.html"];

/// Every template in every language that is shipped.
pub(super) const LANGUAGES: &[(&str, &[Source])] = &[
    (
        "en",
        language!(
            "en",
            [
                "welcome",
                "verification_code",
                "reset_code",
                "password_changed",
                "new_device",
                "locked_out",
                "address_taken",
                "session_ended",
                "step_up_code",
            ]
        ),
    ),
    (
        "de",
        language!(
            "de",
            [
                "welcome",
                "verification_code",
                "reset_code",
                "password_changed",
                "new_device",
                "locked_out",
                "address_taken",
                "session_ended",
                "step_up_code",
            ]
        ),
    ),
];

/// The part of a mail that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// The subject line.
    Subject,
    /// The HTML body.
    Html,
    /// The text body.
    Text,
}

impl Part {
    /// All parts.
    #[cfg(test)]
    pub(super) const ALL: [Self; 3] = [Self::Subject, Self::Html, Self::Text];

    fn ending(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Html => "html",
            Self::Text => "txt",
        }
    }
}

/// The path of a template's part.
pub(super) fn path(language: &str, template: TemplateName, part: Part) -> String {
    format!("{language}/{}.{}", template.as_str(), part.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_shipped_in_every_language() {
        for (language, sources) in LANGUAGES {
            for template in TemplateName::ALL {
                for part in Part::ALL {
                    let path = path(language, template, part);
                    assert!(sources.iter().any(|source| source.path == path), "{path} is missing");
                }
            }
            assert_eq!(sources.len(), TemplateName::ALL.len() * Part::ALL.len(), "{language} has strays");
        }
    }
}
