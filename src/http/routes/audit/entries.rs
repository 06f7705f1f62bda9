//! `/audit`: the audit log, for auditors.

use std::collections::BTreeMap;

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::routes;

use crate::{
    actors::audit::{AuditAfter, AuditQuery, Verified, VerifiedTrail, Wholeness},
    domain::access::Permission,
    domain::audit::{ActionRow, Actor, AuditAction, AuditEntry, AuditPlace},
    http::{
        error::{ApiError, ProblemCode},
        extract::{Json, List, Query, Rows},
        fields::{Fields, FromFields},
        openapi::forms::{
            AuditActionForm, AuditActorForm, AuditLogForm, AuditResultForm, CursorForm, HashForm, IdForm, TimeForm,
        },
        route::{Access::Needs, Class::Standard, On::Both, Route, row},
        services::EdgeServices,
    },
    types::{Invalid, Timestamp, id::UserId, limits},
};

/// The routes of this file.
pub(super) fn rows() -> Vec<Route> {
    vec![
        row(Both, Needs(Permission::ReadAudit), Standard, routes!(list_audit_entries)),
        row(Both, Needs(Permission::ReadAudit), Standard, routes!(verify_audit_trail)),
    ]
}

/// The filters of the list.
pub struct AuditListFilter {
    actor: Option<Actor>,
    subject: Option<UserId>,
    action: Option<AuditAction>,
    from: Option<Timestamp>,
    to: Option<Timestamp>,
}

impl FromFields for AuditListFilter {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let actor = query.optional("actor").text(actor);
        let subject = query.optional("subject").text(str::parse::<UserId>);
        let action = query.optional("action").text(action);
        let from = query.optional("from").text(str::parse::<Timestamp>);
        let to = query.optional("to").text(str::parse::<Timestamp>);
        Some(Self { actor: actor?, subject: subject?, action: action?, from: from?, to: to? })
    }
}

fn actor(text: &str) -> Result<Actor, Invalid> {
    if text.len() > limits::AUDIT_ACTOR_MAX {
        return Err(Invalid::detailed("length", format!("must be at most {} bytes", limits::AUDIT_ACTOR_MAX)));
    }
    text.parse()
}

fn action(text: &str) -> Result<AuditAction, Invalid> {
    AuditAction::from_name(text).ok_or_else(|| {
        let known: Vec<_> = ActionRow::all().map(|row| row.name).collect();
        Invalid::detailed("unknown_value", format!("must be one of {}", known.join(", ")))
    })
}

/// An entry of the audit log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct AuditEntryBody {
    /// The log of the entry.
    #[schema(value_type = AuditLogForm)]
    log: &'static str,
    /// The entry's number in the chain of that log, from 1.
    number: u64,
    /// The time of the entry.
    #[schema(value_type = TimeForm)]
    time: String,
    /// The caller.
    #[schema(value_type = AuditActorForm)]
    actor: String,
    /// The action, done or refused.
    #[schema(value_type = AuditActionForm)]
    action: String,
    /// The result of the action.
    #[schema(value_type = AuditResultForm)]
    result: &'static str,
    /// The person that the entry is about.
    #[schema(value_type = Option<IdForm>)]
    subject: Option<String>,
    /// The id of the request.
    #[schema(example = "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a")]
    request_id: String,
    /// A short text without personal data.
    #[schema(example = "granted: admin")]
    detail: String,
    /// The origin of the request; empty after the person's erasure.
    #[schema(example = json!({ "ipAddress": "203.0.113.7" }))]
    personal: BTreeMap<&'static str, String>,
    /// SHA-256 of the log's name, the number, the previous hash, and the digest of the entry; hexadecimal.
    #[schema(value_type = HashForm)]
    hash: String,
}

impl From<AuditEntry> for AuditEntryBody {
    fn from(entry: AuditEntry) -> Self {
        Self {
            log: entry.log.as_str(),
            number: entry.number,
            time: entry.time.to_string(),
            actor: entry.actor.to_string(),
            action: entry.action.to_string(),
            result: entry.result.as_str(),
            subject: entry.subject.map(|subject| subject.to_string()),
            request_id: entry.request_id,
            detail: entry.detail,
            personal: entry.personal.fields().into_iter().collect(),
            hash: hex(&entry.hash),
        }
    }
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// List audit entries
///
/// The entries of both logs by time, newest first. A page may contain fewer entries than `limit`, even none, and still
/// have a next page.
#[utoipa::path(
    get, path = "/audit", operation_id = "list_audit_entries", tag = "audit",
    params(
        ("actor" = Option<AuditActorForm>, Query, description = "Only entries of this caller."),
        ("subject" = Option<IdForm>, Query, description = "Only entries about this person."),
        ("action" = Option<AuditActionForm>, Query, description = "Only this action."),
        ("from" = Option<TimeForm>, Query, description = "Not before this time."),
        ("to" = Option<TimeForm>, Query, description = "Before this time."),
        ("limit" = Option<i64>, Query, description = "The page size.", minimum = 1, maximum = 100, example = 20),
        ("cursor" = Option<CursorForm>, Query, description = "`nextCursor` of the previous page."),
    ),
    responses((status = 200, description = "One page.", body = Rows<AuditEntryBody>))
)]
pub async fn list_audit_entries(
    State(services): State<EdgeServices>,
    list: List<AuditListFilter>,
) -> Result<Json<Rows<AuditEntryBody>>, ApiError> {
    let before = list.after.as_deref().map(|key| {
        let place = AuditPlace::from_bytes(key);
        place.ok_or_else(|| ApiError::new(ProblemCode::InvalidCursor))
    });
    let AuditListFilter { actor, subject, action, from, to } = &list.filter;
    let query = AuditQuery {
        actor: actor.clone(),
        subject: *subject,
        action: *action,
        from: *from,
        until: *to,
        before: before.transpose()?,
        limit: list.limit,
    };
    let page = services.audit.entries(query).await?;
    let next_cursor = page.next.map(|place| list.next(&place.to_bytes()));
    Ok(Json(Rows { data: page.rows.into_iter().map(AuditEntryBody::from).collect(), next_cursor }))
}

