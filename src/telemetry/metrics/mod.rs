//! Metrics in the text format of Prometheus (`GET /metrics`).
//!
//! Owns: the catalogue of names, the counters of requests, the measurements of groups, and the text. Must not know: the
//! sources of the figures. The number of series is bounded: a label's value is a route's template, a word of the code,
//! or the name of a permanent actor. Begin with `catalog`.

pub mod catalog;
pub mod figures;
pub mod groups;
pub mod http;
mod sample;

use prometheus_client::{encoding::prometheus_text, registry::Registry};

use figures::Figures;
use http::HttpMetrics;

/// The media type of the text.
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The current values of all metrics. Fails only if the text cannot be encoded.
pub fn text(http: &HttpMetrics, figures: &Figures) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    let mut registry = Registry::default();
    http.register(&mut registry);
    figures.groups.register(&mut registry);
    registry.register_collector(Box::new(figures.samples()));
    prometheus_text::encode(&mut text, &registry)?;
    Ok(text)
}
