//! How a section of the configuration is written down once: field, key, comment, default and range in one place.

use std::{fmt::Display, ops::RangeInclusive};

use super::value::{ConfigValue, Written};

/// A part of the configuration whose keys can be walked.
pub trait Section {
    /// What the section is about, one paragraph.
    const ABOUT: &'static str;

    /// Shows every key to `visitor`, in the order of the documentation. `path` is the section's own: `edge.timeouts`,
    /// or empty for the root.
    fn visit(&mut self, path: &str, visitor: &mut dyn Visitor);
}

/// Who walks the keys: the loader, the printer, the reference.
pub trait Visitor {
    /// A section begins.
    fn section(&mut self, path: &str, about: &'static str);
    /// A key and the place of its value.
    fn key(&mut self, path: String, about: &'static str, slot: &mut dyn ValueSlot);
}

/// The place of one key's value.
pub trait ValueSlot {
    /// What may be written, in words: `a duration such as "15m", 1m to 24h`.
    fn kind(&self) -> String;
    /// Whether the value must never be shown.
    fn is_secret(&self) -> bool;
    /// Takes the value over, or says in words what is wrong with it.
    fn set(&mut self, written: &Written) -> Result<(), String>;
    /// The value as TOML; `"***"` for a secret that is set.
    fn show(&self) -> String;
}

/// A place whose type alone says what may stand there.
pub(super) struct Plain<'a, T>(pub(super) &'a mut T);

impl<T: ConfigValue> ValueSlot for Plain<'_, T> {
    fn kind(&self) -> String {
        T::kind()
    }
    fn is_secret(&self) -> bool {
        T::SECRET
    }
    fn set(&mut self, written: &Written) -> Result<(), String> {
        *self.0 = T::read(written)?;
        Ok(())
    }
    fn show(&self) -> String {
        self.0.show()
    }
}

/// A place with a range besides.
pub(super) struct Ranged<'a, T>(pub(super) &'a mut T, pub(super) RangeInclusive<T>);

impl<T: ConfigValue + PartialOrd> ValueSlot for Ranged<'_, T> {
    fn kind(&self) -> String {
        format!("{}, {} to {}", T::kind(), bare(self.1.start().show()), bare(self.1.end().show()))
    }
    fn is_secret(&self) -> bool {
        T::SECRET
    }
    fn set(&mut self, written: &Written) -> Result<(), String> {
        let value = T::read(written)?;
        if !self.1.contains(&value) {
            return Err("out of range".to_owned());
        }
        *self.0 = value;
        Ok(())
    }
    fn show(&self) -> String {
        self.0.show()
    }
}

fn bare(shown: impl Display) -> String {
    shown.to_string().trim_matches('"').to_owned()
}

/// The path of `key` in the section `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// Declares a section: a struct whose fields are keys, their comments and their defaults, and the sections inside it.
///
/// The comment of a field is what `config.toml`, `config explain` and the reference say about the key, so it names the
/// unit and what the number is for.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident {
            $( $(#[doc = $doc:literal])+ $field:ident: $type:ty = $default:expr $(, within $range:expr)?; )*
        }
        $(with { $( $(#[doc = $sub_doc:literal])+ $sub:ident: $sub_type:ty, )+ })?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )*
            $($( $(#[doc = $sub_doc])+ pub $sub: $sub_type, )+)?
        }

        impl Default for $name {
            fn default() -> Self {
                Self {
                    $( $field: $default, )*
                    $($( $sub: <$sub_type>::default(), )+)?
                }
            }
        }

        impl $crate::config::section::Section for $name {
            const ABOUT: &'static str = concat!($($about),+);

            fn visit(&mut self, path: &str, visitor: &mut dyn $crate::config::section::Visitor) {
                visitor.section(path, Self::ABOUT);
                $(
                    let mut slot = $crate::config::section::slot!(&mut self.$field $(, $range)?);
                    let key = $crate::config::section::join(path, stringify!($field));
                    visitor.key(key, concat!($($doc),+), &mut slot);
                )*
                $($(
                    let inner = $crate::config::section::join(path, stringify!($sub));
                    <$sub_type as $crate::config::section::Section>::visit(&mut self.$sub, &inner, visitor);
                )+)?
            }
        }
    };
}

macro_rules! slot {
    ($place:expr) => {
        $crate::config::section::Plain($place)
    };
    ($place:expr, $range:expr) => {
        $crate::config::section::Ranged($place, $range)
    };
}

pub(super) use {section, slot};
