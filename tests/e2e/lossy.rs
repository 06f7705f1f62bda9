//! Fifty devices refresh for a minute through a proxy that loses every tenth answer: no device is logged out.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinSet,
    time::{Instant, interval, timeout},
};

use crate::{api::Api, server::Home};

const DEVICES: usize = 50;
const FOR: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_millis(250);
const PASSWORD: &str = "seven wise otters";

/// The number of answers that were forwarded, answers that were lost, and connections that broke.
#[derive(Default)]
struct Counts {
    answered: AtomicUsize,
    lost: AtomicUsize,
    broken: AtomicUsize,
}

/// Forwards one request per connection to `upstream` and loses every tenth answer: the server has done the work, and
/// its client does not know.
async fn proxy(listener: TcpListener, upstream: String, counts: Arc<Counts>) {
    let mut carried = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let (upstream, counts) = (upstream.clone(), Arc::clone(&counts));
        carried.spawn(async move {
            // A connection that breaks loses an answer too, but is counted separately.
            if carry(client, &upstream, &counts).await.is_err() {
                counts.broken.fetch_add(1, Ordering::Relaxed);
            }
        });
        while carried.try_join_next().is_some() {}
    }
}

async fn carry(mut client: TcpStream, upstream: &str, counts: &Counts) -> std::io::Result<()> {
    let request = message(&mut client).await?;
    let mut server = TcpStream::connect(upstream).await?;
    server.write_all(&request).await?;
    let answer = message(&mut server).await?;
    let number = counts.answered.load(Ordering::Relaxed) + counts.lost.load(Ordering::Relaxed) + 1;
    if number.is_multiple_of(10) {
        counts.lost.fetch_add(1, Ordering::Relaxed);
        return Ok(());
    }
    counts.answered.fetch_add(1, Ordering::Relaxed);
    client.write_all(&answer).await
}

/// A whole message: its head, and a body of the length in the head.
async fn message(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let whole = bytes.windows(4).position(|end| end == b"\r\n\r\n").map(|end| {
            let head = String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase();
            let length = head.lines().find_map(|line| line.strip_prefix("content-length:"));
            end + 4 + length.map_or(0, |length| length.trim().parse::<usize>().unwrap())
        });
        if whole.is_some_and(|whole| bytes.len() >= whole) {
            return Ok(bytes);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
}

/// Refreshes until `end` and returns the number of successes. A lost refresh is repeated with the same token.
async fn device(api: Api, mut token: String, end: Instant) -> usize {
    let mut ticks = interval(EVERY);
    let mut refreshed = 0;
    while Instant::now() < end {
        ticks.tick().await;
        let Ok(answer) = api.refresh(&token).await else { continue };
        token = answer.expect(200).text_of("refreshToken");
        refreshed += 1;
    }
    refreshed
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_answers_log_no_device_out() {
    let mut home = Home::new();
    home.set("edge.rate_limits.enabled", "false");
    home.set("auth.hash.memory_kib", "64");
    home.set("auth.token.algorithm", "EdDSA");
    let server = home.start().await;
    let direct = server.api();
    let id = direct.register("ada@example.com", PASSWORD).await.unwrap().expect(201).text_of("id");
    let code = direct.code("ada@example.com", 10).await.unwrap().unwrap();
    direct.verify(&id, &code).await.unwrap().expect(200);
    let mut tokens = Vec::new();
    for _ in 0..DEVICES {
        let login = direct.login("ada@example.com", PASSWORD).await.unwrap().expect(200);
        tokens.push(login.text_of("refreshToken"));
    }

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let counts = Arc::new(Counts::default());
    let upstream = direct.address().to_owned();
    let through = tokio::spawn(proxy(listener, upstream, Arc::clone(&counts)));

    let end = Instant::now() + FOR;
    let mut devices = JoinSet::new();
    for token in tokens {
        devices.spawn(device(Api::new(&base), token, end));
    }
    let refreshed = timeout(FOR * 2, devices.join_all()).await.expect("the devices end");
    through.abort();
    let lost = counts.lost.load(Ordering::Relaxed);
    let broken = counts.broken.load(Ordering::Relaxed);
    println!(
        "{} refreshes succeeded, {lost} answers were lost, {broken} connections broke",
        refreshed.iter().sum::<usize>()
    );
    assert!(refreshed.iter().all(|times| *times > 10), "{refreshed:?}");
    assert!(lost > DEVICES, "only {lost} answers were lost");
}
