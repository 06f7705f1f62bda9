//! Texts that name accounts, transactions and providers.

use uuid::Uuid;

use super::AccountType;
use crate::types::{Invalid, id::UserId, limits, money::CurrencyCode, text_value};

text_value! {
    /// A unique name of an account. An alias from a request is `[a-z0-9][a-z0-9:._-]{2,63}`; aliases of the product,
    /// such as `user:<id>:wallet:USD`, also have capital letters and begin with `user:` or `system:`.
    AccountAlias by look_up;
    /// An owner's name for an account: 1 to `limits::ACCOUNT_LABEL_MAX` characters, not unique.
    AccountLabel by parse;
    /// An application's own number for a transaction, permanently unique for its author: 1 to
    /// `limits::TRANSACTION_REFERENCE_MAX` printable characters of ASCII, without spaces at the ends.
    TransactionReference by parse;
    /// A payment provider as the configuration names it: `[a-z0-9][a-z0-9_-]{0,31}`.
    ProviderName by parse;
}

/// The longest alias of the product: that of a provider's fees.
const BUILT_IN_ALIAS_MAX: usize = 96;

impl AccountAlias {
    /// An alias from an administrator or a service. Refuses a text in the form of an id and a prefix that is reserved
    /// for the product.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b":._-".contains(&b));
        if !(starts_well && fits && (3..=64).contains(&text.len())) {
            return Err(Invalid::new(
                "alias_format",
                "must be 3 to 64 characters: letters a to z, digits, ':', '.', '_' or '-', beginning with a letter or digit",
            ));
        }
        if Uuid::try_parse(text).is_ok() {
            return Err(Invalid::new("alias_is_id", "must not look like an id"));
        }
        if ["user:", "system:"].iter().any(|kept| text.starts_with(kept)) {
            return Err(Invalid::new("alias_reserved", "must not begin with 'user:' or 'system:'"));
        }
        Ok(Self(text.to_owned()))
    }

    /// Any text that can be an alias, for a look-up; also one of the product.
    pub fn look_up(text: &str) -> Result<Self, Invalid> {
        let fits = text.bytes().all(|b| b.is_ascii_alphanumeric() || b":._-".contains(&b));
        if !(fits && (3..=BUILT_IN_ALIAS_MAX).contains(&text.len())) {
            return Err(Invalid::new("alias_format", "must be the alias of an account"));
        }
        Ok(Self(text.to_owned()))
    }

    /// The alias of a user's default account: `user:<id>:wallet:USD`.
    pub fn of_default(owner: UserId, account_type: AccountType, currency: CurrencyCode) -> Self {
        Self(format!("user:{owner}:{}:{currency}", account_type.as_str()))
    }

    /// An alias of the product, made from valid parts.
    pub(super) fn built_in(text: String) -> Self {
        Self(text)
    }
}

impl AccountLabel {
    /// Trims white space at the ends; refuses control characters and invisible ones that change a text's direction.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.trim();
        if !(1..=limits::ACCOUNT_LABEL_MAX).contains(&text.chars().count()) {
            return Err(Invalid::detailed("length", format!("must be 1 to {} characters", limits::ACCOUNT_LABEL_MAX)));
        }
        let is_unseen =
            |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}');
        if text.chars().any(|c| c.is_control() || is_unseen(c) || c == '\u{feff}') {
            return Err(Invalid::new("control_character", "must not contain control or formatting characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TransactionReference {
    /// Checks the form; the text is kept as it is.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let is_printable = text.bytes().all(|b| b.is_ascii_graphic() || b == b' ');
        let is_trimmed = text.trim() == text;
        if !(is_printable && is_trimmed && (1..=limits::TRANSACTION_REFERENCE_MAX).contains(&text.len())) {
            return Err(Invalid::detailed(
                "reference_format",
                format!("must be 1 to {} printable ASCII characters", limits::TRANSACTION_REFERENCE_MAX),
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl ProviderName {
    /// Checks the form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let starts_well = text.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let fits = text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"_-".contains(&b));
        if !(starts_well && fits && text.len() <= 32) {
            return Err(Invalid::new(
                "provider_format",
                "must be 1 to 32 characters: letters a to z, digits, '_' or '-', beginning with a letter or digit",
            ));
        }
        Ok(Self(text.to_owned()))
    }
}
