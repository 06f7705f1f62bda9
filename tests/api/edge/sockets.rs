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

/// A limit of `connections`, which may all be of one network.
pub fn up_to(connections: usize) -> OpenConnections {
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

    pub async fn stopped(self) -> Served {
        self.stop.cancel();
        timeout(TEST_LIMIT, self.served).await.expect("serving ends").unwrap()
    }
}

pub struct Name(pub String);

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

pub async fn until_released(meeting: Meeting) -> &'static str {
    meeting.begun.notify_one();
    meeting.go_on.notified().await;
    "released"
}

/// Lasts twice as long as `SHORT`, because the test measures real time.
pub async fn slowly() -> &'static str {
    let mut ticks = tokio::time::interval(2 * SHORT);
    ticks.tick().await;
    ticks.tick().await;
    "slow"
}

pub fn router(meeting: &Meeting) -> Router {
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

pub fn post_head(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n")
}

pub fn piece() -> Bytes {
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
        let count = timeout(TEST_LIMIT, stream.read(&mut buffer)).await.expect("an answer arrives").unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

pub async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Sends to a server that may have answered and closed before it read all bytes; any other error fails the test.
pub async fn send(stream: &mut (impl AsyncWriteExt + Unpin), text: &str) {
    if let Err(error) = stream.write_all(text.as_bytes()).await {
        assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
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
