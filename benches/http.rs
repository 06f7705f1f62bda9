//! The real program over HTTP, beside what a reader knows: logins beside a bare argon2id loop, profiles beside bare
//! axum, refreshes; and what each of them costs on disk.
//!
//! `cargo bench --bench http` runs all; `cargo bench --bench http -- logins|profile|refreshes|disk` runs one.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a program of its own, for people to run"
)]

#[path = "http_load/axum.rs"]
mod bare_axum;
#[path = "http_load/disk.rs"]
mod disk;
mod http_load;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use http_load::{
    client::{Connection, request},
    load::{LoadCaller, Requests, Run, pace, saturate},
    program::Program,
};
use serde_json::{Value, json};

const PASSWORD: &str = "seven wise otters";
const USERS: usize = 32;
const MEASURED: Duration = Duration::from_secs(8);
/// Rounds of each candidate; they alternate.
const ROUNDS: usize = 3;
/// The share of the saturated rate at which latency is measured.
const PACED: f64 = 0.5;

/// A user that is verified, and one session of it.
struct SignedIn {
    email: String,
    token: String,
    refresh_token: String,
}

fn text(body: &Value, member: &str) -> String {
    body[member].as_str().unwrap_or_else(|| panic!("no {member} in {body}")).to_owned()
}

/// The code in the newest mail to `email`.
async fn code(connection: &mut Connection, email: &str) -> String {
    let path = format!("/dev/inbox/code?to={email}&wait=20");
    let answer = connection.call(&request("GET", &path, None, None)).await;
    assert_eq!(answer.status, 200, "no code for {email}");
    String::from_utf8_lossy(&answer.body).trim().to_owned()
}

/// Registers a user and proves its address.
async fn register(connection: &mut Connection, email: &str) {
    let asked = json!({ "email": email, "password": PASSWORD });
    let id = text(&connection.post("/auth/register", &asked).await.json(201), "id");
    let code = code(connection, email).await;
    connection.post("/auth/verify-email", &json!({ "userId": id, "code": code })).await.json(200);
}

fn login_body(email: &str) -> Value {
    json!({ "identifier": email, "password": PASSWORD })
}

async fn members(server: &Program, count: usize) -> Vec<SignedIn> {
    let mut connection = Connection::open(&server.address).await;
    let mut members = Vec::new();
    for number in 0..count {
        let email = format!("user{number}@example.com");
        register(&mut connection, &email).await;
        let body = connection.post("/auth/login", &login_body(&email)).await.json(200);
        let (token, refresh_token) = (text(&body, "token"), text(&body, "refreshToken"));
        members.push(SignedIn { email, token, refresh_token });
    }
    members
}

async fn callers(server: &Program, requests: impl IntoIterator<Item = Requests>) -> Vec<LoadCaller> {
    let mut callers = Vec::new();
    for requests in requests {
        callers.push(LoadCaller { connection: Connection::open(&server.address).await, requests });
    }
    callers
}

