//! Authentication, permissions, rate limits and security headers.

use std::{cell::RefCell, collections::BTreeSet, future::pending, sync::Once, time::Duration};

use axum::body::Body;
use majordomo::{
    config::{Config, Mode},
    domain::access::Permission,
    http::{
        ApiError, Fields, FromFields, Json, ProblemCode, SignedIn,
        credential::ControlToken,
        route::{Access, Class, Listener, On, Route, row},
        routes as product,
        services::EdgeContext,
        trust::{Forwarded, ForwardedHeaders},
    },
    types::{CallContext, Caller, Invalid, Secret},
};
use serde_json::{Value, json};
use utoipa_axum::routes;

use crate::harness::{Client, services_of};

#[utoipa::path(get, path = "/open", operation_id = "show_open", responses((status = 200)))]
async fn open(context: CallContext) -> Json<Value> {
    let caller = match &context.caller {
        Caller::Anonymous => "anonymous",
        Caller::User(_) => "user",
        Caller::Operator => "operator",
        Caller::Service(_) => "house",
    };
    Json(json!({ "caller": caller, "client": context.client.map(|ip| ip.to_string()), "agent": context.user_agent }))
}

#[utoipa::path(post, path = "/login", operation_id = "log_in", responses((status = 200)))]
async fn login() -> Result<Json<()>, ApiError> {
    Err(ApiError::new(ProblemCode::InvalidCredentials))
}

#[utoipa::path(get, path = "/own", operation_id = "show_own", responses((status = 200)))]
async fn own(SignedIn(principal): SignedIn) -> Json<String> {
    Json(principal.user.to_string())
}

#[utoipa::path(get, path = "/stats", operation_id = "show_stats", responses((status = 200)))]
async fn stats(context: CallContext) -> Json<String> {
    Json(format!("{:?}", context.caller))
}

#[utoipa::path(post, path = "/restart", operation_id = "restart_it", responses((status = 200)))]
async fn restart(context: CallContext) -> Json<String> {
    Json(format!("{:?}", context.caller))
}

#[utoipa::path(get, path = "/dev/inbox", operation_id = "list_inbox", responses((status = 200)))]
async fn inbox() -> Json<()> {
    Json(())
}

#[utoipa::path(get, path = "/crash", operation_id = "crash_it", responses((status = 200)))]
async fn crash() -> Json<()> {
    panic!("the inside")
}

#[derive(utoipa::ToSchema)]
struct Newcomer(String);

impl FromFields for Newcomer {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        body.required("name").text(|name| Ok(name.to_owned())).map(Self)
    }
}

#[utoipa::path(post, path = "/enrol", operation_id = "enrol", responses((status = 200)))]
async fn enrol(Json(Newcomer(name)): Json<Newcomer>) -> Result<Json<()>, ApiError> {
    if name == "invited" {
        let why = Invalid::new("invitation_invalid", "is not a code that lets this address register");
        return Err(ApiError::invalid(vec![why.at("/invitation")]));
    }
    Ok(Json(()))
}

#[utoipa::path(get, path = "/stuck", operation_id = "show_stuck", responses((status = 200)))]
async fn stuck() -> Json<()> {
    pending().await
}

fn table() -> Vec<Route> {
    let read = Access::Needs(Permission::ReadOperations);
    let operate = Access::Needs(Permission::Operate);
    vec![
        row(On::Both, Access::Anonymous, Class::Standard, routes!(open)),
        row(On::Public, Access::Anonymous, Class::Login, routes!(login)),
        row(On::Public, Access::Needs(Permission::UseOwnAccount), Class::Standard, routes!(own)),
        row(On::Ops, read, Class::Standard, routes!(stats)),
        row(On::Ops, operate, Class::Standard, routes!(restart)),
        row(On::Public, Access::Development, Class::Standard, routes!(inbox)),
        row(On::Public, Access::Anonymous, Class::Exempt, routes!(stuck)),
        row(On::Public, Access::Needs(Permission::UseOwnAccount), Class::Standard, routes!(crash)),
        row(On::Public, Access::Anonymous, Class::Register, routes!(enrol)),
    ]
}

