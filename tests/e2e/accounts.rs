//! Accounts under load: what each client knows about its account, and whether a program that was started again agrees.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::interval;

use crate::api::{Answer, Api, Said};

pub const PASSWORD: &str = "seven wise otters";

/// A client's knowledge of a change that it requested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Not,
    /// Requested, without an answer.
    Asked,
    Acknowledged,
}

/// Something that a client learns about its account.
#[derive(Debug, Clone, Serialize, Deserialize)]
enum Fact {
    AskedToRegister,
    Registered {
        id: String,
    },
    Code {
        code: String,
    },
    AskedToVerify,
    Verified,
    /// The answer to a login or a refresh.
    Session {
        token: String,
        refresh_token: String,
    },
    AskedToLogOut,
    LoggedOut,
}

/// A client's knowledge of one account.
#[derive(Debug, Clone)]
pub struct Account {
    email: String,
    registered: Step,
    /// The id and the code of the registration, once the client has them.
    id: Option<String>,
    code: Option<String>,
    verified: Step,
    session: Option<Session>,
    logged_out: Step,
    story: Vec<(u64, Fact)>,
}

/// How the client of an account came to know what it knows; each fact with the position at which it was learnt.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Story {
    pub email: String,
    facts: Vec<(u64, Fact)>,
}

impl Story {
    /// The knowledge at `position`: an answer that arrived later was not received, a later request was not sent.
    pub fn at(&self, position: u64) -> Account {
        let mut account = Account::new(self.email.clone());
        for (at, fact) in self.facts.iter().filter(|(at, _)| *at <= position) {
            account.learn(*at, fact.clone());
        }
        account
    }

    /// The position of the last fact up to `position`; `None`: nothing was known.
    pub fn last_before(&self, position: u64) -> Option<u64> {
        self.facts.iter().map(|(at, _)| *at).filter(|at| *at <= position).max()
    }
}

#[derive(Debug, Clone)]
struct Session {
    token: String,
    refresh_token: String,
}

/// The connection has failed: the program was ended.
#[derive(Debug)]
pub struct Gone;

/// Repeats the request while the answer is 503 or 429, which mean that nothing was changed.
pub async fn acknowledged<F: Future<Output = Said>>(mut send: impl FnMut() -> F) -> Result<Answer, Gone> {
    let mut turn = interval(Duration::from_millis(50));
    loop {
        turn.tick().await;
        let answer = send().await.map_err(|_| Gone)?;
        if ![429, 503].contains(&answer.status) {
            return Ok(answer);
        }
    }
}

/// Why an account is not as its client knows it.
#[derive(Debug)]
pub enum Mismatch {
    Ended,
    Fault(String),
}

impl From<Gone> for Mismatch {
    fn from(_: Gone) -> Self {
        Self::Ended
    }
}

fn mismatch(text: String) -> Mismatch {
    Mismatch::Fault(text)
}

/// The answer, if it has the status.
fn with_status(answer: Answer, status: u16, what: &str) -> Result<Answer, Mismatch> {
    if answer.status == status {
        return Ok(answer);
    }
    Err(mismatch(format!("{what}: {} {}", answer.status, answer.text)))
}

/// What one client does with an account, and the position of its facts.
pub struct Work<'a> {
    pub refreshes: usize,
    pub logs_out: bool,
    /// The current position.
    pub now: &'a (dyn Fn() -> u64 + Send + Sync),
}

impl Account {
    pub fn new(email: String) -> Self {
        let (registered, verified, logged_out) = (Step::Not, Step::Not, Step::Not);
        let (id, code, session) = (None, None, None);
        Self { email, registered, id, code, verified, session, logged_out, story: Vec::new() }
    }

    pub fn email(&self) -> &str {
        &self.email
    }

    pub fn is_known(&self) -> bool {
        self.registered != Step::Not
    }

    pub fn story(self) -> Story {
        Story { email: self.email, facts: self.story }
    }

    fn learn(&mut self, at: u64, fact: Fact) {
        match fact.clone() {
            Fact::AskedToRegister => self.registered = Step::Asked,
            Fact::Registered { id } => {
                self.registered = Step::Acknowledged;
                self.id = Some(id);
            }
            Fact::Code { code } => self.code = Some(code),
            Fact::AskedToVerify => self.verified = Step::Asked,
            Fact::Verified => self.verified = Step::Acknowledged,
            Fact::Session { token, refresh_token } => self.session = Some(Session { token, refresh_token }),
            Fact::AskedToLogOut => self.logged_out = Step::Asked,
            Fact::LoggedOut => self.logged_out = Step::Acknowledged,
        }
        self.story.push((at, fact));
    }

