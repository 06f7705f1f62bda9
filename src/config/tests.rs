//! Tests of merged sources, and of every error in them.

use std::path::{Path, PathBuf};

use super::{load::read_with, renamed::Renamed, *};

struct Case {
    directory: tempfile::TempDir,
    sources: Sources,
}

impl Case {
    fn new() -> Self {
        Self { directory: tempfile::tempdir().unwrap(), sources: Sources::default() }
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    fn file(mut self, text: &str) -> Self {
        self.sources.file = Some(self.write("majordomo.toml", text));
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.sources.environment.push((name.into(), value.into()));
        self
    }

    fn flag(mut self, key: &str, value: &str) -> Self {
        let flag = format!("--set {key}");
        self.sources.flags.push(FlagSetting { flag, key: key.to_owned(), value: value.to_owned() });
        self
    }

    fn read(&self) -> LoadedConfig {
        Config::read(&self.sources).unwrap_or_else(|errors| panic!("{errors:#?}"))
    }

    /// The errors as lines, without the directory's name.
    fn errors(&self) -> Vec<String> {
        self.lines(Config::load(&self.sources).expect_err("must be refused"))
    }

    fn lines(&self, errors: Vec<ConfigError>) -> Vec<String> {
        let directory = format!("{}/", self.directory.path().display());
        errors.iter().map(|error| error.to_string().replace(&directory, "")).collect()
    }
}

const PRODUCTION: &str = r#"
mode = "production"
public_url = "https://id.example.com"
[edge]
trusted_proxies = ["10.0.0.0/8"]
[secrets]
key_ring_file = "/etc/majordomo/keys"
[notify.email]
transport = "smtp"
smtp_url = "smtps://user:hunter2@mail.example.com"
from = "Example <no-reply@example.com>"
"#;

/// The keys that production refuses in `PRODUCTION` with these flags.
fn refused(flags: &[(&str, &str)]) -> Vec<String> {
    let case = flags.iter().fold(Case::new().file(PRODUCTION), |case, (key, value)| case.flag(key, value));
    match Config::load(&case.sources) {
        Ok(_) => Vec::new(),
        Err(errors) => errors.into_iter().map(|error| error.key).collect(),
    }
}

#[test]
fn production_keeps_the_operators_listener_on_loopback_unless_a_key_permits_another_address() {
    for address in ["0.0.0.0:9090", "10.0.0.1:9090", "[::]:9090", "[fd00::1]:9090"] {
        assert_eq!(refused(&[("edge.ops_listen", address)]), ["edge.ops_listen"], "{address}");
        assert!(refused(&[("edge.ops_listen", address), ("edge.ops_plain", "true")]).is_empty(), "{address}");
    }
    for address in ["127.0.0.1:9090", "[::1]:9090", "127.9.9.9:9090"] {
        assert!(refused(&[("edge.ops_listen", address)]).is_empty(), "{address}");
    }
}

#[test]
fn production_trusts_no_proxies_that_are_most_of_the_internet() {
    for ranges in [
        "0.0.0.0/1",
        "128.0.0.0/1",
        "10.0.0.0/8, 0.0.0.0/2",
        "2000::/3",
        "::/1",
        "8000::/1",
        "2600::/12",
        "64.0.0.0/8, 65.0.0.0/8",
        "0.0.0.0/3, 32.0.0.0/3, 64.0.0.0/3, 96.0.0.0/3, 128.0.0.0/3, 160.0.0.0/3, 192.0.0.0/3, 224.0.0.0/3",
    ] {
        assert_eq!(refused(&[("edge.trusted_proxies", ranges)]), ["edge.trusted_proxies"], "{ranges}");
    }
    for ranges in [
        "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, 127.0.0.0/8, 100.64.0.0/10, 169.254.0.0/16",
        "fc00::/7, fe80::/10, ::1",
        "104.16.0.0/13, 172.64.0.0/13, 162.158.0.0/15, 2400:cb00::/32, 2a06:98c0::/29",
    ] {
        assert!(refused(&[("edge.trusted_proxies", ranges)]).is_empty(), "{ranges}");
    }
}

#[test]
fn production_keeps_the_secrets_of_links_to_https() {
    let (verify, reset) = ("notify.email.links.verify", "notify.email.links.reset");
    assert!(refused(&[("notify.email.app_url", "https://app.example.com")]).is_empty());
    assert_eq!(refused(&[("notify.email.app_url", "http://app.example.com")]), ["notify.email.app_url"]);
    assert!(refused(&[(verify, "https://app.example.com/#{secret}"), (reset, "")]).is_empty());
    for key in [verify, reset] {
        assert_eq!(refused(&[(key, "http://app.example.com/?s={secret}")]), [key]);
    }
}

#[test]
fn a_template_of_a_link_that_cannot_be_used_is_named_with_its_fix() {
    let errors = |template: &str| Case::new().flag("notify.email.links.verify", template).errors();
    for (template, words) in [
        ("{app_url}/other?secret={secret}", "set notify.email.app_url"),
        ("https://app.example.com/verify", "it has to hold {secret} once"),
        ("https://app.example.com/{secret}", "put it into the query or the fragment"),
    ] {
        let errors = errors(template);
        assert_eq!(errors.len(), 1, "{errors:#?}");
        assert!(errors[0].contains("notify.email.links.verify") && errors[0].contains(words), "{errors:#?}");
    }
    let linked = Case::new().flag("notify.email.app_url", "http://127.0.0.1:3000");
    let loaded = linked.flag("notify.email.links.verify", "{app_url}/other?secret={secret}").read();
    let email = loaded.config.notify.email;
    let link = email.links.verify.unwrap().link(email.app_url.as_ref(), "s");
    assert_eq!(link.as_deref(), Some("http://127.0.0.1:3000/other?secret=s"));
}

#[test]
fn production_hashes_at_least_as_hard_as_owasp_asks() {
    for (memory, passes) in [("19456", "2"), ("47104", "1"), ("12288", "3"), ("9216", "4"), ("7168", "5")] {
        let hash = [("auth.hash.memory_kib", memory), ("auth.hash.iterations", passes)];
        assert!(refused(&hash).is_empty(), "{hash:?}");
    }
    for (memory, passes) in [("19455", "2"), ("19456", "1"), ("8", "20"), ("7168", "4")] {
        let hash = [("auth.hash.memory_kib", memory), ("auth.hash.iterations", passes)];
        assert_eq!(refused(&hash), ["auth.hash.memory_kib"], "{hash:?}");
    }
}

#[test]
fn nothing_at_all_is_a_valid_development_configuration() {
    let loaded = Config::load(&Sources::default()).unwrap();
    assert_eq!(loaded.config.mode, Mode::Development);
    assert!(loaded.origins.is_empty() && loaded.warnings.is_empty());
    assert_eq!(loaded.config.issuer(), "http://127.0.0.1:8080");
}

#[test]
fn the_environment_wins_over_the_file_and_a_flag_over_both() {
    let case = Case::new().file("[edge]\nlisten = \"127.0.0.1:1\"\nops_listen = \"127.0.0.1:2\"\nmax_connections = 3");
    let case = case.variable("MAJORDOMO__EDGE__OPS_LISTEN", "127.0.0.1:4");
    let case = case.variable("MAJORDOMO__EDGE__MAX_CONNECTIONS", "5").flag("edge.max_connections", "6");
    let LoadedConfig { config, origins, .. } = case.read();
    assert_eq!(config.edge.listen.port(), 1);
    assert_eq!(config.edge.ops_listen.port(), 4);
    assert_eq!(config.edge.max_connections, 6);
    assert!(matches!(&origins["edge.listen"], SettingOrigin::File { line: 2, .. }));
    assert_eq!(origins["edge.ops_listen"], SettingOrigin::Environment("MAJORDOMO__EDGE__OPS_LISTEN".to_owned()));
    assert_eq!(origins["edge.max_connections"], SettingOrigin::Flag("--set edge.max_connections".to_owned()));
}

#[test]
fn lists_are_separated_by_commas_in_the_environment() {
    let case = Case::new().variable("MAJORDOMO__EDGE__TRUSTED_PROXIES", "10.0.0.0/8, ::1");
    let config = case.read().config;
    assert!(config.edge.trusts("10.1.2.3".parse().unwrap()) && config.edge.trusts("::1".parse().unwrap()));
    assert!(!config.edge.trusts("127.0.0.1".parse().unwrap()));
    let case = Case::new().file("[edge]\ntrusted_proxies = [\"::1\"]").variable("MAJORDOMO__EDGE__TRUSTED_PROXIES", "");
    assert!(case.read().config.edge.trusted_proxies.is_empty());
}

#[test]
fn everything_wrong_is_reported_at_once_with_key_value_source_and_fix() {
    let case = Case::new()
        .file(include_str!("expected/everything_wrong.toml"))
        .variable("MAJORDOMO__LOG__FORMATT", "json")
        .variable("MAJORDOMO__EDGE__RATE_LIMITS__ENABLED", "yes")
        .flag("auth.token.lifetime", "15");
    let expected: Vec<&str> = include_str!("expected/everything_wrong.txt").lines().collect();
    assert_eq!(case.errors(), expected);
}

#[test]
fn a_file_that_is_no_toml_is_named_with_its_lines_and_never_quoted() {
    let case = Case::new().file("[edge]\nlisten = hunter2\n[notify.email]\nsmtp_url = \"smtp://u:hunter2\n");
    let errors = case.errors();
    assert!(errors[0].starts_with("majordomo.toml:2: not TOML ("), "{errors:?}");
    assert!(errors.iter().any(|line| line.starts_with("majordomo.toml:4: ")), "{errors:?}");
    assert!(!errors.concat().contains("hunter2"), "{errors:?}");
}

#[test]
fn a_file_that_is_not_there_or_not_text_is_one_clear_line() {
    let mut case = Case::new();
    case.sources.file = Some(case.directory.path().join("absent.toml"));
    assert_eq!(
        case.errors(),
        ["absent.toml: cannot be read (No such file or directory (os error 2)); name a file that can be read, or none"]
    );
    let mut case = Case::new();
    let path = case.directory.path().join("binary.toml");
    std::fs::write(&path, [0xff, 0xfe]).unwrap();
    case.sources.file = Some(path);
    assert_eq!(case.errors(), ["binary.toml: not UTF-8; save it as UTF-8"]);
}

#[test]
fn a_key_in_quotes_is_not_a_path_of_sections() {
    let case = Case::new().file("\"edge.listen\" = \"127.0.0.1:1\"\nedge.ops_listen = \"127.0.0.1:2\"");
    assert_eq!(case.errors().len(), 1);
    assert!(case.errors()[0].starts_with("\"edge.listen\" = "));
}

#[test]
fn a_section_written_as_a_value_is_explained() {
    let case = Case::new().file("edge = 5").flag("auth", "x");
    let errors = case.errors();
    assert_eq!(
        errors[0],
        "auth = \"x\" (--set auth): a section, not a key; write the keys inside it, such as auth.issuer"
    );
    assert_eq!(
        errors[1],
        "edge = 5 (majordomo.toml:1): a section, not a key; write the keys inside it, such as edge.listen"
    );
}

#[test]
fn secrets_are_never_shown() {
    let file = "public_url = \"https://u:hunter2@example.com\"\n[notify.email]\nsmtp_url = \"imap://u:hunter2@x\"\n\
                smtp_ulr = \"smtp://u:hunter2@x\"\n[auth]\nfriend = \"redis://u:hunter2@x\"";
    let case = Case::new().file(file).flag("notify.email.smtp_url", "smtp://u:hunter2@x");
    let errors = case.errors();
    assert_eq!(errors.len(), 5, "{errors:#?}");
    assert!(!errors.concat().contains("hunter2"), "{errors:#?}");
    assert!(errors.concat().contains("\"redis://***@x\""), "{errors:#?}");
    assert!(errors[0].contains("smtp_url_file"), "{errors:#?}");

    let loaded = Case::new().file(PRODUCTION).read();
    assert!(!format!("{loaded:?}").contains("hunter2"));
    assert!(!print::in_force(&loaded).contains("hunter2"));
    assert!(!print::explain(&loaded, "notify.email.smtp_url").unwrap().contains("hunter2"));
    assert!(print::in_force(&loaded).contains("smtp_url = \"***\""));
}

#[test]
fn a_secret_can_be_in_a_file_of_its_own() {
    let case = Case::new();
    let secret = case.write("secret", "smtps://u:p@mail.example.com\n");
    let case = case.variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL_FILE", secret.to_str().unwrap());
    let loaded = case.read();
    assert_eq!(loaded.config.notify.email.smtp_url.unwrap().reveal(), "smtps://u:p@mail.example.com");
    let file = format!("[notify.email]\nsmtp_url = \"\"\nsmtp_url_file = {:?}", secret.to_str().unwrap());
    assert!(Case::new().file(&file).read().config.notify.email.smtp_url.is_some());
}

#[test]
fn a_credential_of_systemd_is_the_mail_server_s_url_unless_a_setting_names_one() {
    let case = Case::new();
    let credential = case.write("smtp_url", "smtps://from-systemd\n");
    let directory = credential.parent().unwrap().to_str().unwrap().to_owned();
    let case = case.variable("CREDENTIALS_DIRECTORY", &directory);
    let loaded = case.read();
    assert_eq!(loaded.config.notify.email.smtp_url.unwrap().host(), "from-systemd");
    assert_eq!(loaded.secret_files["notify.email.smtp_url"], credential);
    for set in ["smtp_url = \"smtps://from-settings\"".to_owned(), "smtp_url = \"\"".to_owned()] {
        let case = Case::new().variable("CREDENTIALS_DIRECTORY", &directory);
        let loaded = case.file(&format!("[notify.email]\n{set}\n")).read();
        let host = if set.ends_with("\"\"") { "from-systemd" } else { "from-settings" };
        assert_eq!(loaded.config.notify.email.smtp_url.unwrap().host(), host, "{set}");
    }
}

#[test]
fn a_secret_file_that_is_absent_has_one_error_and_no_second_one_about_the_secret() {
    let file = "[notify.email]\ntransport = \"smtp\"\nfrom = \"a@example.com\"\nsmtp_url_file = \"/nowhere\"\n";
    let errors = Case::new().file(file).errors();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert!(errors[0].starts_with("notify.email.smtp_url_file = \"/nowhere\""), "{errors:?}");
}

#[test]
fn a_stronger_source_of_a_secret_wins_and_two_in_one_source_contradict() {
    let case = Case::new();
    let secret = case.write("secret", "smtps://from-file");
    let file = format!("[notify.email]\nsmtp_url_file = {secret:?}");
    let loaded = case.file(&file).variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL", "smtps://from-variable").read();
    assert_eq!(loaded.config.notify.email.smtp_url.unwrap().host(), "from-variable");

    let file = "[notify.email]\nsmtp_url = \"smtps://x\"\nsmtp_url_file = \"/run/secret\"";
    let errors = Case::new().file(file).errors();
    assert!(errors[0].starts_with("notify.email.smtp_url_file = \"/run/secret\""), "{errors:?}");
    assert!(errors[0].contains("set beside notify.email.smtp_url; set one of the two"), "{errors:?}");
}

#[test]
fn a_secret_file_that_is_absent_or_empty_is_refused() {
    let case = Case::new();
    let empty = case.write("empty", "\n");
    for path in [Path::new("/nowhere/at/all"), &empty] {
        let case = Case::new().variable("MAJORDOMO__NOTIFY__EMAIL__SMTP_URL_FILE", path.to_str().unwrap());
        assert_eq!(case.errors().len(), 1, "{:?}", case.errors());
    }
}

#[test]
fn contradictions_are_reported_beside_other_errors_but_not_about_values_that_are_unknown() {
    let file = "[auth.session]\nsliding = \"60d\"\n\
                [auth.code]\nhourly = 20\nlifetime = \"ten\"\nresend_after = \"1h\"\n\
                [notify.email]\ntransport = \"smtp\"\nsmtp_url = \"nonsense\"\nfrom = \"nobody\"";
    let errors = Case::new().file(file).errors();
    let keys: Vec<&str> = errors.iter().map(|line| line.split(' ').next().unwrap()).collect();
    let expected = [
        "auth.code.lifetime",
        "notify.email.smtp_url",
        "notify.email.from",
        "auth.session.sliding",
        "auth.code.hourly",
    ];
    assert_eq!(keys, expected, "{errors:#?}");
}

#[test]
fn every_contradiction_is_found() {
    for (file, key) in [
        ("[edge]\nops_listen = \"127.0.0.1:8080\"", "edge.ops_listen"),
        ("[edge]\ntrusted_proxies = [\"0.0.0.0/0\"]", "edge.trusted_proxies"),
        ("[auth]\nregistration = \"domains\"", "auth.registration"),
        ("[auth]\nregistration = \"domains\"\ndomains = [\"Example.com\"]", "auth.domains"),
        ("[auth]\naudience = \"\"", "auth.audience"),
        ("[auth.token]\nlifetime = \"24h\"\n[auth.session]\nsliding = \"1h\"", "auth.token.lifetime"),
        ("[auth.token]\nrotate_every = \"24h\"", "auth.token.rotate_every"),
        ("[auth.code]\nresend_after = \"10m\"", "auth.code.resend_after"),
        ("[auth.code]\nrenew_under = \"10m\"", "auth.code.renew_under"),
        ("[auth.lockout]\nfirst = \"2h\"", "auth.lockout.first"),
        ("[auth.lockout]\ndaily_failures = 4", "auth.lockout.daily_failures"),
        ("[auth.hash]\nqueue = 2", "auth.hash.queue"),
        ("[auth.hash]\nmemory_kib = 8\nparallelism = 2", "auth.hash.memory_kib"),
        ("[notify.email]\ntransport = \"smtp\"\nfrom = \"a@example.com\"", "notify.email.transport"),
        ("[notify.email]\nfrom = \"A <a@example.com\"", "notify.email.from"),
        ("[edge]\nlisten = \"0.0.0.0:8080\"", "edge.listen"),
        ("[edge]\nops_listen = \"192.168.1.1:9090\"", "edge.ops_listen"),
    ] {
        let errors = Case::new().file(file).errors();
        assert_eq!(errors.len(), 1, "{file}: {errors:#?}");
        assert!(errors[0].starts_with(&format!("{key} = ")), "{file}: {errors:#?}");
    }
}

#[test]
fn development_listens_elsewhere_only_if_a_key_permits_it() {
    let file = "[edge]\nlisten = \"0.0.0.0:8080\"\n[development]\nexpose = true";
    assert!(Config::load(&Case::new().file(file).sources).is_ok());
}

#[test]
fn production_starts_when_everything_is_settled_and_names_what_is_not() {
    let case = Case::new().file(PRODUCTION);
    assert!(Config::load(&case.sources).is_ok(), "{:?}", case.errors());

    let keys = |case: &Case| -> Vec<String> {
        case.errors().iter().map(|line| line.split(' ').next().unwrap().to_owned()).collect()
    };
    let bare = ["public_url", "edge.trusted_proxies", "notify.email.transport", "secrets.key_ring_file"];
    assert_eq!(keys(&Case::new().file("mode = \"production\"")), bare);

    for (from, to, key) in [
        ("https://id.example.com", "http://id.example.com", "public_url"),
        ("smtps://user", "smtp://user", "notify.email.smtp_url"),
        ("[secrets]", "[store]\nengine = \"mem\"\n[secrets]", "store.engine"),
        ("/etc/majordomo/keys", "data/keys", "secrets.key_ring_file"),
        ("[edge]", "[auth]\nissuer = \"http://id.example.com\"\n[edge]", "auth.issuer"),
        ("[\"10.0.0.0/8\"]", "[]", "edge.trusted_proxies"),
    ] {
        assert_eq!(keys(&Case::new().file(&PRODUCTION.replace(from, to))), [key], "{to}");
    }
    let plain_on_loopback = PRODUCTION.replace("smtps://user:hunter2@mail.example.com", "smtp://127.0.0.1:25");
    assert!(Config::load(&Case::new().file(&plain_on_loopback).sources).is_ok());
}

#[test]
fn development_can_ask_what_production_would_refuse() {
    let loaded = Case::new().read();
    assert_eq!(refusals(&loaded, Mode::Production).len(), 4);
    assert!(refusals(&loaded, Mode::Development).is_empty());
}

#[test]
fn systemd_hands_the_key_ring_over() {
    let case = Case::new();
    let directory = case.directory.path().to_str().unwrap().to_owned();
    let case = case.variable("CREDENTIALS_DIRECTORY", &directory);
    assert_eq!(case.read().config.secrets.key_ring_file, None);
    let ring = case.write("key_ring", "keys");
    assert_eq!(case.read().config.secrets.key_ring_file, Some(ring));
    let case = case.flag("secrets.key_ring_file", "/elsewhere");
    assert_eq!(case.read().config.secrets.key_ring_file, Some("/elsewhere".into()));
}

const FAKE: &[Renamed] = &[Renamed { old: "edge.address", new: "edge.listen", gone_in: (9, 9) }];

#[test]
fn a_renamed_key_works_and_warns() {
    let case = Case::new().file("[edge]\naddress = \"127.0.0.1:1\"");
    let loaded = read_with(&case.sources, FAKE).unwrap();
    assert_eq!(loaded.config.edge.listen.port(), 1);
    assert_eq!(loaded.warnings.len(), 1);
    assert!(loaded.warnings[0].to_string().ends_with("is called edge.listen now; the old name works until 9.9"));
    let case = Case::new().variable("MAJORDOMO__EDGE__ADDRESS", "127.0.0.1:1");
    assert_eq!(read_with(&case.sources, FAKE).unwrap().config.edge.listen.port(), 1);
}

#[test]
fn an_old_and_a_new_name_in_one_source_contradict() {
    let case = Case::new().file("[edge]\naddress = \"127.0.0.1:1\"\nlisten = \"127.0.0.1:2\"");
    let errors = case.lines(read_with(&case.sources, FAKE).unwrap_err());
    assert_eq!(errors, ["edge.address (majordomo.toml:2): set beside edge.listen, its new name; remove edge.address"]);
}

#[test]
fn settings_without_effect_are_mentioned() {
    let file = "[auth]\ndomains = [\"example.com\"]\n[notify.email]\nsmtp_url = \"smtps://x\"";
    let warnings = Case::new().file(file).variable("MAJORDOMO_MODE", "production").read().warnings;
    let keys: Vec<&str> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["mode", "auth.domains", "notify.email.smtp_url"]);
}