/// Behind a proxy on the same machine.
fn production() -> Config {
    let mut config = Config { mode: Mode::Production, ..Config::default() };
    config.edge.trusted_proxies = vec!["127.0.0.1".parse().unwrap()];
    config
}

fn on(listener: Listener, config: &Config) -> Client {
    let control = ControlToken::new(Secret::new("control-token"));
    Client::of_listener(table(), listener, services_of(config, control))
}

fn public() -> Client {
    on(Listener::Public, &Config::default())
}

#[tokio::test]
async fn a_permission_is_asked_of_whoever_calls() {
    assert_eq!(public().get("/own").await.problem(), "unauthenticated");
    assert_eq!(public().signed_in("user").get("/own").await.status, 200);
    assert_eq!(public().signed_in("expired").get("/own").await.problem(), "token_expired");
    let refused = on(Listener::Ops, &production()).signed_in("user").get("/stats").await;
    assert_eq!((refused.status, refused.problem()), (403, "forbidden"));
    assert_eq!(refused.body["permission"], "read_operations");
    assert_eq!(on(Listener::Ops, &production()).signed_in("support").get("/stats").await.status, 200);
}

#[tokio::test]
async fn a_listener_answers_its_own_routes_only() {
    assert_eq!(public().signed_in("admin").get("/stats").await.problem(), "not_found");
    assert_eq!(on(Listener::Ops, &Config::default()).signed_in("user").get("/own").await.problem(), "not_found");
    assert_eq!(on(Listener::Public, &production()).get("/dev/inbox").await.problem(), "not_found");
}

#[tokio::test]
async fn a_stale_token_does_not_close_an_open_door() {
    assert_eq!(public().signed_in("expired").get("/open").await.body["caller"], "anonymous");
    assert_eq!(public().signed_in("user").get("/open").await.body["caller"], "user");
}

#[tokio::test]
async fn the_control_token_is_an_operator_on_the_ops_listener_only() {
    let ops = on(Listener::Ops, &production());
    assert_eq!(ops.signed_in("control-token").send("POST", "/restart", Body::empty()).await.body, "Operator");
    for wrong in ["control-toke", "control-token2", "xontrol-token", ""] {
        let answer = ops.signed_in(wrong).send("POST", "/restart", Body::empty()).await;
        assert_eq!(answer.status, 401, "{wrong}");
    }
    assert_eq!(public().signed_in("control-token").get("/own").await.problem(), "invalid_token");
}

#[tokio::test]
async fn in_development_the_machine_itself_may_read_but_not_change() {
    let ops = on(Listener::Ops, &Config::default());
    assert_eq!(ops.get("/stats").await.body, "Anonymous");
    assert_eq!(ops.send("POST", "/restart", Body::empty()).await.problem(), "unauthenticated");
    assert_eq!(on(Listener::Ops, &production()).get("/stats").await.problem(), "unauthenticated");
    assert_eq!(ops.signed_in("wrong").get("/stats").await.problem(), "invalid_token");
    for outsider in outsiders(&ops) {
        assert_eq!(outsider.get("/stats").await.problem(), "unauthenticated");
    }
}

/// Clients that are not direct loopback requests.
fn outsiders(client: &Client) -> Vec<Client> {
    vec![
        client.at("192.0.2.1"),
        client.with("host", "evil.example"),
        client.with("host", "127.0.0.1.evil.example:8080"),
        client.with("x-forwarded-for", "127.0.0.1"),
        client.with("forwarded", "for=127.0.0.1"),
        client.with("via", "1.1 proxy"),
        client.with("x-forwarded-server", "proxy.example"),
        client.with("origin", "https://evil.example"),
        client.with("origin", "null"),
        client.with("sec-fetch-site", "cross-site"),
        client.with("sec-fetch-site", "same-site"),
    ]
}

