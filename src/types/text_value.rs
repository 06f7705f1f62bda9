//! The macro for types that are a checked text: of names, contact points, and the ledger's names.

/// Declares types that hold a text. `by` names the function that checks a stored text:
/// `fn(&str) -> Result<Self, Invalid>`.
macro_rules! text_value {
    ($($(#[$doc:meta])* $name:ident by $check:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, ::serde::Serialize, ::serde::Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str { &self.0 }
        }
        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result { f.write_str(&self.0) }
        }
        impl From<$name> for String { fn from(value: $name) -> String { value.0 } }
        impl TryFrom<String> for $name {
            type Error = $crate::types::Invalid;
            fn try_from(text: String) -> Result<Self, $crate::types::Invalid> { Self::$check(&text) }
        }
    )*};
}

pub(crate) use text_value;