#[test]
fn domains_without_proof_of_the_address_are_mentioned() {
    let lenient = "[auth]\nregistration = \"domains\"\ndomains = [\"example.com\"]\nrequire_verified_email = false";
    let loaded = Case::new().file(lenient).read();
    let [warning] = &loaded.warnings[..] else { panic!("{:?}", loaded.warnings) };
    assert_eq!(warning.key, "auth.domains");
    assert!(warning.text.contains("auth.require_verified_email"), "{warning}");
    let strict = lenient.replace("false", "true");
    assert!(Case::new().file(&strict).read().warnings.is_empty());
}

#[test]
fn every_default_is_within_its_own_range_and_reads_as_it_is_shown() {
    let text = print::sample();
    let loaded = Case::new().file(&text).read();
    assert_eq!(print::in_force(&loaded).matches("majordomo.toml:").count(), print::key_names().len() - 1);
    assert_eq!(print::sample_of(&mut loaded.config.clone()), text);
    assert!(loaded.warnings.is_empty());
}

#[test]
fn the_starting_point_sets_nothing() {
    let loaded = Case::new().file(&print::starting_point()).read();
    assert!(loaded.origins.is_empty());
}

/// Compares a reference page with its file; writes the file if `UPDATE_REFERENCE=1`.
fn inventory(name: &str, text: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    if std::env::vars().any(|(name, value)| name == "UPDATE_REFERENCE" && value == "1") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "{name} is not what the code says: run the tests with UPDATE_REFERENCE=1");
}

#[test]
fn the_sample_names_every_key_with_its_default() {
    inventory("config.toml", &print::sample());
}

#[test]
fn the_reference_names_every_key() {
    inventory("docs/reference/config.md", &print::reference());
}
