//! The templates that come with the program, compiled into it.

#[cfg(test)]
use crate::domain::notification::Channel;
use crate::domain::notification::TemplateName;

/// A file under `assets/templates/email` or `assets/templates/sms`.
pub(super) struct TemplateFile {
    /// The path there, e.g. `en/welcome.html`.
    pub path: &'static str,
    /// What it says.
    pub text: &'static str,
}

macro_rules! sources {
    ($($path:literal),* $(,)?) => {
        &[$(TemplateFile { path: $path, text: include_str!(concat!("../../../assets/templates/email/", $path)) }),*]
    };
}

macro_rules! language {
    ($language:literal, [$($name:literal),* $(,)?], texts: [$($text:literal),*]) => {
        &[$(
            TemplateFile {
                path: concat!($language, "/", $name, ".subject"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".subject")),
            },
            TemplateFile {
                path: concat!($language, "/", $name, ".html"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".html")),
            },
            TemplateFile {
                path: concat!($language, "/", $name, ".txt"),
                text: include_str!(concat!("../../../assets/templates/email/", $language, "/", $name, ".txt")),
            },
        )*
        $(
            TemplateFile {
                path: concat!($language, "/", $text, ".txt"),
                text: include_str!(concat!("../../../assets/templates/sms/", $language, "/", $text, ".txt")),
            },
        )*]
    };
}

/// What the templates of all languages are built on.
pub(super) const SHARED: &[TemplateFile] = sources!["layout.html", "layout.txt", "parts.html"];

/// Every template in every language that is shipped.
pub(super) const LANGUAGES: &[(&str, &[TemplateFile])] = &[
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
                "invitation",
            ],
            texts: ["phone_code"]
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
                "invitation",
            ],
            texts: ["phone_code"]
        ),
    ),
];

/// The part of a message that a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplatePart {
    /// The subject line.
    Subject,
    /// The HTML body.
    Html,
    /// The text body.
    Text,
}

impl TemplatePart {
    /// The parts of a template: a text message has a text alone.
    #[cfg(test)]
    pub(super) fn of(template: TemplateName) -> &'static [Self] {
        match template.channel() {
            Channel::Email => &[Self::Subject, Self::Html, Self::Text],
            Channel::Sms => &[Self::Text],
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Html => "html",
            Self::Text => "txt",
        }
    }
}

/// The path of a template's part.
pub(super) fn path(language: &str, template: TemplateName, part: TemplatePart) -> String {
    format!("{language}/{}.{}", template.as_str(), part.ending())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_template_is_shipped_in_every_language() {
        for (language, sources) in LANGUAGES {
            for template in TemplateName::ALL {
                for part in TemplatePart::of(template) {
                    let path = path(language, template, *part);
                    assert!(sources.iter().any(|source| source.path == path), "{path} is missing");
                }
            }
            let files = TemplateName::ALL.into_iter().map(|template| TemplatePart::of(template).len()).sum::<usize>();
            assert_eq!(sources.len(), files, "{language} has strays");
        }
    }
}
