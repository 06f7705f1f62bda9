//! Unambiguous JSON: a repeated member is refused, which RFC 8259 section 4 leaves open.

use std::{cell::RefCell, fmt};

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::fields::{FieldSource, place};
use crate::types::{FieldError, Invalid, limits};

/// A parsed text, and the places of repeated members.
#[derive(Debug)]
pub struct Parsed {
    /// The value. Of a repeated member it holds the first value.
    pub value: Value,
    /// One error for each repeated member. At `limits::FIELD_ERRORS_MAX` errors parsing stops, and the value is
    /// `null`.
    pub repeated: Vec<FieldError>,
}

/// Parses all of `bytes`, unless too many members are repeated. The error states what is wrong and where, without
/// any part of the text.
pub fn parse(bytes: &[u8]) -> Result<Parsed, String> {
    let text = std::str::from_utf8(bytes).map_err(|e| format!("not UTF-8 after byte {}", e.valid_up_to()))?;
    let repeated = RefCell::new(Vec::new());
    let mut reader = serde_json::Deserializer::from_str(text);
    let seed = Strict { place: String::new(), repeated: &repeated };
    let read = seed.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    let repeated = repeated.into_inner();
    match read {
        Err(_) if repeated.len() >= limits::FIELD_ERRORS_MAX => Ok(Parsed { value: Value::Null, repeated }),
        read => Ok(Parsed { value: read.map_err(describe)?, repeated }),
    }
}

fn describe(error: serde_json::Error) -> String {
    let what = match error.classify() {
        serde_json::error::Category::Eof => "it ends too early",
        serde_json::error::Category::Syntax => "syntax error",
        serde_json::error::Category::Data | serde_json::error::Category::Io => "not representable",
    };
    format!("{what} at line {} column {}", error.line(), error.column())
}

struct Strict<'a> {
    place: String,
    repeated: &'a RefCell<Vec<FieldError>>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("number out of range"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let place = format!("{}/{}", self.place, items.len());
            match seq.next_element_seed(Strict { place, repeated: self.repeated })? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            let place = place(FieldSource::Body, &self.place, &name);
            let value = map.next_value_seed(Strict { place: place.clone(), repeated: self.repeated })?;
            if object.contains_key(&name) {
                let why = Invalid::new("repeated_field", "must be given once");
                self.repeated.borrow_mut().push(why.at(place));
                if self.repeated.borrow().len() >= limits::FIELD_ERRORS_MAX {
                    return Err(A::Error::custom("too many members are repeated"));
                }
            } else {
                object.insert(name, value);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn a_repeated_member_is_named_wherever_it_is() {
        let parsed = parse(br#"{"a":1,"b":[{"c":1,"c/d":2,"c/d":3}],"a":2}"#).unwrap();
        let places: Vec<_> = parsed.repeated.iter().map(|e| e.pointer.as_str()).collect();
        assert_eq!(places, ["/b/0/c~1d", "/a"]);
        assert_eq!(parsed.value["a"], 1);
    }

    #[test]
    fn what_is_not_json_is_refused_without_repeating_it() {
        for (text, reason) in [
            (&b"{\"a\":"[..], "it ends too early at line 1 column 5"),
            (b"{\"a\":hunter2}", "syntax error at line 1 column 6"),
            (b"{} x", "syntax error at line 1 column 4"),
            (b"\"\xff\"", "not UTF-8 after byte 1"),
            (b"", "it ends too early at line 1 column 0"),
        ] {
            assert_eq!(parse(text).unwrap_err(), reason);
        }
        let deep = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        assert!(parse(deep.as_bytes()).is_err());
    }
}
