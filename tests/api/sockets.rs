//! The accept loop over real sockets: slow and stuck clients, too many clients, and clients that delay a stop.

use std::{io::ErrorKind, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, Bytes},
    routing::{get, post},
};
use majordomo::http::{
    Fields, FromFields, Json,
    serve::{OpenConnections, Served, Timeouts, serve},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Notify,
    task::JoinHandle,
    time::timeout,
};
use tokio_util::sync::CancellationToken;

pub const LONG: Duration = Duration::from_secs(20);
pub const SHORT: Duration = Duration::from_millis(150);
pub const TEST_LIMIT: Duration = Duration::from_secs(10);

pub fn patient() -> Timeouts {
    Timeouts { head: LONG, body_gap: LONG, idle: LONG, write: LONG, drain: LONG, connections: up_to(100) }
}

/// A limit of `connections`, all of which may be of this machine.
fn up_to(connections: usize) -> OpenConnections {
    OpenConnections::new(connections, vec!["127.0.0.0/8".parse().unwrap()])
}

pub struct Running {
    pub address: SocketAddr,
    pub meeting: Meeting,
    stop: CancellationToken,
    served: JoinHandle<Served>,
}

impl Running {
    #[expect(clippy::disallowed_methods, reason = "the test is the owner of this task")]
    pub async fn start(timeouts: Timeouts) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let meeting = Meeting::default();
        let served = tokio::spawn(serve(listener, router(&meeting), timeouts, stop.clone()));
        Self { address, meeting, stop, served }
    }

    pub async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn stopped(self) -> Served {
        self.stop.cancel();
        timeout(TEST_LIMIT, self.served).await.expect("serving ends").unwrap()
    }
}

struct Name(String);

impl FromFields for Name {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        body.required("name").text(|name| Ok(name.to_owned())).map(Self)
    }
}

/// Synchronizes a test and a handler.
#[derive(Clone, Default)]
pub struct Meeting {
    /// A handler has started.
    pub begun: Arc<Notify>,
    /// The handler may continue.
    pub go_on: Arc<Notify>,
}

async fn until_released(meeting: Meeting) -> &'static str {
    meeting.begun.notify_one();
    meeting.go_on.notified().await;
    "released"
}

/// Lasts twice as long as `SHORT`, because the test measures real time.
async fn slowly() -> &'static str {
    let mut ticks = tokio::time::interval(2 * SHORT);
    ticks.tick().await;
    ticks.tick().await;
    "slow"
}

fn router(meeting: &Meeting) -> Router {
    let endless = || async { Body::from_stream(futures::stream::repeat_with(|| Ok::<_, std::io::Error>(piece()))) };
    let meeting = meeting.clone();
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/slow", get(slowly))
        .route("/held", get(move || until_released(meeting)))
        .route("/endless", get(endless))
        .route("/deaf", post(|| async { "not read" }))
        .route("/name", post(|Json(Name(name)): Json<Name>| async { name }))
}

fn post_head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

fn piece() -> Bytes {
    Bytes::from_static(&[b'x'; 64 << 10])
}

