//! A hundred requests in parallel, to a whole application in memory on real threads; and the facts that an answer must
//! not reveal.

mod budgets;
mod decoys;
mod enumeration;
mod guesses;
mod recovery;
mod refreshes;
mod registrations;
mod versions;

use futures::future::join_all;
use majordomo::config::Config;

use crate::{harness::Answer, test_app::TestApp};

/// An application whose hasher accepts a hundred hashes from one network.
async fn roomy() -> TestApp {
    TestApp::with(make_room).await
}

fn make_room(config: &mut Config) {
    config.auth.hash.queue = 512;
    config.auth.hash.queue_per_network = 512;
}

/// `make(0)` to `make(99)`, each on a task of its own.
async fn hundred<F>(make: impl Fn(usize) -> F) -> Vec<Answer>
where
    F: Future<Output = Answer> + Send + 'static,
{
    let tasks: Vec<_> = (0..100).map(|number| tokio::spawn(make(number))).collect();
    join_all(tasks).await.into_iter().map(Result::unwrap).collect()
}

/// The number of answers with a status.
fn with_status(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status == status).count()
}
