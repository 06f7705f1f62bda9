//! Samples, and their encoding as text.

use std::fmt;

use prometheus_client::{
    collector::Collector,
    encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet},
    metrics::MetricType,
};

use super::catalog::{Metric, MetricKind};

/// One value of a metric.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) metric: Metric,
    pub(super) service: &'static str,
    /// In the order of `Metric::labels`.
    pub(super) values: Vec<String>,
    pub(super) value: f64,
}

/// The samples of one scrape.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<Sample>);

impl Samples {
    /// Adds a value whose only label is `service`.
    pub(super) fn put(&mut self, metric: Metric, service: &'static str, value: f64) {
        self.put_by(metric, service, &[], value);
    }

    /// Adds a value; `values` are the values of the metric's labels.
    pub(super) fn put_by(&mut self, metric: Metric, service: &'static str, values: &[&str], value: f64) {
        debug_assert_eq!(values.len(), metric.labels().len(), "{}", metric.name());
        let values = values.iter().map(|value| (*value).to_owned()).collect();
        self.0.push(Sample { metric, service, values, value });
    }
}

impl Collector for Samples {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        for metric in Metric::ALL {
            let mut samples = self.0.iter().filter(|sample| sample.metric == *metric).peekable();
            if samples.peek().is_none() {
                continue;
            }
            let kind = match metric.kind() {
                MetricKind::Counter => MetricType::Counter,
                MetricKind::Gauge => MetricType::Gauge,
                MetricKind::Histogram | MetricKind::Untyped => MetricType::Unknown,
            };
            // The encoder writes the `_total` of a counter itself.
            let name = match metric.kind() {
                MetricKind::Counter => metric.name().trim_end_matches("_total"),
                _ => metric.name(),
            };
            let help = format!("{}.", metric.help());
            let mut family = encoder.encode_descriptor(name, &help, None, kind)?;
            for sample in samples {
                let mut labels = vec![("service", sample.service)];
                labels.extend(metric.labels().iter().copied().zip(sample.values.iter().map(String::as_str)));
                let labels = labels.as_slice();
                write(*metric, family.encode_family(&labels)?, sample.value)?;
            }
        }
        Ok(())
    }
}

fn write(metric: Metric, mut encoder: MetricEncoder<'_>, value: f64) -> fmt::Result {
    match metric.kind() {
        MetricKind::Counter => encoder.encode_counter::<NoLabelSet, _, f64>(&value, None),
        MetricKind::Gauge | MetricKind::Histogram | MetricKind::Untyped => encoder.encode_gauge(&value),
    }
}