#[tokio::test]
async fn the_inbox_is_for_this_machine_alone() {
    assert_eq!(public().get("/dev/inbox").await.status, 200);
    assert_eq!(public().with("sec-fetch-site", "none").get("/dev/inbox").await.status, 200);
    assert_eq!(public().with("origin", "http://127.0.0.1:8080").get("/dev/inbox").await.status, 200);
    for outsider in outsiders(&public()) {
        let answer = outsider.get("/dev/inbox").await;
        assert_eq!(answer.status, 403);
        assert!(["loopback_only", "cross_site"].contains(&answer.problem()), "{answer:?}");
    }
}

#[tokio::test]
async fn requests_that_prove_nobody_are_counted_by_address() {
    let client = public();
    let first = client.get("/open").await;
    assert_eq!(first.header("ratelimit-policy"), "\"anonymous\";q=100;w=60");
    assert_eq!(first.header("ratelimit"), "\"anonymous\";r=99;t=1");
    for n in 0..99 {
        let path = ["/open", "/no/such/path"][n % 2];
        let client = if n % 3 == 0 { client.signed_in("guess") } else { client.clone() };
        assert_ne!(client.get(path).await.status, 429, "{n}");
    }
    for path in ["/open", "/no/such/path"] {
        let refused = client.get(path).await;
        assert_eq!((refused.status, refused.problem()), (429, "rate_limited"));
        assert_eq!(refused.header("retry-after"), "1");
        assert_eq!(refused.header("ratelimit"), "\"anonymous\";r=0;t=60");
    }
    assert_eq!(client.signed_in("guess").get("/own").await.problem(), "rate_limited");
    assert_eq!(client.at("192.0.2.1").get("/open").await.status, 200);
    // A user behind the same address has a separate count.
    let user = client.signed_in("user").get("/own").await;
    assert_eq!((user.status, user.header("ratelimit")), (200, "\"authenticated\";r=299;t=1"));
}

#[tokio::test]
async fn logins_are_counted_whoever_asks() {
    let client = public();
    for _ in 0..10 {
        assert_eq!(client.signed_in("user").send("POST", "/login", Body::empty()).await.status, 401);
    }
    let refused = client.send("POST", "/login", Body::empty()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "6"));
    assert_eq!(client.get("/open").await.status, 200);
}

#[tokio::test]
async fn an_idempotency_key_is_refused_rather_than_ignored() {
    let keyed = public().with("idempotency-key", "4711");
    for client in [keyed.clone(), keyed.signed_in("user")] {
        let refused = client.send("POST", "/login", Body::empty()).await;
        assert_eq!((refused.status, refused.problem()), (400, "idempotency_not_supported"));
        assert_eq!(client.get("/open").await.status, 200, "a reading changes nothing anyhow");
    }
    let known = on(Listener::Ops, &production()).signed_in("control-token").with("idempotency-key", "4711");
    let refused = known.send("POST", "/restart", Body::empty()).await;
    assert_eq!((refused.status, refused.problem()), (400, "idempotency_not_supported"));
}

#[tokio::test]
async fn counting_can_be_switched_off() {
    let mut config = Config::default();
    config.edge.rate_limits.enabled = false;
    let client = on(Listener::Public, &config);
    for _ in 0..200 {
        let answer = client.get("/open").await;
        assert_eq!((answer.status, answer.header("ratelimit")), (200, ""));
    }
}

#[tokio::test]
async fn the_client_is_who_trusted_proxies_say() {
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let client = on(Listener::Public, &config).with("x-forwarded-for", "1.1.1.1, 198.51.100.7");
    let behind = client.at("10.0.0.1").with("user-agent", "tests").get("/open").await;
    assert_eq!(behind.body, json!({ "caller": "anonymous", "client": "198.51.100.7", "agent": "tests" }));
    assert_eq!(client.at("192.0.2.9").get("/open").await.body["client"], "192.0.2.9");
}

#[tokio::test]
async fn answers_carry_the_headers_that_browsers_heed() {
    for path in ["/open", "/no/such/path", "/own"] {
        let answer = public().get(path).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert_eq!(answer.header("referrer-policy"), "no-referrer");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        assert_eq!(answer.header("cache-control"), "no-store");
        assert_eq!(answer.header("strict-transport-security"), "");
    }
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.1".parse().unwrap()];
    let over_tls = on(Listener::Public, &config).at("10.0.0.1").with("x-forwarded-proto", "https");
    assert!(over_tls.get("/open").await.header("strict-transport-security").starts_with("max-age="));
}

