//! Renamed keys. The old name works, with a warning, for one minor release.

use super::{ConfigError, ConfigWarning, origin::WrittenSetting};

/// A renamed key.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renamed {
    pub(super) old: &'static str,
    pub(super) new: &'static str,
    /// The release (major, minor) that no longer accepts the old name; a test fails when it is reached.
    pub(super) gone_in: (u32, u32),
}

/// All keys whose old name still works.
pub(super) const RENAMED: &[Renamed] = &[];

/// Replaces old names by new ones. `settings` are those of one source; both names in one source are a contradiction.
pub(super) fn apply(
    renamed: &[Renamed],
    settings: &mut [WrittenSetting],
    warnings: &mut Vec<ConfigWarning>,
    errors: &mut Vec<ConfigError>,
) {
    let keys: Vec<String> = settings.iter().map(|setting| setting.key.clone()).collect();
    for setting in settings {
        let Some(row) = renamed.iter().find(|row| row.old == setting.key) else { continue };
        let (major, minor) = row.gone_in;
        if keys.iter().any(|key| key == row.new) {
            errors.push(ConfigError {
                key: setting.key.clone(),
                value: None,
                origin: setting.origin.clone(),
                problem: format!("set beside {}, its new name", row.new),
                fix: format!("remove {}", row.old),
            });
        }
        warnings.push(ConfigWarning {
            key: setting.key.clone(),
            origin: setting.origin.clone(),
            text: format!("is called {} now; the old name works until {major}.{minor}", row.new),
        });
        setting.key = row.new.to_owned();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_old_name_outlives_its_release() {
        let part = |text: &str| text.parse::<u32>().unwrap();
        let own = (part(env!("CARGO_PKG_VERSION_MAJOR")), part(env!("CARGO_PKG_VERSION_MINOR")));
        for row in RENAMED {
            assert!(own < row.gone_in, "{} was to be gone in {:?}: remove its row", row.old, row.gone_in);
        }
    }
}