/// All bytes until the peer closes or resets the connection.
pub async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let _ = timeout(TEST_LIMIT, stream.read_to_end(&mut bytes)).await.expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// One answer whose body ends with `end`.
pub async fn answer(stream: &mut TcpStream, end: &str) -> String {
    let mut text = String::new();
    let mut buffer = [0; 4 << 10];
    while !text.ends_with(end) {
        let count = timeout(TEST_LIMIT, stream.read(&mut buffer)).await.expect("an answer comes").unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

pub async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

#[tokio::test]
async fn a_connection_is_used_again_and_closed_when_asked() {
    let running = Running::start(patient()).await;
    let mut stream = running.connect().await;
    for _ in 0..3 {
        say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
        assert!(answer(&mut stream, "hello").await.starts_with("HTTP/1.1 200 OK"));
    }
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    assert!(rest(&mut stream).await.ends_with("hello"));
    assert_eq!(running.stopped().await.cut, 0);
}

#[tokio::test]
async fn a_slow_head_is_answered_and_cut() {
    let running = Running::start(Timeouts { head: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost:").await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408 Request Timeout\r\n"), "{answer}");
    assert!(answer.contains("application/problem+json") && answer.contains("\"code\":\"request_timeout\""), "{answer}");
}

#[tokio::test]
async fn dripping_bytes_do_not_buy_time_for_a_head() {
    let running = Running::start(Timeouts { head: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    let mut ticks = tokio::time::interval(SHORT / 8);
    let dripping = async {
        while stream.write_all(b"x").await.is_ok() {
            ticks.tick().await;
        }
    };
    timeout(TEST_LIMIT, dripping).await.unwrap();
}

#[tokio::test]
async fn a_connection_that_says_nothing_is_closed_without_a_word() {
    let running = Running::start(Timeouts { head: SHORT, ..patient() }).await;
    assert_eq!(rest(&mut running.connect().await).await, "");
}

#[tokio::test]
async fn an_idle_connection_is_closed() {
    let running = Running::start(Timeouts { idle: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut stream, "hello").await;
    assert_eq!(rest(&mut stream).await, "");
}

#[tokio::test]
async fn a_handler_may_take_longer_than_heads_and_idleness() {
    let running = Running::start(Timeouts { head: SHORT, idle: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer(&mut stream, "slow").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_stands_still_is_a_request_timeout() {
    let running = Running::start(Timeouts { body_gap: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, &(post_head("/name", 14) + "{\"na")).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_body_that_breaks_off_is_not_read_as_a_whole_one() {
    let running = Running::start(patient()).await;
    let mut stream = running.connect().await;
    say(&mut stream, &(post_head("/name", 99) + "{\"name\":\"a\"}")).await;
    stream.shutdown().await.unwrap();
    assert!(!rest(&mut stream).await.contains("HTTP/1.1 200"));
}

/// Sends to a server that may have answered and closed before it read all bytes; any other error fails the test.
pub async fn send(stream: &mut (impl AsyncWriteExt + Unpin), text: &str) {
    if let Err(error) = stream.write_all(text.as_bytes()).await {
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    }
}

#[tokio::test]
async fn who_sends_too_much_still_gets_the_answer() {
    let running = Running::start(patient()).await;
    let body = "x".repeat(1 << 20);
    for (path, status) in [("/name", "HTTP/1.1 413"), ("/deaf", "HTTP/1.1 200")] {
        let (mut reading, mut writing) = running.connect().await.into_split();
        let head = post_head(path, body.len());
        let sending = async {
            send(&mut writing, &head).await;
            send(&mut writing, &body).await;
            writing
        };
        let mut text = Vec::new();
        let (_writing, read) = tokio::join!(sending, timeout(TEST_LIMIT, reading.read_to_end(&mut text)));
        read.expect("the server closes").expect("without a reset");
        assert!(text.starts_with(status.as_bytes()), "{path}: {}", String::from_utf8_lossy(&text));
    }
}

#[tokio::test]
async fn a_client_that_takes_nothing_of_its_answer_is_cut() {
    let running = Running::start(Timeouts { write: SHORT, connections: up_to(1), ..patient() }).await;
    let mut stuck = running.connect().await;
    say(&mut stuck, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // There is only one place, so an answer to another client shows that the connection has ended.
    let mut other = running.connect().await;
    say(&mut other, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut other, "hello").await;
    drop(stuck);
}

#[tokio::test]
async fn one_more_than_allowed_waits_for_a_place_while_all_are_busy() {
    let running = Running::start(Timeouts { connections: up_to(2), ..patient() }).await;
    let (mut first, mut second) = (running.connect().await, running.connect().await);
    for stream in [&mut first, &mut second] {
        say(stream, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
        running.meeting.begun.notified().await;
    }
    let mut third = running.connect().await;
    say(&mut third, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(timeout(SHORT, third.read_u8()).await.is_err(), "answered beyond the limit");
    drop(first);
    answer(&mut third, "hello").await;
    running.meeting.go_on.notify_waiters();
    answer(&mut second, "released").await;
}

#[tokio::test]
async fn one_more_than_allowed_takes_the_place_of_one_that_is_idle() {
    let running = Running::start(Timeouts { connections: up_to(2), ..patient() }).await;
    let (mut idle, mut fresh) = (running.connect().await, running.connect().await);
    say(&mut idle, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut idle, "hello").await;
    let mut held = Vec::new();
    for leaving in [&mut idle, &mut fresh] {
        let mut busy = running.connect().await;
        say(&mut busy, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
        running.meeting.begun.notified().await;
        assert_eq!(rest(leaving).await, "");
        held.push(busy);
    }
}

#[tokio::test]
async fn two_listeners_share_one_limit() {
    let timeouts = Timeouts { connections: up_to(1), ..patient() };
    let (ops, public) = (Running::start(timeouts.clone()).await, Running::start(timeouts).await);
    let mut busy = public.connect().await;
    say(&mut busy, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    public.meeting.begun.notified().await;
    let mut waiting = ops.connect().await;
    say(&mut waiting, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(timeout(SHORT, waiting.read_u8()).await.is_err(), "answered beyond the limit");
    drop(busy);
    answer(&mut waiting, "hello").await;
}

#[tokio::test]
async fn a_network_that_uses_its_share_is_refused_in_words() {
    let running = Running::start(Timeouts { connections: OpenConnections::new(4, Vec::new()), ..patient() }).await;
    let mut busy = running.connect().await;
    say(&mut busy, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.meeting.begun.notified().await;
    let refused = rest(&mut running.connect().await).await;
    expect_problem(&refused, (503, "overloaded"));
    assert!(refused.contains("retry-after: "), "{refused}");
    running.meeting.go_on.notify_one();
    answer(&mut busy, "released").await;
    // The connection is idle now, and is evicted for the next one.
    let mut next = running.connect().await;
    say(&mut next, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut next, "hello").await;
    assert_eq!(rest(&mut busy).await, "");
}

/// The number of requests per connection is limited.
#[tokio::test]
async fn a_connection_ends_after_ten_thousand_requests() {
    let running = Running::start(patient()).await;
    let stream = running.connect().await;
    let (mut reading, mut writing) = stream.into_split();
    let sending = async {
        for _ in 0..11_000 / 50 {
            if writing.write_all("GET / HTTP/1.1\r\nhost: x\r\n\r\n".repeat(50).as_bytes()).await.is_err() {
                return;
            }
        }
    };
    let mut text = Vec::new();
    let (read, ()) = tokio::join!(timeout(LONG, reading.read_to_end(&mut text)), sending);
    let _ = read.expect("the server closes");
    let text = String::from_utf8_lossy(&text);
    assert_eq!(text.matches("HTTP/1.1 200 OK").count(), 10_000);
    assert_eq!(text.matches("connection: close").count(), 1);
}

#[tokio::test]
async fn a_stop_lets_requests_finish_and_sends_idle_clients_home() {
    let running = Running::start(patient()).await;
    let (mut busy, mut idle) = (running.connect().await, running.connect().await);
    say(&mut idle, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut idle, "hello").await;
    say(&mut busy, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.meeting.begun.notified().await;
    let (address, meeting) = (running.address, running.meeting.clone());
    let idle_goes_first = async {
        assert_eq!(rest(&mut idle).await, "");
        meeting.go_on.notify_one();
        rest(&mut busy).await
    };
    let (served, busy) = tokio::join!(running.stopped(), idle_goes_first);
    assert_eq!(served.cut, 0);
    assert!(busy.contains("connection: close") && busy.ends_with("released"), "{busy}");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn what_does_not_finish_within_the_drain_limit_is_cut() {
    let running = Running::start(Timeouts { drain: SHORT, ..patient() }).await;
    let mut stuck = running.connect().await;
    say(&mut stuck, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.meeting.begun.notified().await;
    let (served, text) = tokio::join!(running.stopped(), rest(&mut stuck));
    assert_eq!((served.cut, text.as_str()), (1, ""));
}

#[tokio::test]
async fn what_is_not_http_and_heads_without_end_are_refused() {
    let running = Running::start(patient()).await;
    let long = format!("GET / HTTP/1.1\r\nhost: x\r\nlong: {}\r\n\r\n", "x".repeat(40 << 10));
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    let nonsense = "\x16\x03\x01 not HTTP\r\n\r\n";
    let refused =
        [(nonsense, 400, "malformed_request"), (&long, 431, "head_too_large"), (&many, 431, "head_too_large")];
    for (text, status, code) in refused {
        let mut stream = running.connect().await;
        send(&mut stream, text).await;
        expect_problem(&rest(&mut stream).await, (status, code));
    }
}

pub fn expect_problem(answer: &str, (status, code): (u16, &str)) {
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{status}: {answer:?}");
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    for header in [
        "content-type: application/problem+json",
        "cache-control: no-store",
        "x-content-type-options: nosniff",
        "content-security-policy: default-src 'none'; frame-ancestors 'none'",
    ] {
        assert!(head.contains(header), "{header} is missing in {head}");
    }
    let problem: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!((&problem["code"], &problem["status"]), (&code.into(), &status.into()));
}

/// Bytes after a valid request in the same packet: the parser has them already when the request is answered.
#[tokio::test]
async fn what_follows_a_good_request_and_is_not_http_is_refused_with_a_problem_too() {
    let running = Running::start(patient()).await;
    let good = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";
    let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    let nonsense = "\x16\x03\x01 not HTTP\r\n\r\n";
    for (bad, status, code) in [(nonsense, 400, "malformed_request"), (&*many, 431, "head_too_large")] {
        for answers in [1, 3] {
            let mut stream = running.connect().await;
            send(&mut stream, &(good.repeat(answers) + bad)).await;
            let text = rest(&mut stream).await;
            let (before, refusal) = text.rsplit_once("hello").unwrap_or_else(|| panic!("{text:?}"));
            assert_eq!(before.matches("HTTP/1.1 200 OK").count(), answers, "{text:?}");
            expect_problem(refusal, (status, code));
        }
    }
    // An answer that was delayed when the next head was refused is not lost.
    let mut stream = running.connect().await;
    let held = "GET /held HTTP/1.1\r\nhost: x\r\n\r\n";
    say(&mut stream, &(held.to_owned() + nonsense)).await;
    running.meeting.begun.notified().await;
    running.meeting.go_on.notify_one();
    let text = rest(&mut stream).await;
    let (_, refusal) = text.split_once("released").unwrap_or_else(|| panic!("{text:?}"));
    expect_problem(refusal, (400, "malformed_request"));
}
