//! Merges the sources: defaults, the file, the environment, flags.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    path::{Path, PathBuf},
};

use super::{
    Config, ConfigError, ConfigWarning, Section, SettingOrigin, ValueSlot, Visitor, Written, check, environment, error,
    file, modes,
    nearest::nearest,
    origin::WrittenSetting,
    renamed::{self, RENAMED, Renamed},
    unit::{self, UNIT_FILE},
};

/// The sources of a configuration, read once from the process.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// The settings file.
    pub file: Option<PathBuf>,
    /// The whole environment.
    pub environment: Vec<(OsString, OsString)>,
    /// The settings of flags.
    pub flags: Vec<FlagSetting>,
}

/// A key that is set by a flag.
#[derive(Debug, Clone)]
pub struct FlagSetting {
    /// The flag as written: `--listen`.
    pub flag: String,
    /// The key.
    pub key: String,
    /// The value, as text.
    pub value: String,
}

/// The file that is read if none is named and it exists.
pub const DEFAULT_FILE: &str = "majordomo.toml";

impl Sources {
    /// The sources of this process. The file is the first of: `chosen` (the flag `--config`), the variable
    /// `MAJORDOMO_CONFIG`, `majordomo.toml` in the working directory if it exists, `UNIT_FILE` if it exists; else none.
    pub fn of_process(chosen: Option<PathBuf>, flags: Vec<FlagSetting>) -> Self {
        let environment: Vec<(OsString, OsString)> = std::env::vars_os().collect();
        let named = environment.iter().find(|(name, value)| name == "MAJORDOMO_CONFIG" && !value.is_empty());
        let file = chosen
            .or_else(|| named.map(|(_, value)| PathBuf::from(value)))
            .or_else(|| [DEFAULT_FILE, UNIT_FILE].map(PathBuf::from).into_iter().find(|path| is_there(path)));
        Self { file, environment, flags }
    }
}

/// Whether there is a file to read. A link that leads nowhere and a directory that may not be searched are reported
/// when the file is read, and do not count as no file.
fn is_there(path: &Path) -> bool {
    match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != std::io::ErrorKind::NotFound,
    }
}

/// A configuration with its warnings and origins.
#[derive(Debug, Clone)]
pub struct LoadedConfig {
    /// The settings.
    pub config: Config,
    /// Warnings for the operator.
    pub warnings: Vec<ConfigWarning>,
    /// The origin of each key that is set; other keys have their default.
    pub origins: BTreeMap<String, SettingOrigin>,
    /// The file of each secret that was read from one.
    pub secret_files: BTreeMap<String, PathBuf>,
}

impl LoadedConfig {
    /// The defaults, as without any source.
    pub fn defaults() -> Self {
        let config = Config::default();
        Self { config, warnings: Vec::new(), origins: BTreeMap::new(), secret_files: BTreeMap::new() }
    }
}

impl Config {
    /// Reads the sources, checks types, ranges and contradictions, and the requirements of the mode. Returns all
    /// errors, in the order of the sources and the keys.
    pub fn load(sources: &Sources) -> Result<LoadedConfig, Vec<ConfigError>> {
        let loaded = Self::read(sources)?;
        let refusals = modes::refusals(&loaded, loaded.config.mode);
        if refusals.is_empty() { Ok(loaded) } else { Err(refusals) }
    }

    /// As `load`, without the requirements of the mode: for commands that read the settings and start nothing.
    pub fn read(sources: &Sources) -> Result<LoadedConfig, Vec<ConfigError>> {
        read_with(sources, RENAMED)
    }
}

/// The suffix of a key that names the file of a secret.
pub(super) const IN_FILE: &str = "_file";

pub(super) fn read_with(sources: &Sources, renamed: &[Renamed]) -> Result<LoadedConfig, Vec<ConfigError>> {
    let known = KnownKeys::of(&mut Config::default());
    let (mut warnings, mut errors) = (Vec::new(), Vec::new());
    let mut merged = BTreeMap::new();
    for (mut settings, faults) in layers(sources, &known) {
        errors.extend(faults);
        renamed::apply(renamed, &mut settings, &mut warnings, &mut errors);
        errors.extend(merge(&mut merged, settings, &known));
    }
    credentials(sources, &mut merged);
    unit::defaults(sources.file.as_deref(), &mut merged);
    let secret_files = open_secret_files(&mut merged, &known, &mut errors);
    let mut setter = Setter { merged, origins: BTreeMap::new(), errors: Vec::new() };
    let mut config = Config::default();
    config.visit("", &mut setter);
    let Setter { merged: unknown, origins, errors: refused } = setter;
    errors.extend(refused);
    errors.extend(unknown.into_values().map(|setting| unknown_key(&setting, &known)));
    warnings.extend(environment::near_misses(&sources.environment, &known.keys));
    let mut loaded = LoadedConfig { config, warnings, origins, secret_files };
    errors.extend(check::contradictions(&loaded, &errors));
    loaded.warnings.extend(check::warnings(&loaded));
    if errors.is_empty() { Ok(loaded) } else { Err(errors) }
}

