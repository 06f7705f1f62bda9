//! Reads bodies and queries into typed values. It collects every refusal, so that one answer lists all of them.
//!
//! ```
//! use majordomo::http::fields::{Fields, FromFields};
//! use majordomo::types::{EmailAddress, Secret, UserName};
//!
//! struct Register { email: EmailAddress, password: Secret, username: Option<UserName> }
//!
//! impl FromFields for Register {
//!     fn from_fields(body: &mut Fields) -> Option<Self> {
//!         let email = body.required("email").text(EmailAddress::parse);
//!         let password = body.required("password").secret();
//!         let username = body.optional("username").text(UserName::parse);
//!         Some(Self { email: email?, password: password?, username: username? })
//!     }
//! }
//! ```
//!
//! Read every field first and use `?` last: a field that was not read is refused as unknown.

use std::{fmt, ops::RangeInclusive};

use serde_json::{Map, Value};

use crate::{
    domain::auth::password_policy::{self, PasswordContext, PasswordPolicy},
    types::{FieldError, Invalid, Secret, limits},
};

/// A body or query type that reads its own fields.
pub trait FromFields: Sized {
    /// Reads all fields. Returns `None` if one of them was refused; `fields` keeps the errors.
    fn from_fields(fields: &mut Fields) -> Option<Self>;
}

/// For routes without parameters: refuses every one.
impl FromFields for () {
    fn from_fields(_: &mut Fields) -> Option<Self> {
        Some(())
    }
}

/// The source of the fields. It decides the form of a place, and whether numbers are text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSource {
    /// A JSON body: places are JSON pointers (RFC 6901).
    Body,
    /// A query string: places are parameter names and every value is text.
    Query,
}

/// The fields of one object, and the errors of those that were read.
pub struct Fields {
    object: Map<String, Value>,
    source: FieldSource,
    place: String,
    errors: Vec<FieldError>,
    /// The names that were read, for the refusal of others.
    known: Vec<&'static str>,
    /// The rules for new passwords.
    policy: PasswordPolicy,
    /// The refusals of new passwords. They are reported beside other errors; alone they are left to the command, which
    /// may know more of the password's owner.
    passwords: Vec<FieldError>,
}

impl Fields {
    /// Reads the members of a body or query.
    pub fn new(source: FieldSource, object: Map<String, Value>) -> Self {
        let (place, policy) = (String::new(), PasswordPolicy::default());
        Self { object, source, place, errors: Vec::new(), known: Vec::new(), policy, passwords: Vec::new() }
    }

    /// The same with the rules for new passwords.
    pub fn under(mut self, policy: PasswordPolicy) -> Self {
        self.policy = policy;
        self
    }

    /// A text member that another reader reads later, if `parse` accepts it: for checks that compare two members.
    pub fn peek<T>(&self, name: &str, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        self.object.get(name)?.as_str().and_then(|text| parse(text).ok())
    }

    /// A new password, which must be present. `owner` has what the same body states of its owner.
    ///
    /// A password that violates the policy is no error here if the body has no other: the command refuses it.
    pub fn new_password(&mut self, name: &'static str, owner: PasswordContext<'_>) -> Option<Secret> {
        let password = self.required(name).secret()?;
        let (place, unfit) = (self.place_of(name), password_policy::check(password.reveal(), self.policy, owner));
        self.passwords.extend(unfit.into_iter().map(|why| why.at(place.clone())));
        Some(password)
    }

