//! The template files that are compiled into the program, for each row of the table of templates.

use crate::domain::notification::{TemplateName, for_each_template};

/// A file under `assets/templates/email` or `assets/templates/sms`.
pub(super) struct TemplateFile {
    /// The path below that folder, for example `en/welcome.html`.
    pub path: &'static str,
    pub text: &'static str,
}

macro_rules! file {
    ($folder:literal, $($part:expr),+) => {
        TemplateFile {
            path: concat!($($part),+),
            text: include_str!(concat!("../../../assets/templates/", $folder, "/", $($part),+)),
        }
    };
}

/// The files of one template in one language.
macro_rules! files_of {
    (Email, $language:literal, $name:literal) => {
        &[
            file!("email", $language, "/", $name, ".subject"),
            file!("email", $language, "/", $name, ".html"),
            file!("email", $language, "/", $name, ".txt"),
        ]
    };
    (Sms, $language:literal, $name:literal) => {
        &[file!("sms", $language, "/", $name, ".txt")]
    };
}

/// The files of every template in one language.
macro_rules! language {
    (($language:literal) $($(#[$doc:meta])* $template:ident {
        name: $name:literal, channel: $channel:ident, $($rest:tt)*
    })*) => {
        &[$(files_of!($channel, $language, $name)),*]
    };
}

/// The files that the templates of all languages include.
pub(super) const SHARED: &[TemplateFile] =
    &[file!("email", "layout.html"), file!("email", "layout.txt"), file!("email", "parts.html")];

/// The files of each template in each language.
pub(super) const LANGUAGES: &[(&str, &[&[TemplateFile]])] =
    &[("en", for_each_template!(language "en")), ("de", for_each_template!(language "de"))];

/// The part of a message that a file renders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TemplatePart {
    Subject,
    Html,
    Text,
}

impl TemplatePart {
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
    use std::{collections::BTreeSet, fs, path::Path};

    use super::*;

    /// The files under `assets/templates/<channel>/<language>`, as their paths below the channel.
    fn on_disk(language: &str) -> BTreeSet<String> {
        let folders = ["email", "sms"]
            .map(|channel| Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/templates").join(channel).join(language));
        let files = folders.into_iter().flat_map(|folder| fs::read_dir(folder).unwrap());
        files.map(|file| format!("{language}/{}", file.unwrap().file_name().into_string().unwrap())).collect()
    }

    #[test]
    fn every_file_of_a_language_belongs_to_a_template() {
        for (language, templates) in LANGUAGES {
            assert_eq!(templates.len(), TemplateName::ALL.len());
            let shipped: BTreeSet<String> =
                templates.iter().copied().flatten().map(|file| file.path.to_owned()).collect();
            assert_eq!(shipped, on_disk(language));
        }
    }

    #[test]
    fn every_folder_of_templates_is_a_language() {
        for channel in ["email", "sms"] {
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/templates").join(channel);
            let folders = fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.path().is_dir());
            for found in folders.map(|entry| entry.file_name().into_string().unwrap()) {
                assert!(LANGUAGES.iter().any(|(language, _)| *language == found), "{channel}/{found} is not shipped");
            }
        }
    }
}
