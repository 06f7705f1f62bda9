//! Load: as much as the server takes, or a fixed number of requests per second.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use serde_json::json;
use tokio::time::sleep_until;

use super::{
    client::{Connection, request},
    program::Program,
};

const WARM_UP: Duration = Duration::from_secs(1);

/// What a caller sends.
pub enum Requests {
    /// The same ones again and again.
    Fixed { requests: Vec<Vec<u8>>, next: usize },
    /// Refreshes, each with the token of the answer before.
    Refresh { token: String },
}

impl Requests {
    /// One request, again and again.
    pub fn only(request: Vec<u8>) -> Self {
        Self::Fixed { requests: vec![request], next: 0 }
    }
}

/// A connection and what it sends.
pub struct LoadCaller {
    pub connection: Connection,
    pub requests: Requests,
}

impl LoadCaller {
    async fn once(&mut self) {
        match &mut self.requests {
            Requests::Fixed { requests, next } => {
                let answer = self.connection.call(&requests[*next]).await;
                assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
                *next = (*next + 1) % requests.len();
            }
            Requests::Refresh { token } => {
                let sent = request("POST", "/auth/refresh", None, Some(&json!({ "refreshToken": token })));
                let body = self.connection.call(&sent).await.json(200);
                *token = body["refreshToken"].as_str().expect("a token").to_owned();
            }
        }
    }
}

/// The result of a run, without its warm-up.
pub struct Run {
    pub per_second: f64,
    /// Requests per second of the server's processor time.
    pub per_cpu_second: f64,
    latencies: Vec<Duration>,
}

impl Run {
    fn new(mut latencies: Vec<Duration>, over: Duration, cpu: Duration) -> Self {
        latencies.sort();
        let count = latencies.len() as f64;
        let per_cpu_second = count / cpu.as_secs_f64().max(0.01);
        Self { per_second: count / over.as_secs_f64(), per_cpu_second, latencies }
    }

    /// The latency that `share` of the requests did not exceed, in milliseconds.
    pub fn quantile(&self, share: f64) -> f64 {
        let last = self.latencies.len().saturating_sub(1);
        let at = (last as f64 * share).round() as usize;
        self.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1_000.0)
    }

    /// One line of figures.
    pub fn line(&self) -> String {
        format!(
            "{:.0}/s, {:.0} per processor second, p50 {:.2} ms, p99 {:.2} ms, p99.9 {:.2} ms",
            self.per_second,
            self.per_cpu_second,
            self.quantile(0.5),
            self.quantile(0.99),
            self.quantile(0.999)
        )
    }
}

async fn joined(tasks: Vec<tokio::task::JoinHandle<(LoadCaller, Vec<Duration>)>>) -> (Vec<LoadCaller>, Vec<Duration>) {
    let (mut callers, mut latencies) = (Vec::new(), Vec::new());
    for task in tasks {
        let (caller, measured) = task.await.expect("a caller works");
        callers.push(caller);
        latencies.extend(measured);
    }
    (callers, latencies)
}

/// Each caller sends its next request when the answer has arrived.
pub async fn saturate(server: &Program, callers: Vec<LoadCaller>, over: Duration) -> (Vec<LoadCaller>, Run) {
    let warm = Instant::now() + WARM_UP;
    let end = warm + over;
    let tasks = callers
        .into_iter()
        .map(|mut caller| {
            tokio::spawn(async move {
                let mut measured = Vec::new();
                loop {
                    let sent = Instant::now();
                    if sent >= end {
                        return (caller, measured);
                    }
                    caller.once().await;
                    let answered = Instant::now();
                    if answered >= warm && answered < end {
                        measured.push(answered - sent);
                    }
                }
            })
        })
        .collect();
    sleep_until(warm.into()).await;
    let before = server.cpu();
    sleep_until(end.into()).await;
    let cpu = server.cpu() - before;
    let (callers, latencies) = joined(tasks).await;
    (callers, Run::new(latencies, over, cpu))
}

/// `rate` requests per second: each is sent at its scheduled time by any free caller, and its latency counts from then.
pub async fn pace(server: &Program, callers: Vec<LoadCaller>, rate: f64, over: Duration) -> (Vec<LoadCaller>, Run) {
    let began = Instant::now();
    let every = Duration::from_secs_f64(1.0 / rate);
    let (next, end) = (Arc::new(AtomicU64::new(0)), WARM_UP + over);
    let before = server.cpu();
    let tasks = callers
        .into_iter()
        .map(|mut caller| {
            let next = Arc::clone(&next);
            tokio::spawn(async move {
                let mut measured = Vec::new();
                loop {
                    let scheduled = every.mul_f64(next.fetch_add(1, Ordering::Relaxed) as f64);
                    if scheduled >= end {
                        return (caller, measured);
                    }
                    sleep_until((began + scheduled).into()).await;
                    caller.once().await;
                    if scheduled >= WARM_UP {
                        measured.push(began.elapsed() - scheduled);
                    }
                }
            })
        })
        .collect();
    let (callers, latencies) = joined(tasks).await;
    let cpu = server.cpu() - before;
    (callers, Run::new(latencies, over, cpu))
}
