//! The declaration of a section: field, key, comment, default and range in one place.

use std::{fmt::Display, ops::RangeInclusive};

use super::value::{ConfigValue, Written};

/// A part of the configuration with its keys.
pub trait Section {
    /// The description of the section, one paragraph.
    const ABOUT: &'static str;

    /// Passes every key to `visitor`, in the order of the documentation. `path` is the section's own path:
    /// `edge.timeouts`, or empty for the root.
    fn visit(&mut self, path: &str, visitor: &mut dyn Visitor);
}

/// A visitor of the keys: the loader, the printer, the reference.
pub trait Visitor {
    /// A section begins.
    fn section(&mut self, path: &str, about: &'static str);
    /// A key and its value.
    fn key(&mut self, path: String, about: &'static str, slot: &mut dyn ValueSlot);
}

/// The value of one key.
pub trait ValueSlot {
    /// The accepted values, in words: `a duration such as "15m", 1m to 24h`.
    fn kind(&self) -> String;
    /// Whether the value must never be printed.
    fn is_secret(&self) -> bool;
    /// Sets the value. The error states in words what is wrong with it.
    fn set(&mut self, written: &Written) -> Result<(), String>;
    /// The value as TOML; `"***"` for a secret that is set.
    fn show(&self) -> String;
}

/// A value that is limited only by its type.
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

/// A value with a range.
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

/// Declares a section: a struct whose fields are keys with comments and defaults, and its inner sections.
///
/// The comment of a field is printed in `config.toml`, `config explain` and the reference, so it states the unit and
/// the purpose of the key.
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