type Layer = (Vec<WrittenSetting>, Vec<ConfigError>);

/// The sources, in ascending priority.
fn layers(sources: &Sources, known: &KnownKeys) -> Vec<Layer> {
    let is_section = |path: &str| known.sections.iter().any(|section| section == path);
    let mut layers = Vec::new();
    if let Some(path) = &sources.file {
        layers.push(file::read(path, &is_section));
    }
    layers.push(environment::read(&sources.environment));
    layers.push(flags(&sources.flags, known));
    layers
}

fn flags(flags: &[FlagSetting], known: &KnownKeys) -> Layer {
    let (mut settings, mut errors) = (Vec::new(), Vec::new());
    for FlagSetting { flag, key, value } in flags {
        let origin = SettingOrigin::Flag(flag.clone());
        if known.secrets.contains(key) {
            errors.push(ConfigError {
                key: key.clone(),
                value: Some("***".to_owned()),
                origin,
                problem: "a secret on the command line can be read by every user of this machine".to_owned(),
                fix: format!("write it to a file and set {key}{IN_FILE}, or set {}", environment::variable(key)),
            });
            continue;
        }
        settings.push(WrittenSetting { key: key.clone(), written: Written::Plain(value.clone()), origin });
    }
    (settings, errors)
}

/// Merges one source over the earlier ones. A secret and its `_file` key are two names of one value.
fn merge(
    merged: &mut BTreeMap<String, WrittenSetting>,
    layer: Vec<WrittenSetting>,
    known: &KnownKeys,
) -> Vec<ConfigError> {
    let mut errors = Vec::new();
    let set: Vec<String> = layer.iter().filter(|one| !is_empty(one)).map(|one| one.key.clone()).collect();
    for setting in layer {
        if let Some(secret) = known.secret_of_file(&setting.key).map(str::to_owned) {
            if is_empty(&setting) {
                continue;
            }
            if set.contains(&secret) {
                errors.push(ConfigError {
                    key: setting.key.clone(),
                    value: Some(setting.written.show()),
                    origin: setting.origin.clone(),
                    problem: format!("set beside {secret}"),
                    fix: "set one of the two".to_owned(),
                });
            }
            merged.remove(&secret);
        } else if known.secrets.contains(&setting.key) {
            if is_empty(&setting) && set.contains(&format!("{}{IN_FILE}", setting.key)) {
                continue;
            }
            merged.remove(&format!("{}{IN_FILE}", setting.key));
        }
        merged.insert(setting.key.clone(), setting);
    }
    errors
}

fn is_empty(setting: &WrittenSetting) -> bool {
    match &setting.written {
        Written::Plain(text) => text.is_empty(),
        Written::Toml(value) => value.as_str().is_some_and(str::is_empty),
    }
}

/// Replaces each `<secret>_file` by the content of the file. Returns the file of each secret that was read.
fn open_secret_files(
    merged: &mut BTreeMap<String, WrittenSetting>,
    known: &KnownKeys,
    errors: &mut Vec<ConfigError>,
) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    for secret in &known.secrets {
        let Some(setting) = merged.remove(&format!("{secret}{IN_FILE}")) else { continue };
        let refused = |problem: String| ConfigError {
            key: setting.key.clone(),
            value: Some(setting.written.show()),
            origin: setting.origin.clone(),
            problem,
            fix: format!("name a file of at most {} bytes that holds the secret alone", SECRET_FILE_MAX),
        };
        let path = match &setting.written {
            Written::Plain(path) | Written::Toml(toml::Value::String(path)) => PathBuf::from(path),
            Written::Toml(_) => {
                errors.push(refused("not a path in quotes".to_owned()));
                continue;
            }
        };
        match read_secret(&path) {
            Ok(text) => {
                let written = Written::Plain(text);
                merged.insert(secret.clone(), WrittenSetting { key: secret.clone(), written, origin: setting.origin });
                files.insert(secret.clone(), path);
            }
            Err(problem) => errors.push(refused(problem)),
        }
    }
    files
}

/// The largest file of a secret, in bytes.
const SECRET_FILE_MAX: usize = 64 << 10;

