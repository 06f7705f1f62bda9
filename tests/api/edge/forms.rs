//! Bodies, queries and paths: the accepted forms, and the refusals of others.

use axum::body::Body;
use majordomo::{
    domain::access::Permission,
    http::{
        ApiError, Fields, FromFields, Json, List, Path, Query, Rows,
        fields::line,
        route::{Access, Class, On, Route, row},
    },
    types::{EmailAddress, Fault, Secret, UserName, id::UserId},
};
use serde_json::{Value, json};
use utoipa_axum::routes;

use crate::harness::{Client, bare_services};

#[derive(utoipa::ToSchema)]
#[expect(dead_code, reason = "the schema shows the password")]
struct Register {
    #[schema(value_type = String)]
    email: EmailAddress,
    #[schema(value_type = String)]
    password: Secret,
    #[schema(value_type = Option<String>)]
    username: Option<UserName>,
    note: Option<String>,
    age: Option<i64>,
    tags: Option<Vec<String>>,
    home: Option<Home>,
}

#[derive(utoipa::ToSchema)]
struct Home {
    city: String,
}

impl FromFields for Home {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        let city = fields.required("city").text(line(20));
        Some(Self { city: city? })
    }
}

impl FromFields for Register {
    fn from_fields(body: &mut Fields) -> Option<Self> {
        let email = body.required("email").text(EmailAddress::parse);
        let password = body.required("password").secret();
        let username = body.optional("username").text(UserName::parse);
        let note = body.optional("note").text(line(20));
        let age = body.optional("age").integer(0..=150);
        let tags = body.optional("tags").list(3, |item| item.text(line(5)));
        let home = body.optional("home").object();
        Some(Self {
            email: email?,
            password: password?,
            username: username?,
            note: note?,
            age: age?,
            tags: tags?,
            home: home?,
        })
    }
}

#[utoipa::path(post, path = "/things", operation_id = "create_thing", responses((status = 200)))]
async fn create(Json(body): Json<Register>) -> Json<Value> {
    let username = body.username.map(|name| name.to_string());
    let home = body.home.map(|home| home.city);
    Json(json!([body.email.as_str(), username, body.note, body.age, body.tags, home]))
}

#[utoipa::path(post, path = "/maybe", operation_id = "maybe_thing", responses((status = 200)))]
async fn maybe(body: Option<Json<Home>>) -> Json<Option<String>> {
    Json(body.map(|Json(home)| home.city))
}

#[utoipa::path(get, path = "/things/{id}", operation_id = "show_thing", responses((status = 200)))]
async fn show(Path(id): Path<UserId>, Query(()): Query<()>) -> Json<String> {
    Json(id.to_string())
}

#[utoipa::path(
    get, path = "/things", operation_id = "list_things", params(("role" = Option<String>, Query)),
    responses((status = 200)),
)]
async fn list(list: List<Filter>) -> Json<Rows<String>> {
    let after = list.after.as_deref().map(|key| String::from_utf8(key.to_vec()).unwrap());
    let filter = list.filter.0.clone();
    let shown = format!("{} {after:?} {filter:?}", list.limit.rows());
    Json(Rows { data: vec![shown], next_cursor: Some(list.next(b"last")) })
}

struct Filter(Option<String>);

impl FromFields for Filter {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let role = query.optional("role").text(line(10));
        Some(Filter(role?))
    }
}

#[utoipa::path(get, path = "/panic", operation_id = "panic_thing", responses((status = 200)))]
async fn panics() -> Json<()> {
    panic!("the internals: hunter2")
}

#[utoipa::path(get, path = "/busy", operation_id = "busy_thing", responses((status = 200)))]
async fn busy() -> Result<Json<()>, ApiError> {
    Err(Fault::overloaded())?
}

#[utoipa::path(get, path = "/broken", operation_id = "broken_thing", responses((status = 200)))]
async fn broken() -> Result<Json<()>, ApiError> {
    Err(Fault::unknown("the inside: hunter2"))?
}

#[utoipa::path(get, path = "/mine", operation_id = "show_mine", responses((status = 200)))]
async fn mine() -> Json<()> {
    Json(())
}

