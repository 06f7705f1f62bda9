//! `majordomo health`

use std::{
    io::{Read, Write},
    net::TcpListener,
};

use crate::harness::{Majordomo, unused_address};

/// Answers one request; returns the address and, when joined, the request.
fn server(answer: &'static str) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let handle = std::thread::Builder::new()
        .spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = vec![0; 4_096];
            let length = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..length]).into_owned()
        })
        .unwrap();
    (address, handle)
}

#[test]
fn a_ready_server_is_exit_code_0() {
    let (address, server) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
    let run = Majordomo::new().variable("MAJORDOMO__EDGE__LISTEN", &address).run(&["health"]);
    assert_eq!((run.code, run.stdout), (0, format!("http://{address} is ready\n")), "{}", run.stderr);
    assert!(server.join().unwrap().starts_with("GET /health/ready HTTP/1.1\r\n"));
}

#[test]
fn a_server_that_is_not_ready_reports_the_reason() {
    let (address, _server) =
        server("HTTP/1.1 503 x\r\ncontent-length: 38\r\n\r\n{\"ready\":false,\"reasons\":[\"draining\"]}");
    let run = Majordomo::new().run(&["health", "--url", &format!("http://{address}/")]);
    assert_eq!(run.code, 1);
    assert_eq!(
        run.stderr,
        format!(
            "error: http://{address} is not ready: draining (503); GET /health on the ops listener lists the services, \
             and docs/runbooks has a page for each reason\n"
        )
    );
}

#[test]
fn no_server_is_exit_code_1_and_an_unknown_port_is_exit_code_2() {
    let (_socket, free) = unused_address();
    let run = Majordomo::new().run(&["health", "--url", &format!("http://{free}")]);
    let reason = format!("error: http://{free} is not reached: no process listens on this address; start the server");
    assert!(run.code == 1 && run.stderr.starts_with(&reason), "{}", run.stderr);
    let run = Majordomo::new().run(&["health", "--set", "edge.listen=127.0.0.1:0"]);
    assert_eq!(run.code, 2, "{}", run.stderr);
}

#[test]
fn a_wait_ends_when_the_server_is_ready_or_at_its_end() {
    let (_socket, free) = unused_address();
    let run = Majordomo::new().run(&["health", "--url", &format!("http://{free}"), "--wait", "300ms"]);
    assert!(run.code == 1 && run.stderr.contains("is not reached"), "{}", run.stderr);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let majordomo = Majordomo::new();
    let mut waiting = majordomo.command(&["health", "--url", &url, "--wait", "1m"]).spawn().unwrap();
    for answer in ["HTTP/1.1 503 x\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"] {
        let (mut stream, _) = listener.accept().unwrap();
        assert!(stream.read(&mut [0; 4_096]).unwrap() > 0, "the request");
        stream.write_all(answer.as_bytes()).unwrap();
    }
    assert!(waiting.wait().unwrap().success());
    assert_eq!(Majordomo::new().run(&["health", "--wait", "2h"]).code, 2);
}