    /// A field that must be present; `null` is refused.
    pub fn required(&mut self, name: &'static str) -> Field<'_, Required> {
        self.field(name)
    }

    /// A field that may be absent or `null`.
    pub fn optional(&mut self, name: &'static str) -> Field<'_, Optional> {
        self.field(name)
    }

    /// A member of a merge patch (RFC 7396): absent keeps the value, `null` clears it.
    pub fn patch(&mut self, name: &'static str) -> Field<'_, Patch> {
        self.field(name)
    }

    /// Adds an error that concerns several fields; `name` is the field that it is reported for.
    pub fn refuse(&mut self, name: &str, why: Invalid) {
        let place = self.place_of(name);
        self.errors.push(why.at(place));
    }

    /// Refuses fields that were not read. Returns the value, or all errors.
    pub fn finish<T>(mut self, value: Option<T>) -> Result<T, Vec<FieldError>> {
        self.refuse_unknown();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            Some(_) | None => {
                self.errors.extend(self.passwords);
                Err(self.errors)
            }
        }
    }

    fn field<P: Presence>(&mut self, name: &'static str) -> Field<'_, P> {
        self.known.push(name);
        Field {
            value: self.object.remove(name),
            place: self.place_of(name),
            source: self.source,
            errors: &mut self.errors,
            presence: std::marker::PhantomData,
        }
    }

    fn refuse_unknown(&mut self) {
        const NO_PARAMETERS: Invalid = Invalid::new("unknown_parameter", "is not known here: there are no parameters");
        const BODY: Invalid = Invalid::new("unknown_field", "this field is not known here");
        let unknown = match self.source {
            FieldSource::Body => BODY,
            FieldSource::Query if self.known.is_empty() => NO_PARAMETERS,
            FieldSource::Query => {
                let known = self.known.join(", ");
                Invalid::detailed("unknown_parameter", format!("is not known here; the parameters are {known}"))
            }
        };
        let left = limits::FIELD_ERRORS_MAX.saturating_sub(self.errors.len());
        let names: Vec<String> =
            std::mem::take(&mut self.object).into_iter().map(|(name, _)| name).take(left).collect();
        for name in names {
            self.refuse(&name, unknown.clone());
        }
    }

    fn place_of(&self, name: &str) -> String {
        place(self.source, &self.place, name)
    }
}

/// The place of `name` under `parent`. Names and places that are too long are cut; only a client makes such ones.
pub fn place(source: FieldSource, parent: &str, name: &str) -> String {
    let name: String = name.chars().take(limits::FIELD_NAME_SHOWN).collect();
    match source {
        FieldSource::Body => {
            let mut place = format!("{parent}/{}", name.replace('~', "~0").replace('/', "~1"));
            if let Some((end, _)) = place.char_indices().nth(limits::FIELD_PLACE_SHOWN) {
                place.truncate(end);
            }
            place
        }
        FieldSource::Query => name,
    }
}

/// What the absence of a field means.
pub trait Presence {
    /// The type of the result.
    type Out<T>;
    /// The field is not there.
    fn absent<T>() -> Result<Self::Out<T>, Invalid>;
    /// The field is `null`.
    fn null<T>() -> Result<Self::Out<T>, Invalid>;
    /// The field has a value.
    fn present<T>(value: T) -> Self::Out<T>;
}

/// The field must be present.
pub struct Required;
/// The field may be absent or `null`.
pub struct Optional;
/// The field may be absent (keep) or `null` (clear).
pub struct Patch;

/// What a merge patch does to one member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change<T> {
    /// The value stays.
    Keep,
    /// The value is removed.
    Clear,
    /// The value is replaced.
    Set(T),
}

/// A field that must be present is not.
pub const MISSING: Invalid = Invalid::new("required", "must be given");
const NULL: Invalid = Invalid::new("required", "must not be null");

impl Presence for Required {
    type Out<T> = T;
    fn absent<T>() -> Result<T, Invalid> {
        Err(MISSING)
    }
    fn null<T>() -> Result<T, Invalid> {
        Err(NULL)
    }
    fn present<T>(value: T) -> T {
        value
    }
}

impl Presence for Optional {
    type Out<T> = Option<T>;
    fn absent<T>() -> Result<Option<T>, Invalid> {
        Ok(None)
    }
    fn null<T>() -> Result<Option<T>, Invalid> {
        Ok(None)
    }
    fn present<T>(value: T) -> Option<T> {
        Some(value)
    }
}

impl Presence for Patch {
    type Out<T> = Change<T>;
    fn absent<T>() -> Result<Change<T>, Invalid> {
        Ok(Change::Keep)
    }
    fn null<T>() -> Result<Change<T>, Invalid> {
        Ok(Change::Clear)
    }
    fn present<T>(value: T) -> Change<T> {
        Change::Set(value)
    }
}

/// One field that is being read. Each reader returns `None` if it refused the value, and keeps the error.
#[must_use]
pub struct Field<'a, P> {
    value: Option<Value>,
    place: String,
    source: FieldSource,
    errors: &'a mut Vec<FieldError>,
    presence: std::marker::PhantomData<P>,
}

impl<P: Presence> Field<'_, P> {
    /// A text that `parse` accepts.
    pub fn text<T>(self, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<P::Out<T>> {
        self.read(|node| node.text(parse))
    }

    /// A password, code or token: text of any form, up to `limits::SECRET_INPUT_MAX` bytes.
    pub fn secret(self) -> Option<P::Out<Secret>> {
        self.read(|node| node.secret())
    }

    /// `true` or `false`.
    pub fn boolean(self) -> Option<P::Out<bool>> {
        self.read(|node| node.boolean())
    }

    /// A whole number in `range`.
    pub fn integer(self, range: RangeInclusive<i64>) -> Option<P::Out<i64>> {
        self.read(|node| node.integer(range))
    }

    /// One of a fixed set of names.
    pub fn choice<T: Clone>(self, names: &[(&'static str, T)]) -> Option<P::Out<T>> {
        self.read(|node| node.choice(names))
    }

    /// Up to `max` items, each read by `read`.
    pub fn list<T>(self, max: usize, read: impl FnMut(Node<'_>) -> Option<T>) -> Option<P::Out<Vec<T>>> {
        self.read(|node| node.list(max, read))
    }

    /// An object with its own fields.
    pub fn object<T: FromFields>(self) -> Option<P::Out<T>> {
        self.read(|node| node.object())
    }

    /// Any object, unchanged, up to `max` bytes as JSON.
    pub fn free_object(self, max: usize) -> Option<P::Out<Map<String, Value>>> {
        self.read(|node| node.free_object(max))
    }

    /// Any other type: `read` gets the value if it is present.
    pub fn read<T>(self, read: impl FnOnce(Node<'_>) -> Option<T>) -> Option<P::Out<T>> {
        let Self { value, place, source, errors, .. } = self;
        let without_value = match value {
            Some(Value::Null) => P::null::<T>(),
            None => P::absent::<T>(),
            Some(value) => return read(Node { value, place, source, errors }).map(P::present),
        };
        match without_value {
            Ok(out) => Some(out),
            Err(why) => {
                errors.push(why.at(place));
                None
            }
        }
    }
}

/// A value and its place.
pub struct Node<'a> {
    value: Value,
    place: String,
    source: FieldSource,
    errors: &'a mut Vec<FieldError>,
}

impl Node<'_> {
    /// See [`Field::text`].
    pub fn text<T>(self, parse: impl FnOnce(&str) -> Result<T, Invalid>) -> Option<T> {
        match &self.value {
            Value::String(text) => match parse(text) {
                Ok(value) => Some(value),
                Err(why) => self.refuse(why),
            },
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong_type("a string")
            }
        }
    }

    /// See [`Field::secret`].
    pub fn secret(mut self) -> Option<Secret> {
        match self.value.take() {
            Value::String(text) if text.len() > limits::SECRET_INPUT_MAX => {
                drop(Secret::new(text));
                self.refuse(Invalid::detailed("length", format!("must be at most {} bytes", limits::SECRET_INPUT_MAX)))
            }
            Value::String(text) => Some(Secret::new(text)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.wrong_type("a string")
            }
        }
    }

    /// See [`Field::boolean`].
    pub fn boolean(self) -> Option<bool> {
        match (&self.value, self.source) {
            (Value::Bool(value), _) => Some(*value),
            (Value::String(text), FieldSource::Query) if text == "true" => Some(true),
            (Value::String(text), FieldSource::Query) if text == "false" => Some(false),
            _ => self.wrong_type("true or false"),
        }
    }

    /// See [`Field::integer`].
    pub fn integer(self, range: RangeInclusive<i64>) -> Option<i64> {
        let number = match (&self.value, self.source) {
            (Value::Number(number), FieldSource::Body) => number.as_i64(),
            (Value::String(text), FieldSource::Query) => text.parse().ok(),
            _ => None,
        };
        match number {
            None => self.wrong_type("a whole number"),
            Some(number) if range.contains(&number) => Some(number),
            Some(_) => {
                let (low, high) = range.into_inner();
                self.refuse(Invalid::detailed("out_of_range", format!("must be between {low} and {high}")))
            }
        }
    }

    /// See [`Field::choice`].
    pub fn choice<T: Clone>(self, names: &[(&'static str, T)]) -> Option<T> {
        let listed = || names.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
        self.text(|text| {
            let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| value.clone());
            found.ok_or_else(|| Invalid::detailed("unknown_value", format!("must be one of {}", listed())))
        })
    }

    /// See [`Field::list`].
    pub fn list<T>(mut self, max: usize, mut read: impl FnMut(Node<'_>) -> Option<T>) -> Option<Vec<T>> {
        let Value::Array(items) = self.value.take() else { return self.wrong_type("an array") };
        if items.len() > max {
            return self.refuse(Invalid::detailed("length", format!("must have at most {max} items")));
        }
        let Self { place, source, errors, .. } = self;
        let mut values = Vec::with_capacity(items.len());
        let mut is_whole = true;
        for (index, value) in items.into_iter().enumerate() {
            if errors.len() >= limits::FIELD_ERRORS_MAX {
                return None;
            }
            match read(Node { value, place: format!("{place}/{index}"), source, errors }) {
                Some(value) => values.push(value),
                None => is_whole = false,
            }
        }
        is_whole.then_some(values)
    }

    /// See [`Field::object`].
    pub fn object<T: FromFields>(mut self) -> Option<T> {
        let Value::Object(object) = self.value.take() else { return self.wrong_type("an object") };
        let Self { place, source, errors, .. } = self;
        let mut fields = Fields { place, ..Fields::new(source, object) };
        let value = T::from_fields(&mut fields);
        match fields.finish(value) {
            Ok(value) => Some(value),
            Err(mut why) => {
                errors.append(&mut why);
                None
            }
        }
    }

    /// See [`Field::free_object`].
    pub fn free_object(mut self, max: usize) -> Option<Map<String, Value>> {
        let Value::Object(object) = self.value.take() else { return self.wrong_type("an object") };
        let size = serde_json::to_vec(&object).map_or(usize::MAX, |text| text.len());
        if size > max {
            return self.refuse(Invalid::detailed("length", format!("must be at most {max} bytes as JSON")));
        }
        Some(object)
    }

    /// Refuses the value and keeps the error `why`.
    pub fn refuse<T>(self, why: Invalid) -> Option<T> {
        self.errors.push(why.at(self.place));
        None
    }

    fn wrong_type<T>(self, expected: impl fmt::Display) -> Option<T> {
        self.refuse(Invalid::detailed("wrong_type", format!("must be {expected}")))
    }
}

/// A check for one line of free text: 1 to `max` characters without control characters.
pub fn line(max: usize) -> impl Fn(&str) -> Result<String, Invalid> {
    move |text| {
        let length = text.chars().count();
        if length == 0 || length > max {
            return Err(Invalid::detailed("length", format!("must be 1 to {max} characters")));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid::new("control_character", "must not contain control characters"));
        }
        Ok(text.to_owned())
    }
}
