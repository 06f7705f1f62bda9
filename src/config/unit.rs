//! The installation by the systemd unit in `deploy/`: its settings file, and the defaults that follow from it. So a
//! command in an operator's shell finds the store, the key ring and the mail server that the unit gives to the server.

use std::{collections::BTreeMap, path::Path};

use super::{SettingOrigin, Written, load, origin::WrittenSetting};

/// The settings file of the unit. It is read if no other file is named or found.
pub const UNIT_FILE: &str = "/etc/majordomo/config.toml";

/// The defaults with the unit's settings file: a directory below the unit's state directory, and the files that systemd
/// passes to the server as credentials.
const DEFAULTS: [(&str, &str); 3] = [
    ("store.path", "/var/lib/majordomo/data"),
    ("secrets.key_ring_file", "/etc/majordomo/key_ring"),
    ("notify.email.smtp_url_file", "/etc/majordomo/smtp_url"),
];

/// Adds the unit's defaults for keys that no source sets, if `file` is the unit's settings file.
pub(super) fn defaults(file: Option<&Path>, merged: &mut BTreeMap<String, WrittenSetting>) {
    if file != Some(Path::new(UNIT_FILE)) {
        return;
    }
    for (key, value) in DEFAULTS {
        // The content of a secret's file is read at once, so it has to be there.
        let is_there = !key.ends_with(load::IN_FILE) || key == "secrets.key_ring_file" || Path::new(value).exists();
        if is_there && !load::is_set(merged, key) {
            let (key, written) = (key.to_owned(), Written::Plain(value.to_owned()));
            merged.insert(key.clone(), WrittenSetting { key, written, origin: SettingOrigin::Unit });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(merged: &BTreeMap<String, WrittenSetting>, key: &str) -> Option<String> {
        merged.get(key).map(|setting| setting.written.show())
    }

    #[test]
    fn the_unit_s_defaults_apply_with_its_file_and_to_keys_that_are_not_set() {
        let set = |key: &str, value: &str| WrittenSetting {
            key: key.to_owned(),
            written: Written::Plain(value.to_owned()),
            origin: SettingOrigin::Default,
        };
        for other in [None, Some(Path::new("/etc/majordomo/other.toml")), Some(Path::new("majordomo.toml"))] {
            let mut merged = BTreeMap::new();
            defaults(other, &mut merged);
            assert!(merged.is_empty(), "{other:?}");
        }
        let mut merged = BTreeMap::from([("store.path".to_owned(), set("store.path", "/srv/data"))]);
        defaults(Some(Path::new(UNIT_FILE)), &mut merged);
        let unset = merged.insert("x".to_owned(), set("x", "/srv/data"));
        assert!(unset.is_none() && value(&merged, "store.path") == value(&merged, "x"));
        let ring = &merged["secrets.key_ring_file"];
        assert_eq!(ring.origin, SettingOrigin::Unit);
        assert!(ring.written.show().contains("/etc/majordomo/key_ring"));
    }
}