pub fn table() -> Vec<Route> {
    let open = |described| row(On::Public, Access::Anonymous, Class::Standard, described);
    vec![
        open(routes!(create)),
        open(routes!(maybe)),
        open(routes!(list)),
        open(routes!(show)),
        open(routes!(panics)),
        open(routes!(busy)),
        open(routes!(broken)),
        row(On::Public, Access::Needs(Permission::UseOwnAccount), Class::Standard, routes!(mine)),
    ]
}

fn client() -> Client {
    Client::of_table(table(), bare_services())
}

#[tokio::test]
async fn a_valid_body_is_read() {
    let body = json!({ "email": "Ann@Example.com", "password": "x", "username": "Ann", "note": null, "age": 7,
        "tags": ["a"], "home": { "city": "Graz" } });
    let answer = client().post("/things", body).await;
    assert_eq!((answer.status, &answer.body), (200, &json!(["Ann@example.com", "ann", null, 7, ["a"], "Graz"])));
}

#[tokio::test]
async fn all_errors_of_a_body_are_reported_at_once() {
    let body = r#"{ "email": "ada", "username": "no spaces", "note": "a\u0007b", "age": 151, "age": 3,
        "tags": ["a", 2, "too long"], "home": { "city": null, "zip": 1 }, "pass/word": "x" }"#;
    let answer = client().post_text("/things", body).await;
    assert_eq!((answer.status, answer.problem()), (422, "validation_failed"));
    assert_eq!(
        answer.fields(),
        [
            "/age out_of_range",
            "/age repeated_field",
            "/email email_format",
            "/home/city required",
            "/home/zip unknown_field",
            "/note control_character",
            "/password required",
            "/pass~1word unknown_field",
            "/tags/1 wrong_type",
            "/tags/2 length",
            "/username username_format",
        ]
    );
    let answer = client().post("/things", json!([1])).await;
    assert_eq!((answer.status, answer.fields()), (422, vec![" wrong_type".to_owned()]));
}

#[tokio::test]
async fn a_body_that_is_not_json_is_refused_without_repeating_it() {
    for text in ["{", "{\"email\": hunter2}", "", "{} {}", "\u{feff}{}"] {
        let answer = client().post_text("/things", text.to_owned()).await;
        assert_eq!((answer.status, answer.problem()), (400, "invalid_json"), "{text}");
        assert!(!answer.body.to_string().contains("hunter2"));
    }
    let answer = client().post_text("/things", b"{\"email\": \"\xff\"}".to_vec()).await;
    assert_eq!(answer.problem(), "invalid_json");
}

