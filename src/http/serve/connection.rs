//! One connection, from its first byte to its close.

use std::{convert::Infallible, future::poll_fn, net::SocketAddr, pin::Pin};

use axum::{Router, body::Body, http::StatusCode, response::Response};
use futures::FutureExt;
use hyper::{Request, body::Incoming, server::conn::http1, service::service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::{
    Timeouts,
    connection_state::{Arriving, ConnectionPhase, ConnectionState, Leaving},
    guarded::Guarded,
};
use crate::{
    http::{
        context::Peer,
        error::{ApiError, ProblemCode, ProblemContext},
        middleware::frame,
    },
    types::limits,
};

/// What all connections of a listener share.
pub(super) struct ConnectionContext {
    pub(super) router: Router,
    pub(super) timeouts: Timeouts,
    pub(super) stop: CancellationToken,
}

/// Serves the requests of `stream` until either side ends it.
pub(super) async fn run(stream: TcpStream, peer: SocketAddr, context: &ConnectionContext) {
    // Answers are small and written at once; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    let state = ConnectionState::default();
    let io = TokioIo::new(Guarded::new(stream, state.clone(), context.timeouts.clone()));
    let service = {
        let (state, router, gap) = (state.clone(), context.router.clone(), context.timeouts.body_gap);
        service_fn(move |request: Request<Incoming>| {
            state.enter(ConnectionPhase::Busy);
            let mut request = request.map(|body| Body::new(Arriving::new(body, gap)));
            request.extensions_mut().insert(Peer(peer));
            let state = state.clone();
            router.clone().oneshot(request).map(move |answered| close_after(answered, state)).boxed()
        })
    };
    // hyper's own timeout is never met, since the socket's come first; but only with it does hyper look at the socket
    // again after an answer, so that the idle timeout starts.
    let unmet = context.timeouts.head + context.timeouts.idle;
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(unmet)
        .max_buf_size(limits::HEADERS_MAX)
        .max_header_size(limits::HEADERS_MAX)
        .max_headers(limits::HEADER_COUNT_MAX)
        .serve_connection(io, service);

    let mut serving = poll_fn(|cx| connection.poll_unpin(cx));
    let ended = match context.stop.run_until_cancelled(&mut serving).await {
        Some(ended) => ended,
        None => {
            drop(serving);
            Pin::new(&mut connection).graceful_shutdown();
            (&mut connection).await
        }
    };
    let guarded = connection.into_parts().io.into_inner();
    let too_slow = ended.as_ref().is_err_and(is_timeout) && state.phase() == ConnectionPhase::Head;
    let may_write = !guarded.has_stalled_write();
    let refusal = match guarded.refused() {
        Some(414) => Some(ProblemCode::UriTooLong),
        Some(431) => Some(ProblemCode::HeadTooLarge),
        Some(_) => Some(ProblemCode::MalformedRequest),
        None => too_slow.then_some(ProblemCode::RequestTimeout),
    };
    let mut stream = guarded.into_stream();
    if let Some(code) = refusal.filter(|_| may_write) {
        let _ = stream.write_all(&refusal_of_head(code)).await;
    }
    linger(&mut stream).await;
}

type Answered = Result<Response, Infallible>;

fn close_after(answered: Answered, state: ConnectionState) -> Result<hyper::Response<Leaving>, Infallible> {
    answered.map(|response| response.map(|body| Leaving { body, state }))
}

fn is_timeout(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<std::io::Error>());
    cause.is_some_and(|io| io.kind() == std::io::ErrorKind::TimedOut)
}

/// The answer to a head that did not come to its end, or cannot be read. There is no request, so there is no id to
/// name.
fn refusal_of_head(code: ProblemCode) -> Vec<u8> {
    let at = ProblemContext { base: "", instance: "", request_id: "" };
    let body = ApiError::new(code).document(at).to_string();
    let status = StatusCode::from_u16(code.row().status).unwrap_or(StatusCode::BAD_REQUEST);
    let mut head = format!("HTTP/1.1 {status}\r\ncontent-type: application/problem+json\r\nconnection: close\r\n");
    for (name, value) in frame::ALWAYS {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

/// Says that no more comes, and throws away what still arrives for a moment: closing a socket with unread bytes resets
/// it, and the client would lose the answer it was given before its request was read.
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
    let _ = tokio::time::timeout(limits::LINGER_TIMEOUT, throwing_away).await;
}
