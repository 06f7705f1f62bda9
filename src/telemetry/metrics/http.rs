//! The counts of requests.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

use super::catalog::Metric;

/// Upper bounds of the classes of `http_request_duration_seconds`.
const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// The label of requests that match no route.
pub const NO_ROUTE: &str = "(none)";
/// The routes whose requests are logins.
const LOGIN: &str = "/auth/login";

/// An answered request.
#[derive(Debug, Clone, Copy)]
pub struct AnsweredRequest<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The template of the route; `None`: no route matches.
    pub route: Option<&'a str>,
    /// The status of the answer.
    pub status: u16,
    /// The code of the problem document, if it was refused.
    pub code: Option<&'static str>,
    /// The time from the request's head to the answer.
    pub took: Duration,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct RouteLabels {
    service: &'static str,
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabels {
    service: &'static str,
    code: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OutcomeLabels {
    service: &'static str,
    outcome: &'static str,
}

type Durations = Family<RouteLabels, Histogram, fn() -> Histogram>;

/// The counters of requests of both listeners. Clones share the counts.
#[derive(Debug, Clone)]
pub struct HttpMetrics {
    requests: Family<RouteLabels, Counter>,
    errors: Family<RouteLabels, Counter>,
    durations: Durations,
    refusals: Family<CodeLabels, Counter>,
    logins: Family<OutcomeLabels, Counter>,
}

impl Default for HttpMetrics {
    fn default() -> Self {
        Self {
            requests: Family::default(),
            errors: Family::default(),
            durations: Durations::new_with_constructor(|| Histogram::new(SECONDS)),
            refusals: Family::default(),
            logins: Family::default(),
        }
    }
}

impl HttpMetrics {
    /// Counts a request.
    pub fn note(&self, answered: AnsweredRequest<'_>) {
        let AnsweredRequest { method, route, status, code, took } = answered;
        let route = route.unwrap_or(NO_ROUTE);
        let service = service_of(route);
        let labels = RouteLabels { service, method: known(method), route: route.to_owned(), status };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
        if status >= 400 {
            self.errors.get_or_create(&labels).inc();
        }
        if let Some(code) = code {
            self.refusals.get_or_create(&CodeLabels { service, code }).inc();
        }
        if route == LOGIN && labels.method == "POST" {
            let outcome = code.unwrap_or("ok");
            self.logins.get_or_create(&OutcomeLabels { service, outcome }).inc();
        }
    }

    pub(super) fn register(&self, registry: &mut Registry) {
        // The registry ends the help with a full stop, the encoder a counter's name with `_total`.
        let name = |metric: Metric| metric.name().trim_end_matches("_total");
        let mut counter = |metric: Metric, family| registry.register(name(metric), metric.help(), family);
        counter(Metric::HttpRequests, self.requests.clone());
        counter(Metric::HttpErrors, self.errors.clone());
        let duration = Metric::HttpRequestDuration;
        registry.register(duration.name(), duration.help(), self.durations.clone());
        registry.register(name(Metric::Refusals), Metric::Refusals.help(), self.refusals.clone());
        registry.register(name(Metric::Logins), Metric::Logins.help(), self.logins.clone());
    }
}

/// A method of the API, or `other`, because a client may send any method.
fn known(method: &str) -> &'static str {
    const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    METHODS.into_iter().find(|known| *known == method).unwrap_or("other")
}

/// The service of a route, by the first segment of its path.
fn service_of(route: &str) -> &'static str {
    match route.split('/').nth(1) {
        Some("auth" | ".well-known") => "auth",
        Some("users" | "invitations") => "user",
        Some("otp") => "otp",
        Some("notifications" | "dev") => "notifier",
        Some("events") => "relay",
        Some("audit") => "audit",
        _ => "edge",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_clients_make_no_series() {
        let metrics = HttpMetrics::default();
        for number in 0..1_000 {
            let method = format!("METHOD{number}");
            let took = Duration::from_millis(1);
            metrics.note(AnsweredRequest { method: &method, route: None, status: 404, code: Some("not_found"), took });
        }
        let (mut registry, mut text) = (Registry::default(), String::new());
        metrics.register(&mut registry);
        prometheus_client::encoding::prometheus_text::encode(&mut text, &registry).unwrap();
        for name in ["http_requests_total", "http_request_duration_seconds_count", "majordomo_refusals_total"] {
            let series = text.lines().filter(|line| line.starts_with(&format!("{name}{{"))).count();
            assert_eq!(series, 1, "{name} in {text}");
        }
        let all = RouteLabels { service: "edge", method: "other", route: NO_ROUTE.to_owned(), status: 404 };
        assert_eq!(metrics.requests.get_or_create(&all).get(), 1_000);
    }

    #[test]
    fn a_route_belongs_to_a_service() {
        for (route, service) in
            [("/auth/login", "auth"), ("/users/{id}", "user"), ("/health", "edge"), (NO_ROUTE, "edge")]
        {
            assert_eq!(service_of(route), service, "{route}");
        }
    }
}