#[tokio::test]
async fn other_origins_may_call_only_if_they_are_listed() {
    let answer = public().with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(answer.header("access-control-allow-origin"), "http://localhost:5173");
    assert_eq!(answer.header("access-control-allow-credentials"), "");
    for origin in ["https://evil.example", "null", "http://localhost.evil.example", "http://localhost:99999"] {
        let answer = public().with("origin", origin).get("/open").await;
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""), "{origin}");
    }
    let local = on(Listener::Public, &production()).with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(local.header("access-control-allow-origin"), "");
    let ops = on(Listener::Ops, &Config::default()).with("origin", "http://localhost:5173").get("/open").await;
    assert_eq!(ops.header("access-control-allow-origin"), "");
    let inbox = public().with("origin", "http://localhost:5173").get("/dev/inbox").await;
    assert_eq!((inbox.status, inbox.header("access-control-allow-origin")), (403, ""));
}

#[tokio::test]
async fn a_preflight_says_what_may_be_sent() {
    let asking = public().with("access-control-request-method", "POST");
    let allowed = asking.with("origin", "http://localhost:1").send("OPTIONS", "/login", Body::empty()).await;
    assert_eq!(allowed.status, 204);
    assert_eq!(allowed.header("access-control-allow-origin"), "http://localhost:1");
    assert!(allowed.header("access-control-allow-headers").contains("authorization"));
    let told: BTreeSet<_> = allowed.header("access-control-allow-methods").split(", ").collect();
    let rules = product::table().into_iter().map(|route| route.rule);
    let methods = rules.filter(|rule| rule.on.includes(Listener::Public)).map(|rule| rule.method);
    assert_eq!(told, methods.chain(["HEAD"]).collect::<BTreeSet<_>>());
    let refused = asking.with("origin", "https://evil.example").send("OPTIONS", "/login", Body::empty()).await;
    assert_eq!((refused.status, refused.problem()), (403, "cross_site"));
    assert_eq!(public().send("OPTIONS", "/login", Body::empty()).await.problem(), "method_not_allowed");
}

#[tokio::test]
async fn a_handler_that_hangs_is_cut() {
    let mut config = Config::default();
    config.edge.timeouts.handler = Duration::from_millis(50);
    config.edge.timeouts.body = Duration::from_millis(50);
    let answer = on(Listener::Public, &config).get("/stuck").await;
    assert_eq!((answer.status, answer.problem()), (500, "outcome_unknown"));
    assert_eq!(answer.body["outcome"], "unknown");
}

#[test]
fn strangers_who_speak_like_proxies_are_remembered_for_health() {
    let services = services_of(&Config::default(), ControlToken::absent());
    let edge: &EdgeContext = &services.edge;
    assert_eq!(edge.untrusted_proxy(), None);
    log_by_thread();
    for last in [9, 10] {
        let forwarded = Forwarded { headers: ForwardedHeaders::Untrusted, ..Forwarded::default() };
        edge.note_proxy(forwarded, Some([198, 51, 100, last].into()));
    }
    assert_eq!(edge.untrusted_proxy().unwrap().peer, Some([198, 51, 100, 10].into()));
    let log = String::from_utf8(LOGGED.take()).unwrap();
    assert!(log.contains("WARN") && log.contains("198.51.100.9"), "{log}");
    assert_eq!(log.lines().count(), 1, "once a minute is enough: {log}");
}

