//! `majordomo health`

use std::{net::IpAddr, time::Duration};

use clap::Args;

use super::{
    CliFailure, CliSettings, Terminal,
    client::{self, ServerAnswer},
};

/// The longest wait for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The server to check.
#[derive(Debug, Args)]
pub(super) struct Health {
    /// The address to check instead of edge.listen, e.g. http://127.0.0.1:8080
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

impl Health {
    pub(super) fn run(&self, settings: &CliSettings, terminal: &Terminal) -> Result<(), CliFailure> {
        let base = match &self.url {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => reachable(settings.read(terminal)?.config.edge.listen)?,
        };
        let answer = client::get(&format!("{base}/health/ready"), TIMEOUT)
            .map_err(|error| CliFailure::fault(format_args!("{base} is not reached"), error))?;
        if answer.status == 200 {
            return terminal.print(format_args!("{base} is ready\n"));
        }
        Err(CliFailure::fault(format_args!("{base} is not ready"), why(&answer)))
    }
}

/// The address of a listener on this machine: for an unspecified address (0.0.0.0, ::) the loopback address.
fn reachable(listen: std::net::SocketAddr) -> Result<String, CliFailure> {
    if listen.port() == 0 {
        return Err(CliFailure::Usage("edge.listen takes any free port; say with --url which one it took".to_owned()));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        known => known,
    };
    Ok(format!("http://{}", std::net::SocketAddr::new(ip, listen.port())))
}

fn reasons(body: &serde_json::Value) -> Option<String> {
    let reasons: Vec<&str> = body.get("reasons")?.as_array()?.iter().filter_map(serde_json::Value::as_str).collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// The reason in the answer, in one line.
fn why(answer: &ServerAnswer) -> String {
    let reason = answer.json().and_then(|body| {
        let text = |name: &str| body.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
        reasons(&body).or_else(|| text("detail")).or_else(|| text("status"))
    });
    reason.map_or_else(|| format!("it answers {}", answer.status), |reason| format!("{reason} ({})", answer.status))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.168.1.1:80", "http://192.168.1.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap()).unwrap(), url);
        }
        assert!(reachable("127.0.0.1:0".parse().unwrap()).is_err());
    }
}