/// Hashes per second on all cores, with the program's default parameters, which are OWASP's.
fn bare_argon2() -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let params = Params::new(19_456, 2, 1, Some(32)).expect("valid parameters");
    let end = Instant::now() + MEASURED;
    let hashes: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores)
            .map(|_| {
                let params = params.clone();
                scope.spawn(move || {
                    let mut memory = vec![Block::default(); params.block_count()];
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
                    let (mut output, mut count) = ([0; 32], 0);
                    while Instant::now() < end {
                        let password = PASSWORD.as_bytes();
                        let salt = b"0123456789abcdef";
                        argon2
                            .hash_password_into_with_memory(password, salt, &mut output, &mut memory)
                            .expect("a hash");
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("hashes")).sum()
    });
    hashes as f64 / MEASURED.as_secs_f64()
}

async fn logins(folder: &Path) {
    for algorithm in ["EdDSA", "RS256"] {
        let folder = folder.join(algorithm);
        std::fs::create_dir_all(&folder).expect("a directory");
        let server = Program::serve(&folder, &[("auth.token.algorithm", algorithm)]).await;
        let members = members(&server, USERS).await;
        let requests = members
            .iter()
            .map(|member| Requests::only(request("POST", "/auth/login", None, Some(&login_body(&member.email)))));
        let mut callers = callers(&server, requests).await;
        for round in 1..=ROUNDS {
            let bare = tokio::task::spawn_blocking(bare_argon2).await.expect("it runs");
            let (rest, run) = saturate(&server, callers, MEASURED).await;
            callers = rest;
            let ratio = run.per_second / bare;
            println!("logins, {algorithm}, round {round}: {ratio:.2} of {bare:.1} bare hashes/s; {}", run.line());
        }
        server.stop();
    }
}

async fn profile(folder: &Path) {
    let server = Program::serve(folder, &[("auth.token.algorithm", "EdDSA")]).await;
    let member = members(&server, 1).await.remove(0);
    let sent = request("GET", "/auth/profile", Some(&member.token), None);
    let mut connection = Connection::open(&server.address).await;
    let answer = connection.call(&sent).await;
    let keys = connection.call(&request("GET", "/.well-known/jwks.json", None, None)).await.json(200);
    let body = String::from_utf8_lossy(&answer.body).into_owned();
    let servers = [
        ("majordomo", server),
        ("axum with a check", bare_axum::start(&body, Some(&keys))),
        ("axum without a check", bare_axum::start(&body, None)),
    ];
    let mut all = Vec::new();
    for (name, server) in &servers {
        let callers = callers(server, (0..32).map(|_| Requests::only(sent.clone()))).await;
        all.push((*name, server, Some(callers)));
    }
    for round in 1..=ROUNDS {
        let mut runs: Vec<Run> = Vec::new();
        for (name, server, callers) in &mut all {
            let (rest, run) = saturate(server, callers.take().expect("callers"), MEASURED).await;
            *callers = Some(rest);
            println!("profile, {name}, round {round}: {}", run.line());
            runs.push(run);
        }
        for (at, name) in [(1, "axum with a check"), (2, "axum without a check")] {
            let (wall, cpu) =
                (runs[0].per_second / runs[at].per_second, runs[0].per_cpu_second / runs[at].per_cpu_second);
            println!("profile, round {round}: {wall:.2} of {name} by time, {cpu:.2} by processor time");
        }
        if round == ROUNDS {
            let (_, server, callers) = &mut all[0];
            let rate = runs[0].per_second * PACED;
            let (_, run) = pace(server, callers.take().expect("callers"), rate, MEASURED).await;
            println!("profile, majordomo, open loop: {}", run.line());
        }
    }
}

async fn refreshes(folder: &Path) {
    for engine in ["sled", "redb"] {
        for algorithm in ["EdDSA", "RS256"] {
            let folder = folder.join(format!("{engine}-{algorithm}"));
            std::fs::create_dir_all(&folder).expect("a directory");
            let settings = [("store.engine", engine), ("auth.token.algorithm", algorithm), CHEAP[0], CHEAP[1]];
            let server = Program::serve(&folder, &settings).await;
            let members = members(&server, 64).await;
            let requests = members.into_iter().map(|member| Requests::Refresh { token: member.refresh_token });
            let callers = callers(&server, requests).await;
            let (callers, run) = saturate(&server, callers, MEASURED).await;
            println!("refreshes, {engine}, {algorithm}, 64 clients: {}", run.line());
            let (_, paced) = pace(&server, callers, run.per_second * PACED, MEASURED).await;
            println!("refreshes, {engine}, {algorithm}, open loop: {}", paced.line());
            server.stop();
        }
    }
}

/// Settings of hashes that cost little, where they are not measured.
const CHEAP: [(&str, &str); 2] = [("auth.hash.memory_kib", "64"), ("auth.hash.iterations", "1")];

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if arguments.first().is_some_and(|first| first == bare_axum::COMMAND) {
        return runtime.block_on(bare_axum::serve());
    }
    let runs = |name: &str| arguments.is_empty() || arguments.iter().any(|argument| argument == name);
    let folder = |name: &str| {
        let folder = tempfile::Builder::new().prefix(name).tempdir();
        folder.expect("a directory")
    };
    if runs("logins") {
        runtime.block_on(logins(folder("logins").path()));
    }
    if runs("profile") {
        runtime.block_on(profile(folder("profile").path()));
    }
    if runs("refreshes") {
        runtime.block_on(refreshes(folder("refreshes").path()));
    }
    if runs("disk") {
        runtime.block_on(disk::measure(folder("disk").path()));
    }
}