    fn learn_session(&mut self, at: u64, answer: &Answer) -> Session {
        let session = Session { token: answer.text_of("token"), refresh_token: answer.text_of("refreshToken") };
        let Session { token, refresh_token } = session.clone();
        self.learn(at, Fact::Session { token, refresh_token });
        session
    }

    /// From registration to refreshed sessions, and perhaps the logout.
    pub async fn live(&mut self, api: &Api, work: &Work<'_>) -> Result<(), Gone> {
        let now = work.now;
        let email = self.email.clone();
        self.learn(now(), Fact::AskedToRegister);
        let id = acknowledged(|| api.register(&email, PASSWORD)).await?.expect(201).text_of("id");
        self.learn(now(), Fact::Registered { id: id.clone() });
        let code = loop {
            if let Some(code) = api.code(&email, 5).await.map_err(|_| Gone)? {
                break code;
            }
        };
        self.learn(now(), Fact::Code { code: code.clone() });
        self.learn(now(), Fact::AskedToVerify);
        acknowledged(|| api.verify(&id, &code)).await?.expect(200);
        self.learn(now(), Fact::Verified);
        let login = acknowledged(|| api.login(&email, PASSWORD)).await?.expect(200);
        let mut session = self.learn_session(now(), &login);
        for _ in 0..work.refreshes {
            let refreshed = acknowledged(|| api.refresh(&session.refresh_token)).await?.expect(200);
            session = self.learn_session(now(), &refreshed);
        }
        if work.logs_out {
            self.learn(now(), Fact::AskedToLogOut);
            acknowledged(|| api.post_as(&session.token, "/auth/logout")).await?.expect(204);
            self.learn(now(), Fact::LoggedOut);
        }
        Ok(())
    }

    /// Compares the client's knowledge with the answers of a program that was started again.
    pub async fn check(&mut self, api: &Api) -> Result<(), String> {
        match self.checked(api).await {
            Ok(()) => Ok(()),
            Err(Mismatch::Ended) => Err(format!("the program ended while {} was checked", self.email)),
            Err(Mismatch::Fault(fault)) => Err(format!("{}: {fault}; known: {:?}", self.email, self.story)),
        }
    }

    async fn checked(&mut self, api: &Api) -> Result<(), Mismatch> {
        if self.registered == Step::Not {
            return Ok(());
        }
        if self.verified != Step::Acknowledged {
            self.finish(api).await?;
        }
        if let Some(session) = &self.session {
            check_session(api, session, self.logged_out).await?;
        }
        let login = acknowledged(|| api.login(&self.email, PASSWORD)).await?;
        with_status(login, 200, "the login of a verified user").map(|_| ())
    }

    /// An acknowledged registration has its code. One without an answer, whose id the client does not know, may or may
    /// not be stored: it is repeated, and has a code of its own next to that of the first one.
    async fn finish(&mut self, api: &Api) -> Result<(), Mismatch> {
        let id = match self.id.clone() {
            Some(id) => id,
            None => {
                let again = acknowledged(|| api.register(&self.email, PASSWORD)).await?;
                with_status(again, 201, "a registration that is repeated")?.text_of("id")
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
        Err(mismatch(format!("no code proved the address: {tried:?}")))
    }
}

async fn check_session(api: &Api, session: &Session, logged_out: Step) -> Result<(), Mismatch> {
    let profile = api.get_as(&session.token, "/auth/profile").await.map_err(|_| Gone)?;
    let refreshed = acknowledged(|| api.refresh(&session.refresh_token)).await?;
    let answers = format!("{} {}; {} {}", profile.status, profile.text, refreshed.status, refreshed.text);
    let (complaint, good) = match logged_out {
        Step::Not => ("a session is lost", (profile.status, refreshed.status) == (200, 200)),
        Step::Acknowledged => ("an ended session works again", (profile.status, refreshed.status) == (401, 401)),
        Step::Asked => ("the session is half ended", profile.status == refreshed.status),
    };
    if good { Ok(()) } else { Err(mismatch(format!("{complaint}: {answers}"))) }
}
