//! The requirements of a mode before the start. Those on files are in `file_modes.rs`.

use std::path::{Component, Path, PathBuf};

use super::{
    ConfigError, EngineChoice, LinkTemplate, LoadedConfig, MailTransportChoice, Mode,
    check::{ConfigFinding, described, finding},
    deviations::is_hard_enough,
    file_modes,
};

/// The settings in `loaded` that `mode` refuses; empty if it would start. `mode` is an argument, so that a
/// development machine can check for production.
pub fn refusals(loaded: &LoadedConfig, mode: Mode) -> Vec<ConfigError> {
    let findings = match mode {
        Mode::Development => development(loaded),
        Mode::Production => production(loaded),
    };
    findings.into_iter().map(|finding| described(loaded, finding)).collect()
}

fn development(loaded: &LoadedConfig) -> Vec<ConfigFinding> {
    let config = &loaded.config;
    let mut findings = Vec::new();
    let listeners: [(&'static [&'static str], _); 2] =
        [(&["edge.listen"], config.edge.listen), (&["edge.ops_listen"], config.edge.ops_listen)];
    for (keys, address) in listeners {
        if !config.development.expose && !address.ip().is_loopback() {
            findings.push(finding(
                keys,
                "development mode listens on loopback only: every client that reaches it can read the inbox",
                "set mode to \"production\", or development.expose to true if the network is yours alone",
            ));
        }
    }
    findings
}

fn production(loaded: &LoadedConfig) -> Vec<ConfigFinding> {
    let mut findings = Vec::new();
    addresses(loaded, &mut findings);
    proxies(loaded, &mut findings);
    hashes(loaded, &mut findings);
    links(loaded, &mut findings);
    mail(loaded, &mut findings);
    storage(loaded, &mut findings);
    findings.extend(file_modes::wide_open(loaded));
    findings
}

fn addresses(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    let config = &loaded.config;
    match &config.public_url {
        None => findings.push(finding(&["public_url"], "missing", "write the https address users reach")),
        Some(url) if !url.is_https() => {
            findings.push(finding(&["public_url"], "not https", "write the https address users reach"));
        }
        Some(_) => {}
    }
    if config.auth.issuer.as_ref().is_some_and(|issuer| !issuer.is_https()) {
        findings.push(finding(&["auth.issuer"], "not https", "write an https address, or \"\" for public_url"));
    }
    if config.edge.trusted_proxies.is_empty() {
        findings.push(finding(
            &["edge.trusted_proxies"],
            "passwords would cross the network in the clear: there is neither TLS nor a proxy that ends it",
            "put a TLS proxy in front and name its address here",
        ));
    }
}

fn proxies(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    let edge = &loaded.config.edge;
    if !edge.ops_listen.ip().is_loopback() && !edge.ops_plain {
        findings.push(finding(
            &["edge.ops_listen"],
            "operators' credentials would cross the network in the clear: there is no TLS",
            "listen on loopback, or set edge.ops_plain to true if the network is yours alone",
        ));
    }
    // More than a 256th of IPv4, or more than 2^48 networks of IPv6, cannot be a list of proxies.
    let covered = |is_ipv4: bool| {
        let ranges = edge.trusted_proxies.iter().filter(|range| range.is_ipv4() == is_ipv4);
        ranges.fold(0_u64, |sum, range| sum.saturating_add(range.public_size()))
    };
    if covered(true) > 1 << 24 || covered(false) > 1 << 48 {
        findings.push(finding(
            &["edge.trusted_proxies"],
            "clients of a large part of the Internet may choose the address that they are known by",
            "name the addresses of your proxies alone",
        ));
    }
}

fn hashes(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    if !is_hard_enough(&loaded.config.auth.hash) {
        findings.push(finding(
            &["auth.hash.memory_kib", "auth.hash.iterations"],
            "with auth.hash.iterations less than the OWASP cheat sheet on storing passwords asks for at least",
            "write 19456 KiB with 2 iterations, or an equal pair",
        ));
    }
}

fn links(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    let email = &loaded.config.notify.email;
    let (problem, fix) = ("not https: the secrets of links would cross the network in the clear", "write https://");
    if email.app_url.as_ref().is_some_and(|url| !url.is_https()) {
        findings.push(finding(&["notify.email.app_url"], problem, fix));
    }
    for (keys, template) in email.links.templates() {
        if template.is_some_and(LinkTemplate::is_http) {
            findings.push(finding(keys, problem, fix));
        }
    }
}

fn mail(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    let email = &loaded.config.notify.email;
    if email.transport == MailTransportChoice::Inbox {
        findings.push(finding(
            &["notify.email.transport"],
            "no mail would be sent",
            "set it to \"smtp\", with notify.email.smtp_url and notify.email.from",
        ));
        return;
    }
    if email.from.is_none() {
        findings.push(finding(&["notify.email.from"], "missing", "write the address mail is sent from"));
    }
    if email.smtp_url.as_ref().is_some_and(|url| !url.demands_tls() && !url.is_loopback()) {
        findings.push(finding(
            &["notify.email.smtp_url"],
            "codes would cross the network in the clear",
            "write smtps://, or smtp:// with ?tls=required",
        ));
    }
}

fn storage(loaded: &LoadedConfig, findings: &mut Vec<ConfigFinding>) {
    let config = &loaded.config;
    if config.store.engine == EngineChoice::Mem {
        findings.push(finding(
            &["store.engine"],
            "the tree would be held in memory and rebuilt at every start",
            "write \"sled\" or \"redb\"",
        ));
    }
    let fix = "name a file on another volume, which is not in the backups of the store";
    match &config.secrets.key_ring_file {
        None => {
            findings.push(finding(
                &["secrets.key_ring_file"],
                "the keys would lie beside what they seal, inside store.path",
                fix,
            ));
        }
        Some(file) if is_inside(file, &config.store.path) => {
            findings.push(finding(&["secrets.key_ring_file", "store.path"], "inside store.path", fix));
        }
        Some(_) => {}
    }
}

/// Whether `file` is inside `directory`, with links and `..` resolved as far as the paths exist.
fn is_inside(file: &Path, directory: &Path) -> bool {
    resolved(file).starts_with(resolved(directory))
}

fn resolved(path: &Path) -> PathBuf {
    let mut whole = PathBuf::new();
    for part in std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components() {
        match part {
            Component::ParentDir => {
                whole.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => whole.push(part),
        }
        whole = whole.canonicalize().unwrap_or(whole);
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_inside_however_it_is_written() {
        let outer = tempfile::tempdir().unwrap();
        let store = outer.path().join("store");
        std::fs::create_dir(&store).unwrap();
        std::os::unix::fs::symlink(&store, outer.path().join("link")).unwrap();
        for (file, inside) in [
            ("store/keys", true),
            ("store/../keys", false),
            ("other/../store/keys", true),
            ("link/keys", true),
            ("store-keys", false),
        ] {
            assert_eq!(is_inside(&outer.path().join(file), &store), inside, "{file}");
        }
    }
}
