//! Numbers, switches, texts, addresses and paths.

use std::{net::SocketAddr, path::PathBuf};

use super::{ConfigValue, Text, Written};
use crate::types::{Cidr, Secret};

impl ConfigValue for bool {
    fn kind() -> String {
        "true or false".to_owned()
    }
    fn read(written: &Written) -> Result<Self, String> {
        match written {
            Written::Toml(toml::Value::Boolean(value)) => Ok(*value),
            Written::Plain(text) if text == "true" => Ok(true),
            Written::Plain(text) if text == "false" => Ok(false),
            Written::Toml(_) | Written::Plain(_) => Err(format!("{} instead of true or false", written.type_name())),
        }
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl ConfigValue for u32 {
    fn kind() -> String {
        "a whole number".to_owned()
    }
    fn read(written: &Written) -> Result<Self, String> {
        let number = match written {
            Written::Toml(toml::Value::Integer(number)) => Self::try_from(*number).ok(),
            Written::Plain(text) if text.bytes().all(|b| b.is_ascii_digit()) => text.parse().ok(),
            Written::Toml(_) | Written::Plain(_) => {
                return Err(format!("{} instead of a whole number", written.type_name()));
            }
        };
        number.ok_or_else(|| "out of range".to_owned())
    }
    fn show(&self) -> String {
        self.to_string()
    }
}

impl Text for String {
    fn notation() -> String {
        "a text".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        if text.chars().any(char::is_control) {
            return Err("must not contain control characters".to_owned());
        }
        Ok(text.to_owned())
    }
    fn text(&self) -> String {
        self.clone()
    }
}

impl Text for SocketAddr {
    fn notation() -> String {
        "an address with its port such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|_| "not an address with its port".to_owned())
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Text for Cidr {
    fn notation() -> String {
        "an address or a range of addresses such as \"10.0.0.0/8\"".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        text.parse().map_err(|invalid: crate::types::Invalid| invalid.to_string())
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

impl Text for PathBuf {
    fn notation() -> String {
        "a path, relative to the working directory".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        String::parse(text).map(Self::from)
    }
    fn text(&self) -> String {
        self.display().to_string()
    }
}

impl Text for Secret {
    const SECRET: bool = true;
    fn notation() -> String {
        "a secret text".to_owned()
    }
    fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() {
            return Err("must not be empty".to_owned());
        }
        Ok(Self::new(text))
    }
    fn text(&self) -> String {
        self.reveal().to_owned()
    }
}
