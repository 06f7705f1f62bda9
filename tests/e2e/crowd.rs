//! More connections than the process has descriptors: it serves whoever else comes, and it goes on writing.

use std::{io::ErrorKind, net::SocketAddr, time::Duration};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    time::timeout,
};

use crate::server::{Home, Server};

/// Connections of the one who takes all he can.
const CROWD: usize = 5_000;
/// Of them, those that are being opened at the same time.
const AT_ONCE: usize = 200;
/// A few descriptors besides, for all else in this process.
const DESCRIPTORS: u64 = 6_000;
const LIMIT: Duration = Duration::from_secs(120);
/// What one request of somebody else may take meanwhile.
const PROMPT: Duration = Duration::from_secs(10);

/// The test holds as many descriptors as the crowd has connections.
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

/// Sends a request and gives what comes until the body's end is there.
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

/// What a client of another network gets while the crowd holds on: an answer, and a change that is on disk.
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

/// The crowd: each connection asks for health, which is counted by no limit, and stays.
async fn gather(server: &Server) -> Vec<TcpStream> {
    let public: SocketAddr = server.api().address().parse().unwrap();
    let mut crowd = Vec::new();
    for _ in 0..CROWD / AT_ONCE {
        let opening = (0..AT_ONCE).map(|_| async move {
            let mut stream = connect([127, 0, 0, 1], public).await.ok()?;
            // Past the share of its network the server closes at once; no other failure is expected.
            if let Err(error) = stream.write_all(b"GET /health/live HTTP/1.1\r\nhost: x\r\n\r\n").await {
                assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
            }
            Some(stream)
        });
        crowd.extend(futures::future::join_all(opening).await.into_iter().flatten());
    }
    crowd
}

/// Connections that the server still holds: those that are neither closed nor reset.
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
    timeout(LIMIT, whole).await.unwrap_or_else(|_| panic!("it takes too long:\n{}", server.written()));
    assert!(server.runs(), "{}", server.written());
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(10)).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert!(!written.contains("Too many open files"), "{written}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_connections_of_one_address_leave_room_for_others_with_a_soft_limit_of_1024() {
    // The hard limit stays, and the program raises its own to it.
    a_crowd_comes("ulimit -S -n 1024", 2_500).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_connections_of_one_address_leave_room_for_others_with_a_hard_limit_of_1024() {
    a_crowd_comes("ulimit -n 1024", (1024 - 256) / 4).await;
}
