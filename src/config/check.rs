//! Contradictions between settings, in any mode.

use std::net::SocketAddr;

use super::{
    Config, ConfigError, ConfigWarning, LinkTemplate, LinksConfig, LoadedConfig, MailTransportChoice,
    RegistrationPolicy, SettingOrigin, load::IN_FILE,
};
use crate::types::EmailAddress;

/// One contradiction: its keys, the most likely cause first.
pub(super) struct ConfigFinding {
    pub(super) keys: &'static [&'static str],
    pub(super) problem: String,
    pub(super) fix: String,
}

pub(super) fn finding(keys: &'static [&'static str], problem: &str, fix: &str) -> ConfigFinding {
    ConfigFinding { keys, problem: problem.to_owned(), fix: fix.to_owned() }
}

/// The contradictions in `loaded`, except for keys in `errors`, whose values are unknown: as is that of a secret whose
/// file could not be read.
pub(super) fn contradictions(loaded: &LoadedConfig, errors: &[ConfigError]) -> Vec<ConfigError> {
    let config = &loaded.config;
    let mut findings = Vec::new();
    listeners(config, &mut findings);
    redirect(config, &mut findings);
    registration(config, &mut findings);
    lifetimes(config, &mut findings);
    limits(config, &mut findings);
    mail(config, &mut findings);
    let is_unreported = |finding: &ConfigFinding| {
        !errors.iter().any(|error| {
            let secret = error.key.strip_suffix(IN_FILE).unwrap_or(&error.key);
            finding.keys.iter().any(|key| *key == error.key || *key == secret)
        })
    };
    findings.into_iter().filter(is_unreported).map(|finding| described(loaded, finding)).collect()
}

/// The finding with the value and the origin of its first key that is set.
pub(super) fn described(loaded: &LoadedConfig, finding: ConfigFinding) -> ConfigError {
    let first = finding.keys.first().copied().unwrap_or_default();
    let set = finding.keys.iter().find(|key| loaded.origins.contains_key(**key)).copied();
    let key = set.unwrap_or(first);
    ConfigError {
        key: key.to_owned(),
        value: super::print::shown(&loaded.config, key),
        origin: loaded.origins.get(key).cloned().unwrap_or(SettingOrigin::Default),
        problem: finding.problem,
        fix: finding.fix,
    }
}

fn listeners(config: &Config, findings: &mut Vec<ConfigFinding>) {
    let (public, ops) = (config.edge.listen, config.edge.ops_listen);
    if public.port() != 0 && public.port() == ops.port() && overlap(public, ops) {
        findings.push(finding(
            &["edge.ops_listen", "edge.listen"],
            "both listeners have the same address",
            "give edge.listen and edge.ops_listen different ports",
        ));
    }
    if config.edge.trusted_proxies.iter().any(|range| range.is_everything()) {
        findings.push(finding(
            &["edge.trusted_proxies"],
            "every client may choose the address that it is known by",
            "name the addresses of your proxies alone",
        ));
    }
}

/// The public URL, which production sends browsers to again and again if the redirect leads there.
fn redirect(config: &Config, findings: &mut Vec<ConfigFinding>) {
    if config.edge.root_redirect.is_some() && config.edge.root_redirect == config.public_url {
        findings.push(finding(
            &["edge.root_redirect"],
            "the address leads to itself: it is the public_url",
            "write the address of another page, or \"\" for none",
        ));
    }
}

fn overlap(left: SocketAddr, right: SocketAddr) -> bool {
    left.ip() == right.ip() || left.ip().is_unspecified() || right.ip().is_unspecified()
}

fn registration(config: &Config, findings: &mut Vec<ConfigFinding>) {
    const KEYS: &[&str] = &["auth.domains", "auth.registration"];
    if config.auth.registration == RegistrationPolicy::Domains && config.auth.domains.is_empty() {
        findings.push(finding(
            KEYS,
            "registration is for domains, but none is named",
            "name a domain in auth.domains, or set auth.registration to \"open\" or \"closed\"",
        ));
    }
    for domain in &config.auth.domains {
        let known = EmailAddress::parse(&format!("a@{domain}")).is_ok_and(|address| address.domain() == domain);
        if !known {
            let problem = format!("{domain:?} is not a domain in lower case");
            findings.push(finding(KEYS, &problem, "write domains such as \"example.com\""));
        }
    }
    if config.auth.audience.is_empty() {
        findings.push(finding(&["auth.audience"], "empty", "write the name your services check for"));
    }
}