/// The text of the file without a line break at the end, which editors add.
fn read_secret(path: &Path) -> Result<String, String> {
    let bytes = std::fs::read(path).map_err(|error| format!("cannot be read ({error})"))?;
    if bytes.len() > SECRET_FILE_MAX {
        return Err("too large".to_owned());
    }
    let text = String::from_utf8(bytes).map_err(|_| "not UTF-8".to_owned())?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err("empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// systemd passes secrets as files in a directory (`LoadCredential=key_ring:...`); each of `CREDENTIALS` that is there
/// is used if no setting names another.
fn credentials(sources: &Sources, merged: &mut BTreeMap<String, WrittenSetting>) {
    const NAME: &str = "CREDENTIALS_DIRECTORY";
    let Some((_, directory)) = sources.environment.iter().find(|(name, _)| name == NAME) else { return };
    for (name, key) in CREDENTIALS {
        let file = Path::new(directory).join(name);
        let Some(path) = file.to_str().filter(|_| file.is_file() && !is_set(merged, key)) else { continue };
        let (key, written) = (key.to_owned(), Written::Plain(path.to_owned()));
        merged
            .insert(key.clone(), WrittenSetting { key, written, origin: SettingOrigin::Environment(NAME.to_owned()) });
    }
}

/// The credentials of the unit, with the keys that name their files.
pub(super) const CREDENTIALS: [(&str, &str); 2] =
    [("key_ring", "secrets.key_ring_file"), ("smtp_url", "notify.email.smtp_url_file")];

/// Whether a source sets the key, or the secret whose file it names.
pub(super) fn is_set(merged: &BTreeMap<String, WrittenSetting>, key: &str) -> bool {
    let secret = key.strip_suffix(IN_FILE).unwrap_or(key);
    [key, secret].iter().any(|key| merged.get(*key).is_some_and(|setting| !is_empty(setting)))
}

fn unknown_key(setting: &WrittenSetting, known: &KnownKeys) -> ConfigError {
    let WrittenSetting { key, written, origin } = setting;
    let (problem, fix) = if known.sections.contains(key) {
        ("a section, not a key".to_owned(), format!("write the keys inside it, such as {}", known.first_in(key)))
    } else {
        let all = known.keys.iter().chain(&known.sections).map(String::as_str);
        let fix = nearest(key, all).map_or_else(
            || "remove it; `majordomo config explain` lists the keys".to_owned(),
            |meant| format!("did you mean {}?", name_for(meant, origin)),
        );
        ("no such key".to_owned(), fix)
    };
    ConfigError {
        key: key.clone(),
        value: Some(error::show_unknown(key, written)),
        origin: origin.clone(),
        problem,
        fix,
    }
}

/// The name of `key` in the source of the wrong one.
fn name_for(key: &str, origin: &SettingOrigin) -> String {
    match origin {
        SettingOrigin::Environment(_) => environment::variable(key),
        SettingOrigin::Default
        | SettingOrigin::Unit
        | SettingOrigin::File { .. }
        | SettingOrigin::WholeFile(_)
        | SettingOrigin::Flag(_) => key.to_owned(),
    }
}

/// Sets each key that a source contains, and keeps the unknown ones.
struct Setter {
    merged: BTreeMap<String, WrittenSetting>,
    origins: BTreeMap<String, SettingOrigin>,
    errors: Vec<ConfigError>,
}

impl Visitor for Setter {
    fn section(&mut self, _path: &str, _about: &'static str) {}

    fn key(&mut self, path: String, _about: &'static str, slot: &mut dyn ValueSlot) {
        let Some(setting) = self.merged.remove(&path) else { return };
        if let Err(problem) = slot.set(&setting.written) {
            let value = if slot.is_secret() { "***".to_owned() } else { error::mask(&setting.written.show()) };
            self.errors.push(ConfigError {
                key: path.clone(),
                value: Some(value),
                origin: setting.origin.clone(),
                problem,
                fix: format!("write {}", slot.kind()),
            });
        }
        self.origins.insert(path, setting.origin);
    }
}

/// The existing names.
#[derive(Default)]
pub(super) struct KnownKeys {
    /// Keys, and the `_file` twins of secrets.
    pub(super) keys: Vec<String>,
    pub(super) sections: Vec<String>,
    pub(super) secrets: Vec<String>,
}

impl KnownKeys {
    pub(super) fn of(config: &mut Config) -> Self {
        let mut known = Self::default();
        config.visit("", &mut known);
        known
    }

    /// The secret whose file `key` names.
    fn secret_of_file<'a>(&self, key: &'a str) -> Option<&'a str> {
        key.strip_suffix(IN_FILE).filter(|secret| self.secrets.iter().any(|one| one == secret))
    }

    fn first_in(&self, section: &str) -> &str {
        let inside = |key: &&String| key.strip_prefix(section).is_some_and(|rest| rest.starts_with('.'));
        self.keys.iter().find(inside).map_or("", String::as_str)
    }
}

impl Visitor for KnownKeys {
    fn section(&mut self, path: &str, _about: &'static str) {
        if !path.is_empty() {
            self.sections.push(path.to_owned());
        }
    }

    fn key(&mut self, path: String, _about: &'static str, slot: &mut dyn ValueSlot) {
        if slot.is_secret() {
            self.keys.push(format!("{path}{IN_FILE}"));
            self.secrets.push(path.clone());
        }
        self.keys.push(path);
    }
}
