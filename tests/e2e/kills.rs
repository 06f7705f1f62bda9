//! `kill -9` at random instants under load: an acknowledged change is stored, and any other is stored whole or not at
//! all.

use std::time::Duration;

use tokio::time::{interval, timeout};

use crate::api::{Answer, Api, Said};
use crate::server::Home;

const ROUNDS: u64 = 6;
const CLIENTS: u64 = 4;
const PASSWORD: &str = "seven wise otters";
/// The time limit from a start to the first answer, whatever state the kill left.
const READY_WITHIN: Duration = Duration::from_secs(2);

/// A client's knowledge of a change that it requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Not,
    /// Requested, without an answer.
    Asked,
    Acknowledged,
}

/// A client's knowledge of one address.
#[derive(Debug, Clone)]
struct Account {
    email: String,
    registered: Step,
    /// The id and the code of the registration, once the client has them.
    id: Option<String>,
    code: Option<String>,
    verified: Step,
    session: Option<Session>,
    logged_out: Step,
}

#[derive(Debug, Clone)]
struct Session {
    token: String,
    refresh_token: String,
}

impl Session {
    fn of(answer: &Answer) -> Self {
        Self { token: answer.text_of("token"), refresh_token: answer.text_of("refreshToken") }
    }
}

/// The connection has failed: the program was killed.
struct Gone;

/// Repeats the request while the answer is 503 or 429, which mean that nothing was changed.
async fn acknowledged<F: Future<Output = Said>>(mut send: impl FnMut() -> F) -> Result<Answer, Gone> {
    let mut turn = interval(Duration::from_millis(50));
    loop {
        turn.tick().await;
        let answer = send().await.map_err(|_| Gone)?;
        if ![429, 503].contains(&answer.status) {
            return Ok(answer);
        }
    }
}

impl Account {
    fn new(email: String) -> Self {
        let (registered, verified, logged_out) = (Step::Not, Step::Not, Step::Not);
        Self { email, registered, id: None, code: None, verified, session: None, logged_out }
    }

    /// From registration to a refreshed session; every third client logs out again.
    async fn live(&mut self, api: &Api, leaves: bool) -> Result<(), Gone> {
        self.registered = Step::Asked;
        let answer = acknowledged(|| api.register(&self.email, PASSWORD)).await?.expect(201);
        let id = self.id.insert(answer.text_of("id")).clone();
        self.registered = Step::Acknowledged;
        let code = loop {
            if let Some(code) = api.code(&self.email, 5).await.map_err(|_| Gone)? {
                break code;
            }
        };
        self.code = Some(code.clone());
        self.verified = Step::Asked;
        acknowledged(|| api.verify(&id, &code)).await?.expect(200);
        self.verified = Step::Acknowledged;
        let login = acknowledged(|| api.login(&self.email, PASSWORD)).await?.expect(200);
        let session = self.session.insert(Session::of(&login)).clone();
        let refreshed = acknowledged(|| api.refresh(&session.refresh_token)).await?.expect(200);
        let session = self.session.insert(Session::of(&refreshed)).clone();
        if leaves {
            self.logged_out = Step::Asked;
            acknowledged(|| api.post_as(&session.token, "/auth/logout")).await?.expect(204);
            self.logged_out = Step::Acknowledged;
        }
        Ok(())
    }

    /// Compares the client's knowledge with the program's answers after a restart.
    async fn check(&mut self, api: &Api) {
        let unharmed = self.checked(api).await;
        unharmed.unwrap_or_else(|Gone| panic!("the program ended while {} was checked", self.email));
    }

    async fn checked(&mut self, api: &Api) -> Result<(), Gone> {
        if self.registered == Step::Not {
            return Ok(());
        }
        if self.verified != Step::Acknowledged {
            self.finish(api).await?;
        }
        if let Some(session) = &self.session {
            check_session(api, session, self.logged_out).await?;
        }
        acknowledged(|| api.login(&self.email, PASSWORD)).await?.expect(200);
        Ok(())
    }

    /// An acknowledged registration has its code. One without an answer, whose id the client does not know, may or may
    /// not be stored: it is repeated, and has a code of its own next to that of the first one.
    async fn finish(&mut self, api: &Api) -> Result<(), Gone> {
        let id = match self.id.clone() {
            Some(id) => id,
            None => {
                assert_eq!(self.registered, Step::Asked, "the registration of {} is lost", self.email);
                acknowledged(|| api.register(&self.email, PASSWORD)).await?.expect(201).text_of("id")
            }
        };
        let mut tried = Vec::new();
        let mut turn = interval(Duration::from_millis(500));
        for _turn in 0..20 {
            turn.tick().await;
            let codes = match &self.code {
                Some(code) => vec![code.clone()],
                None => api.codes(&self.email, 1).await.map_err(|_| Gone)?,
            };
            for code in codes {
                if tried.contains(&code) {
                    continue;
                }
                let answer = acknowledged(|| api.verify(&id, &code)).await?;
                if answer.status == 200 {
                    self.verified = Step::Acknowledged;
                    return Ok(());
                }
                tried.push(code);
            }
        }
        panic!("no code proved the address of {self:?}: {tried:?}");
    }
}

