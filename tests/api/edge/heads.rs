//! Heads of requests by RFC 9112: an ambiguous head is refused, and the bytes after it are not read.

use std::{io::ErrorKind, time::Duration};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::sockets::{Running, TEST_LIMIT, answer, expect_problem, patient, rest, say, send};

const GOOD: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

/// Refused heads, each complete.
const AMBIGUOUS: [&str; 36] = [
    // Section 3.2: one Host, with only host and port.
    "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\nhost: x\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\n\r\n",
    "GET / HTTP/1.0\r\nhost: x\r\nhost: y\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: ada@x\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: ada:secret@x:80\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x, y\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x/y\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x y\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x:port\r\n\r\n",
    // Section 3.2.2: the absolute form has the same authority as Host.
    "GET http://y/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://x:81/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://ada@x/ HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET http://ada@x/ HTTP/1.1\r\nhost: ada@x\r\n\r\n",
    "GET http:///path HTTP/1.1\r\nhost: x\r\n\r\n",
    "GET x HTTP/1.1\r\nhost: x\r\n\r\n",
    // Section 6: exactly one framing of the body.
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: identity\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding: xchunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ntransfer-encoding:\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.0\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\ncontent-length: 5\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: 0, 0\r\n\r\n",
    "POST /deaf HTTP/1.1\r\nhost: x\r\ncontent-length: +0\r\n\r\n",
    // Section 2.2: lines end in CRLF only.
    "GET / HTTP/1.1\nhost: x\n\n",
    "GET / HTTP/1.1\r\nhost: x\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\na: b\nc: d\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\na: b\rc: d\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\n\n",
    "\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
    // Sections 5.1 and 5.2: no white space before the colon, no folded line.
    "GET / HTTP/1.1\r\nhost : x\r\n\r\n",
    "GET / HTTP/1.1\r\nhost: x\r\n y\r\n\r\n",
];

#[tokio::test]
async fn an_ambiguous_head_is_refused_and_the_bytes_after_it_are_not_read() {
    let running = Running::start(patient()).await;
    for head in AMBIGUOUS {
        for before in [0, 2] {
            let mut stream = running.connect().await;
            send(&mut stream, &(GOOD.repeat(before) + head + GOOD)).await;
            let text = rest(&mut stream).await;
            assert_eq!(text.matches("HTTP/1.1 200").count(), before, "{head:?}: {text:?}");
            let refusal = text.rsplit_once("hello").map_or(text.as_str(), |(_, refusal)| refusal);
            expect_problem(refusal, (400, "malformed_request"));
        }
    }
}

#[tokio::test]
async fn an_unusual_and_unambiguous_head_is_answered() {
    let running = Running::start(patient()).await;
    for head in [
        "GET / HTTP/1.0\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET http://x/ HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET http://X:80/ HTTP/1.1\r\nhost: x\r\n\r\n",
        "GET https://x/ HTTP/1.1\r\nhost: x:443\r\n\r\n",
        "GET / HTTP/1.1\r\nHOST:[::1]:8080\r\n\r\n",
        "GET / HTTP/1.1\r\nhost:\r\n\r\n",
        "GET / HTTP/1.1\r\nhost: x\r\nempty:\r\ntab: a\tb\r\n\r\n",
    ] {
        let mut stream = running.connect().await;
        say(&mut stream, head).await;
        let text = answer(&mut stream, "hello").await;
        assert!(text.starts_with("HTTP/1.1 200") || text.starts_with("HTTP/1.0 200"), "{head:?}: {text:?}");
    }
}

