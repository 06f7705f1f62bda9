//! SIGTERM: in order, within the time limit, with every acknowledged change stored.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::{Home, Server, until};

/// The time limit of a shutdown under any load.
const LIMIT: Duration = Duration::from_secs(8);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sigterm_under_load_ends_in_order_and_within_the_limit() {
    let mut home = Home::new();
    home.set("edge.rate_limits.enabled", "false");
    let server = home.start().await;
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..4)
        .map(|client| {
            let (api, stop) = (server.api(), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut acknowledged = Vec::new();
                for n in 0.. {
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let email = format!("client{client}.{n}@example.com");
                    match api.register(&email, "seven wise otters").await {
                        Ok(answer) if answer.status == 201 => acknowledged.push((email, answer.text_of("id"))),
                        Ok(answer) => assert!([429, 503].contains(&answer.status), "{}", answer.text),
                        Err(_) => break,
                    }
                }
                acknowledged
            })
        })
        .collect();

    let api = server.api();
    let first = until(Duration::from_secs(30), || async { api.code("client0.0@example.com", 1).await.ok()? }).await;
    assert!(first.is_some(), "no mail arrived:\n{}", server.written());
    let asked = Instant::now();
    server.ask_to_stop();
    let (status, written) = server.ended(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    println!("ended after {:?}", asked.elapsed());
    stop.store(true, Ordering::Relaxed);

    let check = home.run(&["store", "check"]).await;
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
    let server = home.start().await;
    for client in clients {
        for (email, id) in client.await.unwrap() {
            let code = server.api().code(&email, 10).await.unwrap().expect("an acknowledged registration has a code");
            server.api().verify(&id, &code).await.unwrap().expect(200);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_process_ends_at_once() {
    let home = Home::new();
    let server = home.start().await;
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(4)).await;
    assert_eq!(status.code(), Some(0), "{written}");
}

/// Sends GET for `path`, and waits until the server has read the request: its end of the connection holds no byte of
/// it.
async fn begin_to_wait(server: &Server, path: &str) -> TcpStream {
    let address: std::net::SocketAddrV4 = server.public.trim_start_matches("http://").parse().unwrap();
    let mut client = TcpStream::connect(address).await.unwrap();
    let head = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\naccept: application/json\r\n\r\n");
    client.write_all(head.as_bytes()).await.unwrap();
    let ends = [address.port(), client.local_addr().unwrap().port()].map(|port| format!(":{port:04X}"));
    let is_read = until(LIMIT, || async {
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        // proc(5): number, local address, remote address, state, transmit:receive queue.
        let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let mut row = rows.filter(|row| row[1].ends_with(&ends[0]) && row[2].ends_with(&ends[1]));
        row.next().is_some_and(|row| row[4].ends_with(":00000000")).then_some(())
    });
    is_read.await.expect("the server reads the request");
    client
}

/// A script that waits for a code gets an answer, and not a broken connection.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_waits_for_mail_is_answered_at_the_drain() {
    let home = Home::new();
    let server = home.start().await;
    let mut inbox = begin_to_wait(&server, "/dev/inbox?wait=30").await;
    let mut code = begin_to_wait(&server, "/dev/inbox/code?wait=30").await;
    let asked = Instant::now();
    server.ask_to_stop();
    let (mut list, mut missing) = (String::new(), String::new());
    inbox.read_to_string(&mut list).await.unwrap();
    code.read_to_string(&mut missing).await.unwrap();
    assert!(list.starts_with("HTTP/1.1 200") && list.ends_with("{\"data\":[],\"nextCursor\":null}"), "{list:?}");
    assert!(missing.starts_with("HTTP/1.1 404") && missing.contains("No message with a code"), "{missing:?}");
    let (status, written) = server.ended(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert!(asked.elapsed() < Duration::from_secs(4), "the drain waited {:?}", asked.elapsed());
}

/// Connects to the public listener and begins a request that is never complete.
async fn hold_a_request(server: &Server) -> TcpStream {
    let address = server.public.trim_start_matches("http://").to_owned();
    let mut client = TcpStream::connect(&address).await.unwrap();
    let head = format!(
        "POST /auth/register HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n"
    );
    client.write_all(head.as_bytes()).await.unwrap();
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn operators_are_answered_during_the_drain_and_the_run_s_credential_is_removed() {
    let home = Home::new();
    let server = home.start().await;
    let (ops, token) = (server.ops_api(), home.store().join("control.token"));
    assert!(token.exists());
    let _held = hold_a_request(&server).await;
    server.ask_to_stop();
    let reported = until(LIMIT, || async {
        let ready = ops.get("/health/ready").await.ok()?;
        (ready.status == 503).then_some(ready.body)
    });
    let reasons = reported.await.unwrap_or_else(|| panic!("the drain was not reported:\n{}", server.written()));
    assert_eq!(reasons["reasons"], serde_json::json!(["draining"]));
    let drains = until(LIMIT, || async {
        let edge = ops.get("/health/edge").await.ok()?.body;
        edge["reasons"].to_string().contains("draining").then_some(())
    });
    assert!(drains.await.is_some(), "the public listener did not stop first:\n{}", server.written());
    assert_eq!(ops.get("/health/store").await.unwrap().body["status"], "up");
    assert!(token.exists(), "the operators' credential is valid until the end");
    let (status, written) = server.ended(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert!(!token.exists());
    assert!(written.contains("the head of the audit chain"), "{written}");
}

/// A terminal that closes, and a supervisor that requests a reload of the settings, interrupt no change.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_ends_in_order_too() {
    let home = Home::new();
    let program = home.command(&["serve"]).as_std().get_program().to_string_lossy().into_owned();
    // The tests themselves may have been started by `nohup`.
    let mut server =
        Server::launch(home.command_of("env".as_ref(), &["--default-signal=HUP", &program, "serve"])).await;
    server.wait_until_ready().await;
    let token = home.store().join("control.token");
    assert!(token.exists());
    server.signal(Signal::SIGHUP);
    let (status, written) = server.ended(Duration::from_secs(4)).await;
    assert_eq!(status.code(), Some(0), "{written}");
    assert!(!token.exists(), "the program did not end in order");
}

/// Started by `nohup`, the program continues after its terminal has closed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sighup_stays_ignored_if_the_parent_ignored_it() {
    let home = Home::new();
    let program = home.command(&["serve"]).as_std().get_program().to_string_lossy().into_owned();
    let command = home.command_of("sh".as_ref(), &["-c", &format!("trap '' HUP; exec {program} serve")]);
    let mut server = Server::launch(command).await;
    server.wait_until_ready().await;
    server.signal(Signal::SIGHUP);
    assert_eq!(server.api().get("/health/live").await.unwrap().status, 200);
    server.ask_to_stop();
    let (status, written) = server.ended(Duration::from_secs(4)).await;
    assert_eq!(status.code(), Some(0), "{written}");
}

/// The drain delay lets a balancer notice; an operator who sends a second signal does not want to wait for it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_the_drain_delay() {
    let mut home = Home::new();
    home.set("edge.drain_delay", "60s");
    let server = home.start().await;
    server.ask_to_stop();
    let api = server.ops_api();
    let drains = until(LIMIT, || async { (api.get("/health/ready").await.ok()?.status == 503).then_some(()) });
    assert!(drains.await.is_some(), "the first signal had no effect:\n{}", server.written());
    server.ask_to_stop();
    let (status, written) = server.ended(LIMIT).await;
    assert_eq!(status.code(), Some(0), "{written}");
    let check = home.run(&["store", "check"]).await;
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
