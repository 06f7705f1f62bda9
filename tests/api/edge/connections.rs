//! Connections: their time limits, their number, and their end.

use super::sockets::{
    LONG, Running, SHORT, TEST_LIMIT, answer, expect_problem, patient, post_head, rest, say, send, up_to,
};
use majordomo::http::serve::{OpenConnections, Timeouts};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

#[tokio::test]
async fn a_connection_is_used_again_and_closed_on_request() {
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
async fn slow_bytes_do_not_extend_the_time_for_a_head() {
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
async fn a_connection_that_sends_nothing_is_closed_without_an_answer() {
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
async fn a_handler_may_take_longer_than_the_limits_of_heads_and_idle_connections() {
    let running = Running::start(Timeouts { head: SHORT, idle: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, "GET /slow HTTP/1.1\r\nhost: x\r\n\r\n").await;
    assert!(answer(&mut stream, "slow").await.starts_with("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_body_that_stalls_is_a_request_timeout() {
    let running = Running::start(Timeouts { body_gap: SHORT, ..patient() }).await;
    let mut stream = running.connect().await;
    say(&mut stream, &(post_head("/name", 14) + "{\"na")).await;
    let answer = rest(&mut stream).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn an_incomplete_body_is_not_accepted() {
    let running = Running::start(patient()).await;
    let mut stream = running.connect().await;
    say(&mut stream, &(post_head("/name", 99) + "{\"name\":\"a\"}")).await;
    stream.shutdown().await.unwrap();
    assert!(!rest(&mut stream).await.contains("HTTP/1.1 200"));
}

#[tokio::test]
async fn a_client_that_sends_too_much_gets_the_answer() {
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
async fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let running = Running::start(Timeouts { write: SHORT, connections: up_to(1), ..patient() }).await;
    let mut stuck = running.connect().await;
    say(&mut stuck, "GET /endless HTTP/1.1\r\nhost: x\r\n\r\n").await;
    // There is only one permit, so an answer to another client shows that the connection has ended.
    let mut other = running.connect().await;
    say(&mut other, "GET / HTTP/1.1\r\nhost: x\r\n\r\n").await;
    answer(&mut other, "hello").await;
    drop(stuck);
}

#[tokio::test]
async fn a_connection_above_the_limit_waits_while_all_are_busy() {
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
async fn a_connection_above_the_limit_replaces_an_idle_one() {
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
async fn a_network_above_its_share_gets_a_problem_document() {
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
async fn a_stop_lets_requests_finish_and_closes_idle_connections() {
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
async fn a_request_that_exceeds_the_drain_limit_is_cut() {
    let running = Running::start(Timeouts { drain: SHORT, ..patient() }).await;
    let mut stuck = running.connect().await;
    say(&mut stuck, "GET /held HTTP/1.1\r\nhost: x\r\n\r\n").await;
    running.meeting.begun.notified().await;
    let (served, text) = tokio::join!(running.stopped(), rest(&mut stuck));
    assert_eq!((served.cut, text.as_str()), (1, ""));
}

#[tokio::test]
async fn bytes_that_are_not_http_and_endless_heads_are_refused() {
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

/// Bytes after a valid request in the same packet: the parser has them already when the request is answered.
#[tokio::test]
async fn bytes_that_are_not_http_after_a_valid_request_are_refused_with_a_problem() {
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