/// The end of a body is found with any split into packets.
#[tokio::test]
async fn requests_on_one_connection_are_separated_in_any_split_into_packets() {
    let running = Running::start(patient()).await;
    let json = "content-type: application/json\r\n";
    let sized = format!("POST /name HTTP/1.1\r\nhost: x\r\n{json}content-length: 14\r\n\r\n{{\"name\":\"ada\"}}");
    let chunked = format!(
        "POST /name HTTP/1.1\r\nhost: x\r\n{json}transfer-encoding: Chunked\r\n\r\n\
         5;a=\"b\"\r\n{{\"nam\r\nA\r\ne\":\"grace\"\r\n1\r\n}}\r\n000\r\ntrailer: x\r\n\r\n"
    );
    let all = format!("{sized}{chunked}{GOOD}{chunked}{sized}{GOOD}");
    for piece in [1, 2, 3, 7, 64, 100_000] {
        let mut stream = running.connect().await;
        let (mut reading, mut writing) = stream.split();
        let sending = async {
            for bytes in all.as_bytes().chunks(piece) {
                writing.write_all(bytes).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let reading = async {
            let mut text = String::new();
            let mut buffer = [0; 4 << 10];
            while text.matches("HTTP/1.1 ").count() < 6 || !text.ends_with("hello") {
                let read = tokio::time::timeout(TEST_LIMIT, reading.read(&mut buffer)).await;
                let count = read.unwrap_or_else(|_| panic!("pieces of {piece}: stalls after {text:?}")).unwrap();
                assert!(count > 0, "pieces of {piece}: closed after {text:?}");
                text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
            }
            text
        };
        let (text, ()) = tokio::join!(reading, sending);
        let bodies: Vec<&str> =
            text.split("\r\n\r\n").skip(1).map(|rest| rest.split("HTTP/").next().unwrap()).collect();
        assert_eq!(bodies, ["ada", "grace", "hello", "grace", "ada", "hello"], "pieces of {piece}: {text:?}");
    }
}

#[tokio::test]
async fn a_chunk_whose_size_can_be_read_in_two_ways_ends_the_connection() {
    let running = Running::start(patient()).await;
    for chunks in [
        "3\nabc\r\n0\r\n\r\n",
        "3;\n\r\nabc\r\n0\r\n\r\n",
        "3\r\nabc0\r\n\r\n",
        "3\r\nabc\n0\r\n\r\n",
        "+3\r\nabc\r\n0\r\n\r\n",
        "0x3\r\nabc\r\n0\r\n\r\n",
        "\r\n",
        "11111111111111111\r\n",
        "0\r\ntrailer: a\n\r\n\r\n",
    ] {
        let mut stream = running.connect().await;
        let head = "POST /name HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
        send(&mut stream, &format!("{head}transfer-encoding: chunked\r\n\r\n{chunks}{GOOD}")).await;
        let text = rest(&mut stream).await;
        assert!(!text.contains("hello") && !text.contains(" 200 "), "{chunks:?}: {text:?}");
        assert!(text.starts_with("HTTP/1.1 400 "), "{chunks:?}: {text:?}");
    }
}

#[tokio::test]
async fn another_version_gets_an_answer_with_the_reason() {
    let running = Running::start(patient()).await;
    for version in ["HTTP/2.0", "HTTP/3.0", "HTTP/1.2", "HTTP/0.9"] {
        let mut stream = running.connect().await;
        say(&mut stream, &format!("GET / {version}\r\nhost: x\r\n\r\n")).await;
        expect_problem(&rest(&mut stream).await, (505, "http_version_not_supported"));
    }
}

/// RFC 9113 section 3.4: a client with prior knowledge of HTTP/2 gets HTTP/2 frames with the reason of the refusal.
#[tokio::test]
async fn http_2_by_prior_knowledge_is_refused_in_http_2() {
    let running = Running::start(patient()).await;
    for first in [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".len(), 3, 20] {
        let mut stream = running.connect().await;
        let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
        stream.write_all(&preface[..first]).await.unwrap();
        // The rest arrives in a separate packet.
        let mut ticks = tokio::time::interval(Duration::from_millis(20));
        ticks.tick().await;
        ticks.tick().await;
        // The server may have answered and closed before the rest is sent; no other failure is expected.
        if let Err(error) = stream.write_all(&preface[first..]).await {
            assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
        }
        let mut bytes = Vec::new();
        tokio::time::timeout(TEST_LIMIT, stream.read_to_end(&mut bytes)).await.expect("the server closes").unwrap();
        // SETTINGS without settings.
        assert_eq!(&bytes[..9], [0, 0, 0, 4, 0, 0, 0, 0, 0], "{bytes:?}");
        let goaway = &bytes[9..];
        let length = usize::from(goaway[1]) << 8 | usize::from(goaway[2]);
        // GOAWAY after stream 0 with HTTP_1_1_REQUIRED.
        assert_eq!((goaway[3], goaway.len()), (7, 9 + length), "{bytes:?}");
        assert_eq!(goaway[9..17], [0, 0, 0, 0, 0, 0, 0, 0xd]);
        assert!(String::from_utf8_lossy(&goaway[17..]).contains("HTTP/1.1"), "{bytes:?}");
    }
}
