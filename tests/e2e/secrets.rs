//! Planted secrets: a secret of a user is in no file, no log line and no answer.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt,
    path::Path,
    time::Duration,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    api::Api,
    server::{Home, Server, until},
};

const PASSWORD: &str = "Velvet-Anchor-7731-Quince";
const WRONG_PASSWORD: &str = "Copper-Lantern-4402-Fjord";
const NEXT_PASSWORD: &str = "Marble-Kestrel-5590-Tundra";
const ADMINS_PASSWORD: &str = "Saffron-Gable-2286-Heron";
const PEPPER: &str = "Granite-Lagoon-9147-Thistle-and-more";
const SMTP_PASSWORD: &str = "Walnut-Prairie-3358-Ember";
/// A cookie, and a token that is none.
const HEADER: &str = "Juniper-Cascade-6619-Opal";
const QUERY: &str = "Meadow-Falcon-8824-Rust";
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

/// A program whose settings hold secrets, and the secrets planted in it.
struct Planting {
    home: Home,
    /// Files that the settings name; outside of the directory that is searched.
    _files: TempDir,
    planted: Vec<Planted>,
    /// The searched texts, with their names.
    places: Vec<(String, Vec<u8>)>,
}

impl Planting {
    fn new() -> Self {
        let (mut home, files) = (Home::new(), tempfile::tempdir().unwrap());
        let pepper = files.path().join("pepper");
        fs::write(&pepper, PEPPER).unwrap();
        fs::set_permissions(&pepper, Permissions::from_mode(0o600)).unwrap();
        home.set("secrets.pepper_file", &pepper.to_string_lossy());
        home.set("notify.email.smtp_url", &format!("smtp://mailer:{SMTP_PASSWORD}@127.0.0.1:2525"));
        home.set("notify.email.app_url", "https://app.example.org");
        home.set("log.directory", "logs");
        let planted = vec![
            Planted::new("the pepper", PEPPER),
            Planted::new("the mail server's password", SMTP_PASSWORD),
            Planted::new("the administrator's password", ADMINS_PASSWORD),
            Planted::new("a header", HEADER),
            Planted::new("a query", QUERY),
        ];
        Self { home, _files: files, planted, places: Vec::new() }
    }

    fn plant(&mut self, what: &'static str, text: &str) {
        assert!(!text.is_empty(), "{what}");
        self.planted.push(Planted::new(what, text));
    }

    fn search_in(&mut self, place: impl Into<String>, bytes: impl Into<Vec<u8>>) {
        self.places.push((place.into(), bytes.into()));
    }

    /// Sends headers and queries that contain secrets that no log may contain.
    async fn ask_with_secrets(&mut self, api: &Api, ops: &Api) {
        let bearer = format!("Bearer {HEADER}");
        for header in [("cookie", format!("session={HEADER}")), ("authorization", bearer)] {
            for path in ["/auth/profile", "/nothing", "/health"] {
                let answer = api.get_with(path, (header.0, &header.1)).await.unwrap();
                self.search_in(format!("{path} with {}", header.0), answer.text);
            }
        }
        for path in ["/auth/profile", "/nothing", "/health", "/users"] {
            for listener in [api, ops] {
                // The name of an unknown parameter is answered to its sender, its value is not.
                let answer = listener.get(&format!("{path}?token={QUERY}&search={QUERY}")).await.unwrap();
                self.search_in(format!("{path} with a query"), answer.text);
            }
        }
    }

    /// Requests the pages of operators.
    async fn read_operations(&mut self, ops: &Api, control: &str) {
        let paths = ["/actors", "/actors/auth", "/health", "/health/store", "/health/mail", "/metrics", "/log/level"];
        let lists = ["/events?limit=100", "/events/subscribers", "/events/dead-letters", "/audit?limit=100"];
        for path in paths.into_iter().chain(lists) {
            let answer = ops.get_as(control, path).await.unwrap().expect(200);
            self.search_in(path, answer.text);
        }
    }

    async fn read_settings(&mut self) {
        for command in [&["config", "print"][..], &["config", "check"], &["config", "explain", "notify.email.smtp_url"]]
        {
            let output = self.home.run(command).await;
            self.search_in(format!("{command:?}"), [output.stdout, output.stderr].concat());
        }
    }

    /// Searches every remaining file, and its name.
    fn read_files(&mut self) {
        let mut found = Vec::new();
        files(self.home.path(), &mut found);
        for (name, bytes) in found {
            self.search_in("the name of a file", name.clone());
            self.search_in(name, bytes);
        }
    }

