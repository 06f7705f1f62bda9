//! Planted secrets: a secret of a user is in no file, no log line and no answer.

use std::fs;
use std::path::Path;
use std::time::Duration;

use serde_json::json;

use crate::{
    api::Api,
    server::{Home, Server, until},
};

const PASSWORD: &str = "Velvet-Anchor-7731-Quince";
const WRONG_PASSWORD: &str = "Copper-Lantern-4402-Fjord";
const NEXT_PASSWORD: &str = "Marble-Kestrel-5590-Tundra";
const ADMINS_PASSWORD: &str = "Saffron-Gable-2286-Heron";
const EMAIL: &str = "grace.planted@example.com";

/// A secret that must not be found, and its name.
struct Planted {
    what: &'static str,
    bytes: Vec<u8>,
    /// Digits also occur inside longer numbers; such a match is not counted.
    stands_alone: bool,
}

impl Planted {
    fn new(what: &'static str, text: &str) -> Self {
        Self { what, bytes: text.as_bytes().to_vec(), stands_alone: text.bytes().all(|byte| byte.is_ascii_digit()) }
    }

    /// The place with the text around it, if the secret is found.
    fn found_in(&self, place: &[u8]) -> Option<String> {
        let length = self.bytes.len();
        let mut windows = place.windows(length).enumerate();
        let found = |at: usize, window: &[u8]| window == self.bytes && (!self.stands_alone || alone(place, at, length));
        let at = windows.find(|(at, window)| found(*at, window))?.0;
        let around = &place[at.saturating_sub(200)..(at + length + 40).min(place.len())];
        Some(String::from_utf8_lossy(around).into_owned())
    }
}

fn alone(place: &[u8], at: usize, length: usize) -> bool {
    let part = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || b".#-".contains(byte));
    !part(at.checked_sub(1).and_then(|before| place.get(before))) && !part(place.get(at + length))
}

fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            let mut bytes = fs::read(&path).unwrap();
            // The journal is preallocated with zeros.
            let written = bytes.iter().rposition(|&byte| byte != 0).map_or(0, |last| last + 1);
            bytes.truncate(written);
            found.push((path.display().to_string(), bytes));
        }
    }
}

/// The code that is mailed to a person whom an administrator invites.
async fn invited(home: &Home, server: &Server, api: &Api) -> String {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), ADMINS_PASSWORD).unwrap();
    let file = outside.path().to_string_lossy().into_owned();
    let made = ["user", "create-admin", "--email", "root@example.com", "--password-file", &file];
    let made = home.run_beside(server, &made).await;
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let root = api.login("root@example.com", ADMINS_PASSWORD).await.unwrap().expect(200).text_of("token");
    let guest = json!({ "email": "guest@example.com" });
    api.send_as(&root, "/invitations", guest).await.unwrap().expect(201);
    let inbox = api.get("/dev/inbox?to=guest@example.com&wait=10").await.unwrap().expect(200);
    let text = inbox.body["data"][0]["text"].as_str().expect("no invitation arrived").to_owned();
    let code = text.lines().map(str::trim).find(|line| line.len() == 19 && line.matches('-').count() == 3);
    code.expect("no code is in the mail").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_secrets_are_not_found() {
    let mut home = Home::new();
    home.set("log.level", "trace");
    let server = home.start().await;
    let (api, ops) = (server.api(), server.ops_api());
    let mut places: Vec<(String, Vec<u8>)> = Vec::new();

    let registered = api.register(EMAIL, PASSWORD).await.unwrap().expect(201);
    let code = api.code(EMAIL, 10).await.unwrap().expect("no code arrived");
    let wrong_code = if code == "901734" { "901735" } else { "901734" };
    let refused = api.verify(&registered.text_of("id"), wrong_code).await.unwrap().expect(422);
    let verified = api.verify(&registered.text_of("id"), &code).await.unwrap().expect(200);
    let denied = api.login(EMAIL, WRONG_PASSWORD).await.unwrap().expect(401);
    let login = api.login(EMAIL, PASSWORD).await.unwrap().expect(200);
    let (token, refresh_token) = (login.text_of("token"), login.text_of("refreshToken"));
    let refreshed = api.refresh(&refresh_token).await.unwrap().expect(200);
    let profile = api.get_as(&token, "/auth/profile").await.unwrap().expect(200);
    let forgot = api.post("/auth/password/forgot", json!({ "email": EMAIL })).await.unwrap().expect(202);
    let reset_code =
        until(Duration::from_secs(10), || async { api.code(EMAIL, 1).await.ok()?.filter(|newest| *newest != code) });
    let reset_code = reset_code.await.expect("no reset code arrived");
    let reset = json!({ "email": EMAIL, "code": reset_code, "newPassword": NEXT_PASSWORD });
    let reset = api.post("/auth/password/reset", reset).await.unwrap().expect(204);
    let ended = api.get_as(&token, "/auth/profile").await.unwrap().expect(401);
    let answers = [registered, refused, verified, denied, profile, forgot, reset, ended];
    places.extend(answers.into_iter().map(|answer| ("an answer".to_owned(), answer.text.into_bytes())));
    let invitation = invited(&home, &server, &api).await;
    for path in ["/actors", "/health", "/metrics", "/events?limit=100", "/store"] {
        let answer = ops.get(path).await.unwrap();
        places.push((format!("{path} ({})", answer.status), answer.text.into_bytes()));
    }

    let snapshot = home.path().join("copy.snapshot");
    let taken = home.run_beside(&server, &["snapshot", "create", &snapshot.to_string_lossy()]).await;
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    server.ask_to_stop();
    let (_, written) = server.ended(Duration::from_secs(8)).await;
    assert!(written.contains("TRACE") || written.contains("DEBUG"), "the log says little:\n{written}");
    places.push(("the log".to_owned(), written.into_bytes()));
    files(home.path(), &mut places);
    assert!(places.iter().any(|(name, bytes)| name.contains("journal") && !bytes.is_empty()), "no journal was read");

    let signature = |token: &str| token.rsplit('.').next().unwrap().to_owned();
    let planted = [
        Planted::new("the password", PASSWORD),
        Planted::new("a wrong password", WRONG_PASSWORD),
        Planted::new("the code", &code),
        Planted::new("a wrong code", wrong_code),
        Planted::new("the reset code", &reset_code),
        Planted::new("the next password", NEXT_PASSWORD),
        Planted::new("the access token", &signature(&token)),
        Planted::new("the refresh token", &refresh_token),
        Planted::new("the next access token", &signature(&refreshed.text_of("token"))),
        Planted::new("the next refresh token", &refreshed.text_of("refreshToken")),
        Planted::new("the administrator's password", ADMINS_PASSWORD),
        Planted::new("the invitation", &invitation),
        Planted::new("the device token", &login.text_of("deviceToken")),
    ];
    for (place, bytes) in &places {
        for secret in &planted {
            let found = secret.found_in(bytes);
            assert!(found.is_none(), "{} is in {place}: {}", secret.what, found.unwrap_or_default());
        }
    }
}

#[test]
fn a_planted_secret_can_be_found() {
    let code = Planted::new("code", "012345");
    assert!(code.found_in(b"your code: 012345\n").is_some());
    assert!(code.found_in(b"at 10:15:00.012345Z in 9012345 and #012345").is_none());
    assert!(Planted::new("password", "otters").found_in(b"\x00\x07otters\x01").is_some());
}