async fn check_session(api: &Api, session: &Session, logged_out: Step) -> Result<(), Gone> {
    let profile = api.get_as(&session.token, "/auth/profile").await.map_err(|_| Gone)?;
    let refreshed = acknowledged(|| api.refresh(&session.refresh_token)).await?;
    let answers = format!("{} {}; {} {}", profile.status, profile.text, refreshed.status, refreshed.text);
    match logged_out {
        Step::Not => assert_eq!((profile.status, refreshed.status), (200, 200), "a session is lost: {answers}"),
        Step::Acknowledged => {
            assert_eq!((profile.status, refreshed.status), (401, 401), "an ended session works again: {answers}")
        }
        Step::Asked => assert_eq!(profile.status, refreshed.status, "the session is half ended: {answers}"),
    }
    Ok(())
}

/// One client's work until the program ends.
async fn work(api: Api, round: u64, client: u64) -> Vec<Account> {
    let mut accounts = Vec::new();
    for n in 0.. {
        let mut account = Account::new(format!("r{round}c{client}n{n}@example.com"));
        let lived = account.live(&api, n % 3 == 2).await;
        accounts.push(account);
        if lived.is_err() {
            break;
        }
    }
    accounts
}

/// A number of milliseconds from 200 to 2,000, different in each round (splitmix64).
fn instant(seed: u64, round: u64) -> Duration {
    let mut z = seed.wrapping_add(round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    Duration::from_millis(200 + (z ^ (z >> 31)) % 1_800)
}

fn seed() -> u64 {
    let given = std::env::var("MAJORDOMO_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| getrandom::u64().unwrap())
}

async fn check_all(accounts: Vec<Account>, api: &Api) -> Vec<Account> {
    let mut shares: Vec<Vec<Account>> = (0..CLIENTS).map(|_| Vec::new()).collect();
    let shares_count = shares.len();
    for (at, account) in accounts.into_iter().enumerate() {
        shares[at % shares_count].push(account);
    }
    let checks: Vec<_> = shares
        .into_iter()
        .map(|mut share| {
            let api = api.clone();
            tokio::spawn(async move {
                for account in &mut share {
                    account.check(&api).await;
                }
                share
            })
        })
        .collect();
    let mut checked = Vec::new();
    for check in checks {
        checked.extend(check.await.unwrap());
    }
    checked
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledged_changes_are_stored_and_no_change_is_stored_in_part() {
    let seed = seed();
    println!("MAJORDOMO_TEST_SEED={seed}");
    let mut home = Home::new();
    home.set("edge.rate_limits.enabled", "false");
    // By default the issuer is the listener's address, whose port differs after each start here.
    home.set("auth.issuer", "http://majordomo.localhost");
    let mut verified = Vec::new();
    let mut server = home.start().await;
    for round in 0..ROUNDS {
        let clients: Vec<_> = (0..CLIENTS).map(|client| tokio::spawn(work(server.api(), round, client))).collect();
        assert!(timeout(instant(seed, round), std::future::pending::<()>()).await.is_err());
        server.kill().await;
        let mut accounts = Vec::new();
        for client in clients {
            accounts.extend(client.await.unwrap());
        }

        let check = home.run(&["store", "check"]).await;
        assert!(check.status.success(), "round {round}: {}", String::from_utf8_lossy(&check.stderr));
        server = home.start().await;
        println!("round {round}: {} accounts, ready after {:?}", accounts.len(), server.ready_after);
        assert!(server.ready_after <= READY_WITHIN, "ready only after {:?}", server.ready_after);
        verified.extend(check_all(accounts, &server.api()).await);
    }
    let api = server.api();
    for account in verified.iter().filter(|account| account.registered != Step::Not) {
        let login = acknowledged(|| api.login(&account.email, PASSWORD)).await;
        login.unwrap_or_else(|Gone| panic!("the program ended")).expect(200);
    }
    server.ask_to_stop();
    assert_eq!(server.ended(Duration::from_secs(8)).await.0.code(), Some(0));
    let check = home.run(&["store", "check"]).await;
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stderr));
}