fn lifetimes(config: &Config, findings: &mut Vec<ConfigFinding>) {
    let (session, token, code) = (&config.auth.session, &config.auth.token, &config.auth.code);
    let lockout = &config.auth.lockout;
    let rows: [(bool, &'static [&'static str], &str); 6] = [
        (
            session.sliding > session.absolute,
            &["auth.session.sliding", "auth.session.absolute"],
            "sliding is longer than absolute",
        ),
        (
            token.lifetime > session.sliding,
            &["auth.token.lifetime", "auth.session.sliding"],
            "a token outlives its session: lifetime is longer than sliding",
        ),
        (
            token.publish_before >= token.rotate_every,
            &["auth.token.publish_before", "auth.token.rotate_every"],
            "a key is published for longer than it signs: publish_before is not shorter than rotate_every",
        ),
        (
            code.resend_after >= code.lifetime,
            &["auth.code.resend_after", "auth.code.lifetime"],
            "a code runs out before it may be sent again: resend_after is not shorter than lifetime",
        ),
        (
            code.renew_under >= code.lifetime,
            &["auth.code.renew_under", "auth.code.lifetime"],
            "a code is replaced as soon as it is made: renew_under is not shorter than lifetime",
        ),
        (
            lockout.first > lockout.longest,
            &["auth.lockout.first", "auth.lockout.longest"],
            "the first lock is longer than the longest",
        ),
    ];
    for (wrong, keys, problem) in rows {
        if wrong {
            findings.push(finding(keys, problem, &format!("change {} or {}", keys[0], keys[1])));
        }
    }
}

fn limits(config: &Config, findings: &mut Vec<ConfigFinding>) {
    let (lockout, code, hash) = (&config.auth.lockout, &config.auth.code, &config.auth.hash);
    let rows: [(bool, &'static [&'static str], &str); 4] = [
        (
            lockout.failures > lockout.daily_failures,
            &["auth.lockout.failures", "auth.lockout.daily_failures"],
            "the day's limit is reached before the first lock",
        ),
        (code.hourly > code.daily, &["auth.code.hourly", "auth.code.daily"], "more codes an hour than a day"),
        (
            hash.queue_per_network > hash.queue,
            &["auth.hash.queue_per_network", "auth.hash.queue"],
            "one network may take more places than there are",
        ),
        (
            hash.memory_kib < 8 * hash.parallelism,
            &["auth.hash.memory_kib", "auth.hash.parallelism"],
            "argon2 needs 8 KiB a lane",
        ),
    ];
    for (wrong, keys, problem) in rows {
        if wrong {
            findings.push(finding(keys, problem, &format!("change {} or {}", keys[0], keys[1])));
        }
    }
}

fn mail(config: &Config, findings: &mut Vec<ConfigFinding>) {
    let email = &config.notify.email;
    let shipped = LinksConfig::default();
    for ((keys, template), (_, default)) in email.links.templates().into_iter().zip(shipped.templates()) {
        let needs_app_url = template.is_some_and(LinkTemplate::needs_app_url);
        if needs_app_url && template != default && email.app_url.is_none() {
            findings.push(finding(
                keys,
                "begins with {app_url}, but notify.email.app_url is not set",
                "set notify.email.app_url, or write the whole address of the page",
            ));
        }
    }
    if email.transport == MailTransportChoice::Smtp && email.smtp_url.is_none() {
        findings.push(finding(
            &["notify.email.smtp_url", "notify.email.transport"],
            "mail goes by SMTP, but no server is named",
            "set notify.email.smtp_url or notify.email.smtp_url_file, or notify.email.transport to \"inbox\"",
        ));
    }
    if email.transport == MailTransportChoice::Smtp && email.from.is_none() {
        findings.push(finding(
            &["notify.email.from"],
            "mail goes by SMTP, but has no sender",
            "write an address such as \"Example <no-reply@example.com>\"",
        ));
    }
}

/// Settings without effect, or with less effect than expected.
pub(super) fn warnings(loaded: &LoadedConfig) -> Vec<ConfigWarning> {
    let config = &loaded.config;
    let production = config.mode == super::Mode::Production;
    let rows = [
        (
            config.auth.registration != RegistrationPolicy::Domains && !config.auth.domains.is_empty(),
            "auth.domains",
            "has no effect: auth.registration is not \"domains\"",
        ),
        (
            config.auth.registration == RegistrationPolicy::Domains && !config.auth.require_verified_email,
            "auth.domains",
            "does not restrict registration: with auth.require_verified_email = false users sign in before they have \
             proven their address",
        ),
        (
            config.notify.email.transport == MailTransportChoice::Inbox && config.notify.email.smtp_url.is_some(),
            "notify.email.smtp_url",
            "has no effect: notify.email.transport is \"inbox\"",
        ),
        (production && config.development.expose, "development.expose", "has no effect in production"),
    ];
    rows.into_iter()
        .filter(|(applies, _, _)| *applies)
        .map(|(_, key, text)| ConfigWarning {
            key: key.to_owned(),
            origin: loaded.origins.get(key).cloned().unwrap_or(SettingOrigin::Default),
            text: text.to_owned(),
        })
        .collect()
}
