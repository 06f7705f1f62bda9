//! An HTTP client for the running server: one request and one answer over plain HTTP, on the same machine or network.

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use http::{Method, Request, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use tokio::{net::TcpStream, runtime::Runtime};

use super::CliFailure;
use crate::{
    app::control_token,
    config::Config,
    types::{Secret, limits},
};

/// The answer of the server.
#[derive(Debug, Clone)]
pub struct ServerAnswer {
    /// The HTTP status.
    pub status: u16,
    /// The body, at most `limits::CLIENT_ANSWER_MAX` bytes.
    pub body: Vec<u8>,
}

impl ServerAnswer {
    /// The body as JSON; `None` if it is not JSON.
    pub fn json(&self) -> Option<serde_json::Value> {
        serde_json::from_slice(&self.body).ok()
    }
}

/// The reason that there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// No process listens on this address.
    #[error("no process listens on this address")]
    Refused,
    /// The address is not an `http` URL with host and port.
    #[error("not an address such as http://127.0.0.1:8080")]
    Address,
    /// The answer did not arrive in time.
    #[error("no answer within {} s", .0.as_secs())]
    Late(Duration),
    /// The connection or the protocol failed.
    #[error("{0}")]
    Broken(String),
}

/// Sends GET to `url` and waits at most `timeout`.
pub fn get(url: &str, timeout: Duration) -> Result<ServerAnswer, NoAnswer> {
    let request = Request::builder().method(Method::GET).uri(url);
    let request = request.body(Full::default()).map_err(|_| NoAnswer::Address)?;
    blocking(in_time(exchange(request), timeout))
}

/// A client of the ops listener, with the control token: every user who may read the data directory may use it.
#[derive(Debug, Clone)]
pub struct ControlClient {
    listener: String,
    token_file: PathBuf,
    token: Option<Secret>,
}

impl ControlClient {
    /// The client of the ops listener in `config`, with the control token if there is one: in development the ops
    /// listener is read without it.
    pub fn of(config: &Config) -> Result<Self, CliFailure> {
        let token_file = control_token::path(&config.store.path);
        let token = match std::fs::read_to_string(&token_file) {
            Ok(text) => Some(Secret::new(text.trim())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => {
                let fix = "run the command as the user of the server, or as root";
                return Err(CliFailure::fault(token_file.display(), error, fix));
            }
        };
        Ok(Self { listener: reachable(config.edge.ops_listen, "edge.ops_listen")?, token_file, token })
    }

    /// The same, if there is a control token and an address to send it to: without them no server is known to run.
    fn of_running(config: &Config) -> Result<Option<Self>, CliFailure> {
        if config.edge.ops_listen.port() == 0 {
            return Ok(None);
        }
        Ok(Some(Self::of(config)?).filter(|control| control.token.is_some()))
    }

    /// The address of the ops listener.
    pub fn address(&self) -> &str {
        &self.listener
    }

    /// The file of the control token.
    pub fn token_file(&self) -> &Path {
        &self.token_file
    }

    /// Sends GET to `path` and waits at most `timeout`.
    pub async fn get(&self, path: &str, timeout: Duration) -> Result<ServerAnswer, NoAnswer> {
        let request = self.request(Method::GET, path).body(Full::default()).map_err(|_| NoAnswer::Address)?;
        in_time(exchange(request), timeout).await
    }

    /// Sends `body` to `path` and waits at most `timeout`.
    pub fn post(&self, path: &str, body: &serde_json::Value, timeout: Duration) -> Result<ServerAnswer, NoAnswer> {
        self.send(Method::POST, path, body, timeout)
    }

    fn send(
        &self,
        method: Method,
        path: &str,
        body: &serde_json::Value,
        timeout: Duration,
    ) -> Result<ServerAnswer, NoAnswer> {
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        let request = request.body(Full::from(body.to_string())).map_err(|_| NoAnswer::Address)?;
        blocking(in_time(exchange(request), timeout))
    }

    fn request(&self, method: Method, path: &str) -> http::request::Builder {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.listener));
        match &self.token {
            Some(token) => request.header(header::AUTHORIZATION, format!("Bearer {}", token.reveal())),
            None => request,
        }
    }
}

