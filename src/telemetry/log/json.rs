//! A line as JSON, under the names of the source documents.

use serde::ser::{SerializeMap, Serializer};
use serde_json::Value;
use tracing::{Level, Metadata};

/// The members of each line. A field with one of these names is written as `<name>Field`.
const RESERVED: [&str; 8] =
    ["timestamp", "level", "service", "message", "userId", "correlationId", "duration", "target"];
/// Fields with a fixed name, at the start of the line.
const FIRST: [&str; 4] = ["user_id", "principal", "request_id", "took_ms"];

/// `{"timestamp":...,"level":"info","service":...,"message":...,"userId":...,"correlationId":...,"duration":"45ms"`,
/// then the writing module and the other fields. A field that the event does not have is omitted.
pub(super) fn line(time: &str, metadata: &Metadata<'_>, message: &str, fields: &[(&'static str, Value)]) -> String {
    let find = |name| fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value);
    let user = find("user_id").and_then(Value::as_str).or_else(|| {
        let principal = find("principal").and_then(Value::as_str)?;
        principal.strip_prefix("user:")
    });
    let duration = find("took_ms").map(|took| format!("{took}ms"));
    let mut bytes = Vec::with_capacity(256);
    let mut serializer = serde_json::Serializer::new(&mut bytes);
    let written = serializer.serialize_map(None).and_then(|mut map| {
        map.serialize_entry("timestamp", time)?;
        map.serialize_entry("level", level(*metadata.level()))?;
        map.serialize_entry("service", service_of(metadata.target()))?;
        map.serialize_entry("message", message)?;
        if let Some(user) = user {
            map.serialize_entry("userId", user)?;
        }
        if let Some(id) = find("request_id") {
            map.serialize_entry("correlationId", id)?;
        }
        if let Some(duration) = &duration {
            map.serialize_entry("duration", duration)?;
        }
        map.serialize_entry("target", metadata.target())?;
        for (name, value) in fields {
            // A caller that is no user is written with its kind.
            let is_written = FIRST.contains(name) && (*name != "principal" || user.is_some());
            if RESERVED.contains(name) {
                map.serialize_entry(&format!("{name}Field"), value)?;
            } else if !is_written {
                map.serialize_entry(name, value)?;
            }
        }
        map.end()
    });
    bytes.push(b'\n');
    match written {
        Ok(()) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(_) => "{\"level\":\"error\",\"message\":\"a log line could not be written\"}\n".to_owned(),
    }
}

fn level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

/// The service of a module; the name of the crate for a library.
fn service_of(target: &str) -> &str {
    let mut parts = target.split("::");
    match (parts.next(), parts.next(), parts.next()) {
        (Some("majordomo"), Some("actors"), Some(service)) => service,
        (Some("majordomo"), Some("access" | "http"), _) => "edge",
        (Some("majordomo"), Some("persistence"), _) => "store",
        (Some(library), ..) => library,
        (None, ..) => target,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_with_the_name_of_a_member_does_not_repeat_the_member() {
        let log = crate::config::LogConfig { format: crate::config::LogFormat::Json, ..Default::default() };
        let (sender, lines) = std::sync::mpsc::sync_channel(16);
        struct Sending(std::sync::mpsc::SyncSender<Vec<u8>>);
        impl std::io::Write for Sending {
            fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
                self.0.send(bytes.to_vec()).unwrap();
                Ok(bytes.len())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let subscriber = super::super::subscriber(&log, move || Sending(sender.clone()));
        tracing::subscriber::with_default(subscriber, || tracing::warn!(level = "debug", target = "x", "set"));
        let line = String::from_utf8(lines.try_iter().flatten().collect()).unwrap();
        assert_eq!((line.matches("\"level\":").count(), line.matches("\"target\":").count()), (1, 1), "{line}");
        assert!(line.contains("\"levelField\":\"debug\""), "{line}");
    }

    #[test]
    fn a_target_belongs_to_a_service() {
        let known = [
            ("majordomo::actors::auth::login", "auth"),
            ("majordomo::access", "edge"),
            ("majordomo::persistence::machinery::open", "store"),
            ("majordomo::app::run", "majordomo"),
            ("sled::tree", "sled"),
        ];
        for (target, service) in known {
            assert_eq!(service_of(target), service, "{target}");
        }
    }
}
