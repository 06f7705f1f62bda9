//! The API as a client uses it.

use std::time::Duration;

use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

/// The answer's body; `Null` for a body that is not JSON.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub body: Value,
    pub text: String,
}

impl Answer {
    /// A JSON member that must exist and be text.
    pub fn text_of(&self, member: &str) -> String {
        let value = self.body[member].as_str();
        value.unwrap_or_else(|| panic!("no `{member}` in {} {}", self.status, self.text)).to_owned()
    }

    /// Panics unless the status is `status`.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}", self.text);
        self
    }
}

pub type Said = Result<Answer, reqwest::Error>;

/// A client of one listener.
#[derive(Clone)]
pub struct Api {
    client: Client,
    base: String,
}

impl Api {
    pub fn new(base: &str) -> Self {
        let client = Client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
        Self { client, base: base.to_owned() }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    pub async fn get(&self, path: &str) -> Said {
        answer(self.request(Method::GET, path)).await
    }

    pub async fn get_as(&self, token: &str, path: &str) -> Said {
        answer(self.request(Method::GET, path).bearer_auth(token)).await
    }

    pub async fn post(&self, path: &str, body: Value) -> Said {
        answer(self.request(Method::POST, path).json(&body)).await
    }

    pub async fn post_as(&self, token: &str, path: &str) -> Said {
        answer(self.request(Method::POST, path).bearer_auth(token)).await
    }

    pub async fn send_as(&self, token: &str, path: &str, body: Value) -> Said {
        answer(self.request(Method::POST, path).bearer_auth(token).json(&body)).await
    }

    pub async fn put_as(&self, token: &str, path: &str, body: Value) -> Said {
        answer(self.request(Method::PUT, path).bearer_auth(token).json(&body)).await
    }

    /// GET with one header more.
    pub async fn get_with(&self, path: &str, header: (&str, &str)) -> Said {
        answer(self.request(Method::GET, path).header(header.0, header.1)).await
    }

    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base))
    }

    pub async fn register(&self, email: &str, password: &str) -> Said {
        self.post("/auth/register", json!({ "email": email, "password": password })).await
    }

    /// The code in the newest mail to `email`; waits up to `seconds` for one.
    pub async fn code(&self, email: &str, seconds: u32) -> Result<Option<String>, reqwest::Error> {
        let answer = self.get(&format!("/dev/inbox?to={email}&wait={seconds}")).await?;
        let mails = answer.body["data"].as_array().cloned().unwrap_or_default();
        Ok(mails.iter().filter_map(|mail| mail["text"].as_str()).find_map(code_in))
    }

    /// Every code in the mails to `email`, newest first; waits up to `seconds` for one.
    pub async fn codes(&self, email: &str, seconds: u32) -> Result<Vec<String>, reqwest::Error> {
        let answer = self.get(&format!("/dev/inbox?to={email}&wait={seconds}")).await?;
        let mails = answer.body["data"].as_array().cloned().unwrap_or_default();
        Ok(mails.iter().filter_map(|mail| mail["text"].as_str()).filter_map(code_in).collect())
    }

    /// Tries a code for the registration `id`.
    pub async fn verify(&self, id: &str, code: &str) -> Said {
        self.post("/auth/verify-email", json!({ "userId": id, "code": code })).await
    }

    /// The id of the newest registration of `email`, from the events on the ops listener.
    pub async fn registration_of(&self, email: &str) -> String {
        let events = self.get("/events?types=user.registered&limit=100").await.unwrap().expect(200).body;
        let rows = events["data"].as_array().cloned().unwrap_or_default();
        let found = rows.iter().rev().find(|event| event["data"]["email"] == email);
        found.unwrap_or_else(|| panic!("no registration of {email}: {events}"))["subject"].as_str().unwrap().to_owned()
    }

    pub async fn login(&self, email: &str, password: &str) -> Said {
        self.post("/auth/login", json!({ "identifier": email, "password": password })).await
    }

    pub async fn refresh(&self, refresh_token: &str) -> Said {
        self.post("/auth/refresh", json!({ "refreshToken": refresh_token })).await
    }
}

async fn answer(request: RequestBuilder) -> Said {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let text = response.text().await?;
    let body = serde_json::from_str(&text).unwrap_or(Value::Null);
    Ok(Answer { status, body, text })
}

/// A code is alone on its line.
fn code_in(text: &str) -> Option<String> {
    let is_code = |line: &&str| line.len() == 6 && line.bytes().all(|byte| byte.is_ascii_digit());
    text.lines().map(str::trim).find(is_code).map(str::to_owned)
}

#[test]
fn a_code_is_found_only_if_it_is_alone_on_its_line() {
    assert_eq!(code_in("Enter\n\n    012345\n\nby 10:15"), Some("012345".to_owned()));
    assert_eq!(code_in("at 123456 o'clock\n1234567\n12345a"), None);
}
