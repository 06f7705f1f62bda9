//! One connection, from its first byte to its end.

use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::Pin};

use axum::{
    Router,
    body::Body,
    http::{HeaderValue, header},
    response::Response,
};
use futures::FutureExt;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    Timeouts,
    connection_state::{Arriving, ConnectionPhase, ConnectionState, Leaving},
    guarded::Guarded,
    head::HeadRefusal,
    open_connections::ConnectionPlace,
};
use crate::{
    http::{
        context::Peer,
        error::{ApiError, ProblemCode, ProblemContext},
        middleware::frame,
    },
    types::limits,
};

/// The values that all connections of a listener share.
pub(super) struct ConnectionContext {
    pub(super) router: Router,
    pub(super) timeouts: Timeouts,
    pub(super) stop: CancellationToken,
}

/// Serves the requests of `stream` until the client, a timeout, an eviction or the stop ends it.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, place: ConnectionPlace, context: &ConnectionContext) {
    // Each answer is written at once; Nagle's algorithm would only delay it.
    let _ = stream.set_nodelay(true);
    let state = place.state.clone();
    let io = TokioIo::new(Guarded::new(stream, state.clone(), context.timeouts.clone()));
    let service = {
        let (state, router, gap) = (state.clone(), context.router.clone(), context.timeouts.body_gap);
        service_fn(move |request: Request<Incoming>| {
            state.enter(ConnectionPhase::Busy);
            let is_last = state.count_request() + 1 >= limits::CONNECTION_REQUESTS_MAX;
            let mut request = request.map(|body| Body::new(Arriving::new(body, gap)));
            request.extensions_mut().insert(Peer(peer));
            let state = state.clone();
            router.clone().oneshot(request).map(move |answered| leaving(answered, state, is_last)).boxed()
        })
    };
    // hyper's own timeout never elapses, because the socket's timeouts are shorter. It must be set: only then does
    // hyper poll the socket again after an answer, which starts the idle timeout.
    let unmet = context.timeouts.head + context.timeouts.idle;
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(unmet)
        .max_buf_size(limits::HEADERS_MAX)
        .max_header_size(limits::HEADERS_MAX)
        .max_headers(limits::HEADER_COUNT_MAX)
        .serve_connection(io, service);

    let mut serving = poll_fn(|cx| connection.poll_unpin(cx));
    let asked_to_end = async {
        tokio::select! {
            () = context.stop.cancelled() => {}
            () = place.leave.cancelled() => {}
        }
    };
    let ended = tokio::select! {
        _ended = &mut serving => true,
        () = asked_to_end => false,
    };
    drop(serving);
    if !ended {
        Pin::new(&mut connection).graceful_shutdown();
        match (place.leave.is_cancelled(), state.phase()) {
            // No request has arrived, and another connection needs the place.
            (true, ConnectionPhase::Fresh | ConnectionPhase::Head) => {}
            // The last answer may still be in transit.
            (true, ConnectionPhase::Idle) => drop(timeout(limits::EVICTION_GRACE, &mut connection).await),
            (true, ConnectionPhase::Busy) | (false, _) => drop((&mut connection).await),
        }
    }
    let guarded = connection.into_parts().io.into_inner();
    let may_write = !guarded.has_stalled_write();
    let refusal = refusal_of_head(&guarded);
    let mut stream = guarded.into_stream();
    if let Some(bytes) = refusal.filter(|_| may_write) {
        let _ = stream.write_all(&bytes).await;
    }
    if !place.leave.is_cancelled() {
        linger(&mut stream).await;
    }
}

/// Answers a connection that is refused. Only the bytes that the socket accepts at once are written.
pub(super) fn refuse(stream: &TcpStream) {
    let why = "Too many connections of this network are open.";
    let refusal = ApiError::new(ProblemCode::Overloaded).detail(why).retry_after(limits::CROWD_RETRY);
    let _ = stream.try_write(&problem(&refusal));
}

/// The bytes that answer a head that was incomplete at the timeout, or that cannot be read.
fn refusal_of_head(guarded: &Guarded) -> Option<Vec<u8>> {
    let problem = |code| problem(&ApiError::new(code));
    let refused = match (guarded.refused(), guarded.head_refusal()) {
        (None, _) if guarded.is_too_slow() => problem(ProblemCode::RequestTimeout),
        (None, _) => return None,
        (Some(_), Some(HeadRefusal::Http2)) => http_2_refusal(),
        (Some(_), Some(HeadRefusal::Version)) => problem(ProblemCode::HttpVersionNotSupported),
        (Some(_), Some(HeadRefusal::Malformed(why))) => {
            self::problem(&ApiError::new(ProblemCode::MalformedRequest).detail(why))
        }
        (Some(414), None) => problem(ProblemCode::UriTooLong),
        (Some(431), None) => problem(ProblemCode::HeadTooLarge),
        (Some(_), None) => problem(ProblemCode::MalformedRequest),
    };
    Some(refused)
}

/// An empty SETTINGS frame, which a server sends first, then GOAWAY with HTTP_1_1_REQUIRED and the reason as its debug
/// data (RFC 9113 sections 3.4, 6.8 and 7).
fn http_2_refusal() -> Vec<u8> {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    const GOAWAY: u8 = 7;
    const HTTP_1_1_REQUIRED: u8 = 0xd;
    const WHY: &[u8] = b"HTTP/2 is not served here: use HTTP/1.1";
    let mut frames = SETTINGS.to_vec();
    let length = u8::try_from(8 + WHY.len()).unwrap_or(u8::MAX);
    frames.extend([0, 0, length, GOAWAY, 0, 0, 0, 0, 0]);
    frames.extend([0, 0, 0, 0, 0, 0, 0, HTTP_1_1_REQUIRED]);
    frames.extend(WHY);
    frames
}

type Answered = Result<Response, Infallible>;

/// Prepares the answer for hyper; `is_last` closes the connection after it.
fn leaving(answered: Answered, state: ConnectionState, is_last: bool) -> Result<hyper::Response<Leaving>, Infallible> {
    let mut response = answered?;
    if is_last {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    Ok(response.map(|body| Leaving { body, state }))
}

/// A complete error answer. It has no request id, because there is no request.
fn problem(error: &ApiError) -> Vec<u8> {
    let at = ProblemContext { base: "", instance: "", request_id: "" };
    let body = error.document(at).to_string();
    let status = error.status();
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n");
    for (name, value) in frame::ALWAYS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    for (name, value) in error.headers() {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap_or_default()));
    }
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Closes the sending side and discards incoming bytes for a limited time. To close a socket with unread bytes resets
/// it, and the client would lose an answer that was sent before its request was read.
async fn linger(stream: &mut TcpStream) {
    if stream.shutdown().await.is_err() {
        return;
    }
    let throwing_away = async {
        let mut left = limits::LINGER_BYTES_MAX;
        let mut scratch = [0; 8 << 10];
        while left > 0 {
            match stream.read(&mut scratch).await {
                Ok(0) | Err(_) => return,
                Ok(count) => left = left.saturating_sub(count),
            }
        }
    };
    let _ = timeout(limits::LINGER_TIMEOUT, throwing_away).await;
}