thread_local! {
    /// The log of this test's thread; each test has its own thread and runtime.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Writes to the log of its thread.
struct Logged;

impl std::io::Write for Logged {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        LOGGED.with_borrow_mut(|logged| logged.extend_from_slice(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// From now on the log of each test is kept for that test.
fn log_by_thread() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| tracing_subscriber::fmt().with_writer(|| Logged).with_ansi(false).init());
}

#[tokio::test]
async fn the_log_knows_the_route_and_the_id_but_no_query_path_or_token() {
    log_by_thread();
    let client = public().signed_in("hunter2").with("x-request-id", "id-1");
    client.get("/open?token=hunter2").await;
    client.get("/hunter2").await;
    let log = String::from_utf8(LOGGED.take()).unwrap();
    assert!(log.contains("route=\"/open\"") && log.contains("route=\"(none)\""), "{log}");
    assert!(log.contains("id-1") && log.contains("status=200") && log.contains("status=404"), "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

#[tokio::test]
async fn the_access_log_knows_who_asked_and_from_where() {
    log_by_thread();
    let mut config = Config::default();
    config.edge.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
    let behind = on(Listener::Public, &config).at("10.0.0.1").with("x-forwarded-for", "198.51.100.7");
    let user = "principal=user:00000000-0000-0000-0000-000000000007";
    let operator = on(Listener::Ops, &production()).signed_in("control-token");
    behind.get("/open?token=hunter2").await;
    behind.signed_in("user").get("/own?token=hunter2").await;
    behind.signed_in("support").send("DELETE", "/open?token=hunter2", Body::empty()).await;
    behind.signed_in("made-up").get("/own").await;
    behind.signed_in("user").get("/crash?hunter2").await;
    operator.at("192.0.2.9").send("POST", "/restart?hunter2", Body::empty()).await;
    on(Listener::Ops, &production()).signed_in("user").get("/stats").await;
    let log = String::from_utf8(LOGGED.take()).unwrap();
    let lines: Vec<&str> = log.lines().filter(|line| line.contains("answered")).collect();
    for (line, words) in lines.iter().zip([
        &["status=200", "client=198.51.100.7", "principal=anonymous"][..],
        &["status=200", "client=198.51.100.7", user],
        // Without a route there is no `Gate`, so no caller was identified.
        &["status=405", "client=198.51.100.7", "principal=anonymous"],
        &["status=401", "client=198.51.100.7", "principal=anonymous"],
        &["status=500", "client=198.51.100.7", user],
        &["status=200", "client=192.0.2.9", "principal=cli"],
        &["status=403", "client=127.0.0.1", user],
    ]) {
        assert!(words.iter().all(|word| line.contains(word)), "{words:?} in {line}");
    }
    assert_eq!(lines.len(), 7, "{log}");
    assert!(!log.contains("hunter2"), "{log}");
}

/// A refusal for the form of a body uses no registration quota: after five typing errors the sixth request succeeds.
#[tokio::test]
async fn refusals_of_form_use_up_the_anonymous_limit_and_no_other() {
    let client = public();
    for body in [json!({}), json!({ "name": 7 }), json!({ "unknown": 1 })].iter().cycle().take(60) {
        let refused = client.post("/enrol", body.clone()).await;
        assert_eq!((refused.status, refused.problem()), (422, "validation_failed"));
        assert!(refused.header("ratelimit").starts_with("\"anonymous\""), "{refused:?}");
    }
    for _ in 0..5 {
        assert_eq!(client.post("/enrol", json!({ "name": "ada" })).await.status, 200);
    }
    let refused = client.post("/enrol", json!({ "name": "ada" })).await;
    assert_eq!((refused.status, refused.problem()), (429, "rate_limited"));
    assert_eq!(client.at("192.0.2.1").post("/enrol", json!({ "name": "invited" })).await.status, 422);
    // A refusal of form still uses the anonymous quota.
    let client = client.at("192.0.2.2");
    let mut taken = 0;
    while client.post("/enrol", json!({})).await.status == 422 {
        taken += 1;
    }
    assert!((105..120).contains(&taken), "{taken}");
}

/// A wrong invitation code is no error of form: a guess uses the registration quota.
#[tokio::test]
async fn a_guessed_invitation_is_counted_as_a_registration() {
    let client = public();
    for _ in 0..5 {
        assert_eq!(client.post("/enrol", json!({ "name": "invited" })).await.status, 422);
    }
    assert_eq!(client.post("/enrol", json!({ "name": "invited" })).await.status, 429);
}
