//! More connections than the process has descriptors: other clients are served, and writes continue.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::server::{Home, Server};

/// Connections of the client that opens as many as it can.
const CROWD: usize = 5_000;
/// The number of connections that are opened in parallel.
const AT_ONCE: usize = 200;
/// Descriptors for everything else in this process.
const DESCRIPTORS: u64 = 6_000;
const LIMIT: Duration = Duration::from_secs(120);
/// The time limit for one request of another client meanwhile.
const PROMPT: Duration = Duration::from_secs(10);

/// The test needs a descriptor for each connection of the crowd.
fn allow_descriptors() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_some_and(|current| current < DESCRIPTORS) {
        setrlimit(Resource::Nofile, Rlimit { current: Some(DESCRIPTORS), maximum }).unwrap_or_else(|error| {
            panic!("this test needs {DESCRIPTORS} descriptors, and may have {maximum:?}: {error}")
        });
    }
}

/// Starts `serve` with these limits of descriptors (`ulimit -n`).
async fn start(home: &Home, limits: &str) -> Server {
    let serve = home.command(&["serve"]);
    let program = serve.as_std().get_program().to_string_lossy().into_owned();
    let line = format!("{limits} && exec {program} serve");
    let mut server = Server::launch(home.command_of("sh".as_ref(), &["-c", &line])).await;
    server.wait_until_ready().await;
    server
}

/// A connection from an address of this machine.
async fn connect(from: [u8; 4], to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((from, 0)))?;
    socket.connect(to).await
}

/// Sends a request and reads the answer to the end of its body.
async fn ask(stream: &mut TcpStream, request: &str, end: &str) -> String {
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut text = String::new();
    let mut buffer = [0; 4 << 10];
    while !text.ends_with(end) {
        let count = stream.read(&mut buffer).await.unwrap();
        assert!(count > 0, "closed after {text:?}");
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    text
}

/// A client of another network gets an answer, and a change is written to disk, while the crowd's connections are open.
async fn is_served(server: &Server, from: [u8; 4], name: &str) {
    let public: SocketAddr = server.api().address().parse().unwrap();
    let serving = async {
        let mut stream = connect(from, public).await.unwrap();
        let live = ask(&mut stream, "GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n", "}").await;
        assert!(live.starts_with("HTTP/1.1 200 "), "{live}");
        let body = format!("{{\"email\":\"{name}@example.com\",\"password\":\"seven wise otters\"}}");
        let head = "POST /auth/register HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        let request = format!("{head}content-length: {}\r\n\r\n{body}", body.len());
        let registered = ask(&mut stream, &request, "}").await;
        assert!(registered.starts_with("HTTP/1.1 201 "), "{registered}");
    };
    let served = timeout(PROMPT, serving).await;
    served.unwrap_or_else(|_| panic!("{name} was not served; the program wrote:\n{}", server.written()));
}

/// The crowd: each connection requests health, which no limit counts, and stays open.
async fn gather(server: &Server) -> Vec<TcpStream> {
    let public: SocketAddr = server.api().address().parse().unwrap();
    let mut crowd = Vec::new();
    for _ in 0..CROWD / AT_ONCE {
        let opening = (0..AT_ONCE).map(|_| async move {
            let mut stream = connect([127, 0, 0, 1], public).await.ok()?;
            // Above the share of its network the server closes a connection at once; no other failure is expected.
            if let Err(error) = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await {
                assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
            }
            Some(stream)
        });
        crowd.extend(futures::future::join_all(opening).await.into_iter().flatten());
    }
    crowd
}

/// The connections that the server keeps open.
fn held(crowd: &[TcpStream]) -> usize {
    let is_open = |stream: &&TcpStream| {
        let mut buffer = [0; 4 << 10];
        loop {
            match stream.try_read(&mut buffer) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
            }
        }
    };
    crowd.iter().filter(is_open).count()
}

async fn a_crowd_comes(limits: &str, share: usize) {
    allow_descriptors();
    let mut home = Home::new();
    home.set("edge.rate_limits.enabled", "false");
    let mut server = start(&home, limits).await;
    let whole = async {
        let crowd = gather(&server).await;
        assert_eq!(crowd.len(), CROWD, "not all could connect");
        for n in 0..8 {
            is_served(&server, [127, 0, 8 + n, 1], &format!("other{n}")).await;
        }
        let ops = server.ops_api().get("/health/store").await.unwrap();
        assert_eq!(ops.status, 200, "{}", ops.text);
        let held = held(&crowd);
        assert!(held <= share, "one address holds {held} connections");
    };
    timeout(LIMIT, whole).await.unwrap_or_else(|_| panic!("the time limit has passed:\n{}", server.written()));
    assert!(server.runs(), "{}", server.written());
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert!(!written.contains("Too many open files"), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_connections_of_one_address_do_not_stop_other_clients_with_a_soft_limit_of_1024() {
    // The hard limit is higher, and the program raises its own to it.
    a_crowd_comes("ulimit -S -n 1024", 2_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_connections_of_one_address_do_not_stop_other_clients_with_a_hard_limit_of_1024() {
    a_crowd_comes("ulimit -n 1024", (1024 - 256) / 4).await;
}
