//! The environment: `MAJORDOMO__SECTION__KEY`.

use std::ffi::OsString;

use super::{ConfigError, ConfigWarning, SettingOrigin, Written, nearest::nearest, origin::WrittenSetting};

const PREFIX: &str = "MAJORDOMO__";
/// Variables that the program reads but that are no keys.
const NO_KEYS: [&str; 2] = ["MAJORDOMO_CONFIG", "MAJORDOMO_TEST_ALL"];

/// What the environment says about colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColourWish {
    /// No colours.
    Never,
    /// Colours, also in a file or pipe.
    Always,
    /// Colours on a terminal.
    OnTerminal,
}

/// The wish of this process's environment, by the variables that clap reads too.
pub fn colour_wish() -> ColourWish {
    colour_wish_in(&std::env::vars_os().collect::<Vec<_>>())
}

fn colour_wish_in(variables: &[(OsString, OsString)]) -> ColourWish {
    let value = |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_os_str());
    let is_on = |wanted: &str| value(wanted).map(|value| value != "0");
    // https://no-color.org and https://bixense.com/clicolors
    if value("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        ColourWish::Never
    } else if is_on("CLICOLOR_FORCE") == Some(true) {
        ColourWish::Always
    } else if is_on("CLICOLOR") == Some(false) {
        ColourWish::Never
    } else if is_on("CLICOLOR") == Some(true) || value("TERM").is_some_and(|term| term != "dumb") {
        ColourWish::OnTerminal
    } else {
        ColourWish::Never
    }
}

/// The variable that sets `key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The settings in the environment.
pub(super) fn read(variables: &[(OsString, OsString)]) -> (Vec<WrittenSetting>, Vec<ConfigError>) {
    let (mut settings, mut errors) = (Vec::new(), Vec::new());
    for (name, value) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(path) = name.strip_prefix(PREFIX) else { continue };
        let origin = SettingOrigin::Environment(name.to_owned());
        // A lower-case name would be a second name of the same key.
        let key = if path.bytes().any(|byte| byte.is_ascii_lowercase()) {
            path.to_owned()
        } else {
            path.replace("__", ".").to_ascii_lowercase()
        };
        match value.to_str() {
            Some(text) => settings.push(WrittenSetting { key, written: Written::Plain(text.to_owned()), origin }),
            None => errors.push(ConfigError {
                key,
                value: None,
                origin,
                problem: "not UTF-8".to_owned(),
                fix: "write it as UTF-8".to_owned(),
            }),
        }
    }
    (settings, errors)
}

/// Variables that probably lack an underscore. Only a warning: Kubernetes and others set variables that begin with the
/// name of a service.
pub(super) fn near_misses(variables: &[(OsString, OsString)], known: &[String]) -> Vec<ConfigWarning> {
    let mut warnings = Vec::new();
    for (name, _) in variables {
        let Some(name) = name.to_str() else { continue };
        let Some(rest) = name.strip_prefix("MAJORDOMO_") else { continue };
        if rest.starts_with('_') || NO_KEYS.contains(&name) {
            continue;
        }
        let flat = |key: &str| key.replace(['.', '_'], "").to_ascii_uppercase();
        let exact = known.iter().find(|key| flat(key) == flat(rest));
        let key = exact.map(String::as_str).or_else(|| {
            let dotted = rest.replace("__", ".").to_ascii_lowercase();
            nearest(&dotted, known.iter().map(String::as_str)).filter(|_| rest.contains("__"))
        });
        if let Some(key) = key {
            let text = format!("this variable is not read; did you mean {}?", variable(key));
            warnings.push(ConfigWarning {
                key: key.to_owned(),
                origin: SettingOrigin::Environment(name.to_owned()),
                text,
            });
        }
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variables(names: &[&str]) -> Vec<(OsString, OsString)> {
        names.iter().map(|name| (OsString::from(name), OsString::from("x"))).collect()
    }

    #[test]
    fn a_variable_names_its_key() {
        let (settings, _) = read(&variables(&["MAJORDOMO__NOTIFY__EMAIL__SMTP_URL", "MAJORDOMO_CONFIG", "HOME"]));
        assert_eq!(settings.len(), 1);
        assert_eq!(settings[0].key, "notify.email.smtp_url");
        assert_eq!(variable("notify.email.smtp_url"), "MAJORDOMO__NOTIFY__EMAIL__SMTP_URL");
    }

    #[test]
    fn a_forgotten_underscore_is_mentioned_and_what_kubernetes_sets_is_not() {
        let known = ["mode".to_owned(), "edge.listen".to_owned()];
        let warned = |name: &str| near_misses(&variables(&[name]), &known).len();
        assert_eq!(warned("MAJORDOMO_MODE"), 1);
        assert_eq!(warned("MAJORDOMO_EDGE_LISTEN"), 1);
        assert_eq!(warned("MAJORDOMO_EDGE__LISTEN"), 1);
        assert_eq!(warned("MAJORDOMO_SERVICE_HOST"), 0);
        assert_eq!(warned("MAJORDOMO_PORT_8080_TCP_ADDR"), 0);
        assert_eq!(warned("MAJORDOMO_CONFIG"), 0);
    }

    #[test]
    fn colours_follow_the_variables_that_other_programs_follow() {
        for (variables, wish) in [
            (&[][..], ColourWish::Never),
            (&[("TERM", "dumb")], ColourWish::Never),
            (&[("TERM", "xterm")], ColourWish::OnTerminal),
            (&[("TERM", "xterm"), ("NO_COLOR", "1")], ColourWish::Never),
            (&[("TERM", "xterm"), ("NO_COLOR", "")], ColourWish::OnTerminal),
            (&[("TERM", "xterm"), ("CLICOLOR", "0")], ColourWish::Never),
            (&[("CLICOLOR", "1")], ColourWish::OnTerminal),
            (&[("CLICOLOR_FORCE", "1")], ColourWish::Always),
            (&[("CLICOLOR_FORCE", "0"), ("TERM", "xterm")], ColourWish::OnTerminal),
            (&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], ColourWish::Never),
        ] {
            let variables: Vec<_> = variables.iter().map(|(name, value)| (name.into(), value.into())).collect();
            assert_eq!(colour_wish_in(&variables), wish, "{variables:?}");
        }
    }
}