/// The parameters of the verification.
pub struct VerifyQuery {
    after: AuditAfter,
}

impl FromFields for VerifyQuery {
    fn from_fields(query: &mut Fields) -> Option<Self> {
        let mut number = |name| {
            let number = query.optional(name).integer(0..=i64::MAX);
            number.map(|number| number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
        };
        let (changes, sign_ins) = (number("after"), number("afterSignIns"));
        Some(Self { after: AuditAfter { changes: changes?, sign_ins: sign_ins? } })
    }
}

/// A head of an audit chain.
#[derive(Debug, Serialize, ToSchema)]
pub struct ChainEndBody {
    /// The number of the entry; 0: no entry.
    number: u64,
    /// The hash of the entry.
    #[schema(value_type = HashForm)]
    hash: String,
}

/// The result for one log.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedLogBody {
    /// The number of entries whose hash is correct.
    verified: u64,
    /// The last entry whose hash is correct.
    head: ChainEndBody,
    /// The first entry whose hash or MAC is wrong; `null`: none.
    first_broken: Option<u64>,
}

/// The result of the verification.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VerifiedBody {
    /// Whether all verified entries of both logs have correct hashes.
    intact: bool,
    /// Whether both logs were verified to their end. If not, continue with `after` = `head.number` and `afterSignIns` =
    /// `signIns.head.number`.
    complete: bool,
    /// The number of entries of `audit` whose hash is correct.
    verified: u64,
    /// The last entry of `audit` whose hash is correct. Keep both heads elsewhere: they detect a
    /// truncated or rewritten log.
    head: ChainEndBody,
    /// The first entry of `audit` whose hash or MAC is wrong: this entry, or an earlier one, was changed, removed or
    /// added, or was written without the key ring.
    first_broken: Option<u64>,
    /// The same for the log `audit_sign_ins`.
    sign_ins: VerifiedLogBody,
}

impl From<Verified> for VerifiedLogBody {
    fn from(found: Verified) -> Self {
        let first_broken = match found.wholeness {
            Wholeness::Whole | Wholeness::Unfinished => None,
            Wholeness::Broken(number) => Some(number),
        };
        let head = ChainEndBody { number: found.head.number, hash: hex(&found.head.hash) };
        Self { verified: found.verified, head, first_broken }
    }
}

impl From<VerifiedTrail> for VerifiedBody {
    fn from(found: VerifiedTrail) -> Self {
        let VerifiedTrail { changes, sign_ins } = found;
        let complete = [changes.wholeness, sign_ins.wholeness].iter().all(|found| *found == Wholeness::Whole);
        let VerifiedLogBody { verified, head, first_broken } = VerifiedLogBody::from(changes);
        let sign_ins = VerifiedLogBody::from(sign_ins);
        let intact = first_broken.is_none() && sign_ins.first_broken.is_none();
        Self { intact, complete, verified, head, first_broken, sign_ins }
    }
}

/// Verify the audit log
///
/// Verifies the hash chains of both logs, and the MAC of each entry under the key ring. One call lasts at most 20 seconds, so a long log needs several calls.
#[utoipa::path(
    get, path = "/audit/verify", operation_id = "verify_audit_trail", tag = "audit",
    params(
        ("after" = Option<i64>, Query,
            description = "Continue after this entry of `audit`; its hash is trusted.", minimum = 0, example = 0),
        ("afterSignIns" = Option<i64>, Query, description = "The same in `audit_sign_ins`.", minimum = 0, example = 0),
    ),
    responses(
        (status = 200, description = "The result of the verification.", body = VerifiedBody),
        (status = 404, description = "There is no entry with this number."),
    )
)]
pub async fn verify_audit_trail(
    State(services): State<EdgeServices>,
    Query(query): Query<VerifyQuery>,
) -> Result<Json<VerifiedBody>, ApiError> {
    let found = services.audit.verify(query.after).await?;
    let nothing = || ApiError::new(ProblemCode::NotFound).detail("There is no entry with this number.");
    found.map(|found| Json(VerifiedBody::from(found))).ok_or_else(nothing)
}