/// The address of a listener on this machine: for an unspecified address (0.0.0.0, ::) the loopback address.
pub fn reachable(listen: SocketAddr, key: &str) -> Result<String, CliFailure> {
    if listen.port() == 0 {
        let fix = format!("say with --set {key}=ADDRESS which one it took");
        return Err(CliFailure::Usage(format!("{key} takes any free port; {fix}")));
    }
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::from([0, 0, 0, 0, 0, 0, 0, 1]),
        known => known,
    };
    Ok(format!("http://{}", SocketAddr::new(ip, listen.port())))
}

/// Sends `body` to `path` of the running server and returns its answer. `None` if no server runs: the command then
/// opens the store itself.
pub fn ask_running(
    config: &Config,
    path: &str,
    body: &serde_json::Value,
    timeout: Duration,
) -> Result<Option<serde_json::Value>, CliFailure> {
    answer_of_running(config, |control| control.post(path, body, timeout))
}

/// The answer of the running server to PUT, with the same rules as `ask_running`.
pub fn set_running(
    config: &Config,
    path: &str,
    body: &serde_json::Value,
    timeout: Duration,
) -> Result<Option<serde_json::Value>, CliFailure> {
    answer_of_running(config, |control| control.send(Method::PUT, path, body, timeout))
}

/// The answer of the running server to GET, with the same rules as `ask_running`.
pub fn read_running(config: &Config, path: &str, timeout: Duration) -> Result<Option<serde_json::Value>, CliFailure> {
    answer_of_running(config, |control| blocking(control.get(path, timeout)))
}

/// The answer to one exchange with the running server; `None` if no server runs.
fn answer_of_running(
    config: &Config,
    exchange: impl FnOnce(&ControlClient) -> Result<ServerAnswer, NoAnswer>,
) -> Result<Option<serde_json::Value>, CliFailure> {
    let Some(control) = ControlClient::of_running(config)? else { return Ok(None) };
    let answer = match exchange(&control) {
        Ok(answer) => answer,
        // The token of a server that was killed.
        Err(NoAnswer::Refused) => return Ok(None),
        Err(error) => {
            let fix = "whether the server has done it is not known; look at its log and at `majordomo health`";
            return Err(CliFailure::fault(format_args!("the server at {}", control.address()), error, fix));
        }
    };
    let body = answer.json().unwrap_or_default();
    if (200..300).contains(&answer.status) {
        return Ok(Some(body));
    }
    Err(CliFailure::Fault(format!("the running server refuses: {}", refusal(&body))))
}

/// The text of a problem document (RFC 9457) in one line: its field errors, or else its detail.
pub fn refusal(problem: &serde_json::Value) -> String {
    let text = |value: &serde_json::Value, name: &str| value.get(name)?.as_str().map(str::to_owned);
    let errors = problem.get("errors").and_then(serde_json::Value::as_array);
    let named = errors.into_iter().flatten().filter_map(|error| {
        let (field, detail) = (text(error, "pointer")?, text(error, "detail")?);
        Some(format!("{} {detail}", field.trim_start_matches('/')))
    });
    let named = named.collect::<Vec<_>>().join("; ");
    if named.is_empty() {
        text(problem, "detail").unwrap_or_else(|| "no reason is given; its log has the reason".to_owned())
    } else {
        named
    }
}

/// A runtime for one command: commands are not async.
pub fn runtime() -> Result<Runtime, CliFailure> {
    let built = tokio::runtime::Builder::new_current_thread().enable_all().build();
    built.map_err(|error| CliFailure::no_runtime(&error))
}

/// Runs one exchange on a new runtime.
fn blocking(exchange: impl Future<Output = Result<ServerAnswer, NoAnswer>>) -> Result<ServerAnswer, NoAnswer> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(|error| NoAnswer::Broken(error.to_string()))?.block_on(exchange)
}

async fn in_time(
    exchange: impl Future<Output = Result<ServerAnswer, NoAnswer>>,
    timeout: Duration,
) -> Result<ServerAnswer, NoAnswer> {
    tokio::time::timeout(timeout, exchange).await.unwrap_or(Err(NoAnswer::Late(timeout)))
}