    fn assert_nothing_is_found(&self) {
        for (place, bytes) in &self.places {
            for secret in &self.planted {
                let found = secret.found_in(bytes);
                assert!(found.is_none(), "{} is in {place}: {}", secret.what, found.unwrap_or_default());
            }
        }
    }
}

/// Registers, verifies, logs in and resets the password, right and wrong.
async fn sign_in_and_out(planting: &mut Planting, api: &Api) {
    let registered = api.register(EMAIL, PASSWORD).await.unwrap().expect(201);
    let code = api.code(EMAIL, 10).await.unwrap().expect("no code arrived");
    let link = link_secret(api).await;
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
    for answer in [registered, refused, verified, denied, profile, forgot, reset, ended] {
        planting.search_in("an answer", answer.text);
    }
    planting.plant("the password", PASSWORD);
    planting.plant("a wrong password", WRONG_PASSWORD);
    planting.plant("the next password", NEXT_PASSWORD);
    planting.plant("the code", &code);
    planting.plant("the secret of a link", &link);
    planting.plant("a wrong code", wrong_code);
    planting.plant("the reset code", &reset_code);
    planting.plant("the access token", signature(&token));
    planting.plant("the refresh token", &refresh_token);
    planting.plant("the next access token", signature(&refreshed.text_of("token")));
    planting.plant("the next refresh token", &refreshed.text_of("refreshToken"));
    planting.plant("the device token", &login.text_of("deviceToken"));
}

/// The secret part of a signed token; the other parts are in answers to its user.
fn signature(token: &str) -> &str {
    token.rsplit('.').next().unwrap()
}

/// The secret of the link in the newest mail.
async fn link_secret(api: &Api) -> String {
    let inbox = api.get(&format!("/dev/inbox?to={EMAIL}")).await.unwrap().expect(200);
    let text = inbox.body["data"][0]["text"].as_str().unwrap().to_owned();
    let (_, after) = text.split_once("secret=").unwrap_or_else(|| panic!("no link is in {text}"));
    after
        .split(|character: char| !(character.is_ascii_alphanumeric() || "-_".contains(character)))
        .next()
        .unwrap()
        .into()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planted_secrets_are_not_found() {
    let mut planting = Planting::new();
    let server = planting.home.start().await;
    let (api, ops) = (server.api(), server.ops_api());
    let control = fs::read_to_string(planting.home.store().join("control.token")).unwrap().trim().to_owned();
    planting.plant("the control token", &control);
    let loudest = json!({ "level": "trace", "for": "PT1H" });
    ops.put_as(&control, "/log/level", loudest).await.unwrap().expect(200);

    sign_in_and_out(&mut planting, &api).await;
    let invitation = invited(&planting.home, &server, &api).await;
    planting.plant("the invitation", &invitation);
    planting.ask_with_secrets(&api, &ops).await;
    planting.read_operations(&ops, &control).await;
    planting.read_settings().await;
    let snapshot = planting.home.path().join("copy.snapshot");
    let taken = planting.home.run_beside(&server, &["snapshot", "create", &snapshot.to_string_lossy()]).await;
    assert!(taken.status.success(), "{}", String::from_utf8_lossy(&taken.stderr));
    planting.search_in("snapshot create", [taken.stdout, taken.stderr].concat());
    server.ask_to_stop();
    let (_, written) = server.ended(Duration::from_secs(8)).await;

    let combined = fs::read_to_string(planting.home.path().join("logs/combined.log")).unwrap();
    for log in [&written, &combined] {
        assert!(log.contains("TRACE") || log.contains("DEBUG"), "the log says little:\n{log}");
    }
    planting.search_in("standard error", written);
    planting.read_files();
    for file in ["journal/", "logs/combined.", "logs/error.", "copy.snapshot"] {
        let is_read = planting.places.iter().any(|(name, bytes)| name.contains(file) && !bytes.is_empty());
        assert!(is_read, "no {file} was read");
    }
    planting.assert_nothing_is_found();
}

#[test]
fn a_planted_secret_can_be_found() {
    let code = Planted::new("code", "012345");
    assert!(code.found_in(b"your code: 012345\n").is_some());
    assert!(code.found_in(b"at 10:15:00.012345Z in 9012345 and #012345").is_none());
    assert!(Planted::new("password", "otters").found_in(b"\x00\x07otters\x01").is_some());
}