#[tokio::test]
async fn a_body_of_a_megabyte_is_too_large_with_or_without_a_length() {
    let text = format!("{{\"email\": \"{}\"}}", "a".repeat(1 << 20));
    let announced = client().with("content-length", &text.len().to_string()).post_text("/things", text.clone()).await;
    assert_eq!((announced.status, announced.problem()), (413, "body_too_large"));
    let pieces =
        text.into_bytes().chunks(1_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    let chunked = client().post_text("/things", Body::from_stream(futures::stream::iter(pieces))).await;
    assert_eq!((chunked.status, chunked.problem()), (413, "body_too_large"));
}

#[tokio::test]
async fn another_media_type_is_not_supported() {
    for media_type in ["", "text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1"] {
        let answer = client().with("content-type", media_type).send("POST", "/things", Body::from("{}")).await;
        assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"), "{media_type}");
    }
    let detail = async |name: &str, value: &str| {
        let client = client().with("content-type", "application/json").with(name, value);
        let answer = client.send("POST", "/things", Body::from("{}")).await;
        assert_eq!((answer.status, answer.problem()), (415, "unsupported_media_type"), "{name}: {value}");
        answer.body["detail"].as_str().unwrap().to_owned()
    };
    assert!(detail("content-type", "text/plain").await.contains("application/json"));
    assert!(detail("content-type", "application/json; charset=iso-8859-1").await.contains("charset"));
    assert!(detail("content-encoding", "gzip").await.contains("Content-Encoding"));
    let answer = client().with("content-type", "application/json; charset=UTF-8");
    assert_eq!(answer.send("POST", "/things", Body::from("{}")).await.status, 422);
}

#[tokio::test]
async fn a_body_may_be_omitted_if_the_route_permits_it() {
    assert_eq!(client().send("POST", "/maybe", Body::empty()).await.body, Value::Null);
    assert_eq!(client().post("/maybe", json!({ "city": "Graz" })).await.body, "Graz");
    assert_eq!(client().send("POST", "/maybe", Body::from("{}")).await.problem(), "unsupported_media_type");
    assert_eq!(client().post("/maybe", json!({})).await.problem(), "validation_failed");
}

#[tokio::test]
async fn an_unknown_path_and_a_wrong_method_are_problems_too() {
    let answer = client().get("/no/such/path").await;
    assert_eq!((answer.status, answer.problem()), (404, "not_found"));
    assert_eq!(answer.body["instance"], "/no/such/path");
    let answer = client().delete("/things").await;
    assert_eq!((answer.status, answer.problem()), (405, "method_not_allowed"));
    assert_eq!(answer.header("allow"), "GET, HEAD, POST");
    assert_eq!(client().send("BREW", "/panic", Body::empty()).await.header("allow"), "GET, HEAD");
}

#[tokio::test]
async fn a_panic_and_a_fault_reveal_no_internals() {
    for (path, code, outcome) in [("/panic", "internal", "unknown"), ("/broken", "outcome_unknown", "unknown")] {
        let answer = client().get(path).await;
        assert_eq!((answer.status, answer.problem()), (500, code));
        assert_eq!(answer.body["outcome"], outcome);
        assert!(!answer.body.to_string().contains("hunter2"), "{answer:?}");
    }
}

#[tokio::test]
async fn an_overloaded_service_answers_with_retry_after() {
    let answer = client().get("/busy").await;
    assert_eq!((answer.status, answer.problem(), answer.header("retry-after")), (503, "overloaded", "1"));
    assert_eq!((&answer.body["retryable"], &answer.body["outcome"]), (&json!(true), &json!("not_applied")));
}

#[tokio::test]
async fn a_valid_request_id_is_kept() {
    assert_eq!(client().with("x-request-id", "mine-1").get("/busy").await.header("x-request-id"), "mine-1");
    for odd in ["", "two words", &"x".repeat(129)] {
        let answer = client().with("x-request-id", odd).get("/busy").await;
        assert_eq!(answer.header("x-request-id").len(), 36, "{odd}");
    }
}

#[tokio::test]
async fn a_query_is_checked_as_strictly_as_a_body() {
    let answer = client().get("/things?limit=5&role=admin").await;
    assert_eq!(answer.body["data"][0], "5 None Some(\"admin\")");
    let cursor = answer.body["nextCursor"].as_str().unwrap();
    let next = client().get(&format!("/things?limit=7&cursor={cursor}&role=admin")).await;
    assert_eq!(next.body["data"][0], "7 Some(\"last\") Some(\"admin\")");

    let refused = client().get(&format!("/things?cursor={cursor}")).await;
    assert_eq!((refused.status, refused.problem()), (400, "invalid_cursor"));
    let wrong = client().get("/things?limit=101&offset=3&role=a&role=b").await;
    assert_eq!((wrong.status, wrong.problem()), (400, "invalid_query"));
    assert_eq!(wrong.fields(), ["limit out_of_range", "offset unknown_parameter", "role repeated_parameter"]);
}

#[tokio::test]
async fn a_path_without_a_resource_is_not_found() {
    let id = "0199b2c0-0000-7000-8000-000000000000";
    assert_eq!(client().get(&format!("/things/{id}")).await.body, id);
    assert_eq!(client().get("/things/7").await.problem(), "not_found");
    assert_eq!(client().get(&format!("/things/{id}?x=1")).await.problem(), "invalid_query");
}

#[tokio::test]
async fn a_missing_credential_is_refused_by_rfc_6750() {
    let answer = client().get("/mine").await;
    assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"));
    assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"majordomo\"");
    let answer = client().signed_in("made.up").get("/mine").await;
    assert_eq!((answer.status, answer.problem()), (401, "invalid_token"));
    assert!(answer.header("www-authenticate").contains("error=\"invalid_token\""));
}