async fn exchange(mut request: Request<Full<Bytes>>) -> Result<ServerAnswer, NoAnswer> {
    let uri = request.uri().clone();
    let authority = uri.authority().ok_or(NoAnswer::Address)?;
    if uri.scheme_str() != Some("http") || authority.as_str().contains('@') {
        return Err(NoAnswer::Address);
    }
    let host = authority.host().trim_start_matches('[').trim_end_matches(']').to_owned();
    let stream = TcpStream::connect((host, authority.port_u16().unwrap_or(80))).await.map_err(|error| {
        if error.kind() == io::ErrorKind::ConnectionRefused {
            NoAnswer::Refused
        } else {
            NoAnswer::Broken(error.to_string())
        }
    })?;
    let value = authority.as_str().parse().map_err(|_| NoAnswer::Address)?;
    request.headers_mut().insert(header::HOST, value);
    let path = uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str).to_owned();
    *request.uri_mut() = path.parse().map_err(|_| NoAnswer::Address)?;

    let broken = |error: hyper::Error| NoAnswer::Broken(error.to_string());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.map_err(broken)?;
    let talk = async {
        let response = sender.send_request(request).await.map_err(broken)?;
        let status = response.status().as_u16();
        let body = Limited::new(response.into_body(), limits::CLIENT_ANSWER_MAX).collect().await;
        let body = body.map_err(|error| NoAnswer::Broken(error.to_string()))?.to_bytes().to_vec();
        Ok(ServerAnswer { status, body })
    };
    tokio::pin!(talk);
    // The connection transports bytes while `talk` waits. After its end the received bytes are still available.
    tokio::select! {
        answer = &mut talk => answer,
        _ = connection => talk.await,
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{Read, Write},
        net::TcpListener,
    };

    use super::*;

    /// A server for one request; returns the request that it received.
    fn server(answer: &'static str) -> (SocketAddr, std::thread::JoinHandle<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
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

    const TIMEOUT: Duration = Duration::from_secs(5);

    #[test]
    fn an_answer_is_status_and_body() {
        let (address, server) = server("HTTP/1.1 503 Busy\r\ncontent-length: 14\r\n\r\n{\"status\":\"x\"}");
        let answer = get(&format!("http://{address}/health/ready?x=1"), TIMEOUT).unwrap();
        assert_eq!(answer.status, 503);
        assert_eq!(answer.json().unwrap()["status"], "x");
        let request = server.join().unwrap();
        assert!(request.starts_with("GET /health/ready?x=1 HTTP/1.1\r\n"), "{request}");
        assert!(request.contains(&format!("host: {address}")), "{request}");
    }

    #[test]
    fn what_goes_wrong_has_a_name() {
        // Bound without listening, so that no other program gets the port during the test.
        let held = tokio::net::TcpSocket::new_v4().unwrap();
        held.bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let url = format!("http://{}/", held.local_addr().unwrap());
        assert!(matches!(get(&url, TIMEOUT), Err(NoAnswer::Refused)));
        assert!(matches!(get("https://127.0.0.1/", TIMEOUT), Err(NoAnswer::Address)));
        assert!(matches!(get("127.0.0.1", TIMEOUT), Err(NoAnswer::Address)));
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        assert!(matches!(get(&url, Duration::from_millis(50)), Err(NoAnswer::Late(_))));
        let (address, _server) = server("nonsense\r\n\r\n");
        assert!(matches!(get(&format!("http://{address}/"), TIMEOUT), Err(NoAnswer::Broken(_))));
    }

    #[test]
    fn the_control_token_goes_to_the_ops_listener() {
        let directory = tempfile::tempdir().unwrap();
        let mut config = Config::default();
        config.store.path = directory.path().to_owned();
        assert!(ControlClient::of(&config).unwrap().token.is_none());
        let (address, server) = server("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}");
        config.edge.ops_listen = address;
        std::fs::write(control_token::path(directory.path()), "t0k3n\n").unwrap();
        let control = ControlClient::of(&config).unwrap();
        assert!(!format!("{control:?}").contains("t0k3n"));
        let body = serde_json::json!({ "a": 1 });
        assert_eq!(control.post("/control/x", &body, TIMEOUT).unwrap().status, 200);
        let request = server.join().unwrap();
        assert!(request.contains("authorization: Bearer t0k3n\r\n") && request.starts_with("POST /control/x "));
    }

    #[test]
    fn a_listener_on_all_addresses_is_asked_on_loopback() {
        for (listen, url) in [
            ("127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("0.0.0.0:80", "http://127.0.0.1:80"),
            ("[::]:80", "http://[::1]:80"),
            ("192.168.1.1:80", "http://192.168.1.1:80"),
        ] {
            assert_eq!(reachable(listen.parse().unwrap(), "edge.listen").unwrap(), url);
        }
        assert!(reachable("127.0.0.1:0".parse().unwrap(), "edge.listen").is_err());
    }
}
