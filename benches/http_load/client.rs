//! One kept connection of HTTP/1.1 with requests that are made beforehand, so that the client takes little of the cores
//! that the server uses too.

use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

/// The bytes of a request.
pub fn request(method: &str, path: &str, token: Option<&str>, body: Option<&Value>) -> Vec<u8> {
    let body = body.map(Value::to_string).unwrap_or_default();
    let mut head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {}\r\n", body.len());
    if !body.is_empty() {
        head.push_str("content-type: application/json\r\n");
    }
    if let Some(token) = token {
        head.push_str(&format!("authorization: Bearer {token}\r\n"));
    }
    format!("{head}\r\n{body}").into_bytes()
}

/// The status and the body of an answer.
pub struct Answer {
    pub status: u16,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as JSON, if the status is `status`.
    pub fn json(&self, status: u16) -> Value {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status, status, "{text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

/// A connection.
pub struct Connection {
    address: String,
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub async fn open(address: &str) -> Self {
        let stream = TcpStream::connect(address).await.expect("the server accepts connections");
        stream.set_nodelay(true).expect("a TCP connection");
        Self { address: address.to_owned(), stream, buffer: Vec::with_capacity(8_192) }
    }

    /// Sends a request and reads its answer, which must have a length. A connection that the server has closed after an
    /// earlier answer is opened again.
    pub async fn call(&mut self, request: &[u8]) -> Answer {
        self.buffer.clear();
        if self.stream.write_all(request).await.is_err() || !self.more().await {
            *self = Self::open(&self.address).await;
            self.stream.write_all(request).await.expect("the server reads");
        }
        let head = loop {
            if let Some(end) = self.buffer.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
                break end + 4;
            }
            assert!(self.more().await, "the server closed the connection before its answer");
        };
        let text = String::from_utf8_lossy(&self.buffer[..head]).to_ascii_lowercase();
        let status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status");
        let length = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
        let length: usize = length.map_or(0, |length| length.parse().expect("a length"));
        while self.buffer.len() < head + length {
            assert!(self.more().await, "the server closed the connection inside its answer");
        }
        Answer { status, body: self.buffer[head..head + length].to_vec() }
    }

    /// Reads more of the answer; false: the connection was closed.
    async fn more(&mut self) -> bool {
        self.stream.read_buf(&mut self.buffer).await.is_ok_and(|read| read > 0)
    }

    pub async fn post(&mut self, path: &str, body: &Value) -> Answer {
        self.call(&request("POST", path, None, Some(body))).await
    }
}
