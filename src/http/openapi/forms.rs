//! The forms of values: schemas that several bodies refer to by name. Closed sets come from the enums of the domain.

use std::borrow::Cow;

use serde_json::{Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{
        RefOr,
        schema::{ObjectBuilder, Schema},
    },
};

use super::Installation;
use crate::{
    domain::{
        access::Permission,
        audit::{ActionRow, AuditLog, AuditResult},
        auth::{KeyStage, SigningAlgorithm},
        event::{DeadReason, EventRow},
        notification::{Channel, TemplateName},
        user::Status,
    },
    http::error::ProblemCode,
    types::{Role, limits},
};

/// A form: a name in `components.schemas`, for `#[schema(value_type = ..)]`. Only the document uses it, so it has no
/// values.
macro_rules! forms {
    ($installation:ident, $($(#[doc = $doc:literal])* $form:ident $name:literal = $schema:expr;)*) => {
        $(
            $(#[doc = $doc])*
            #[derive(Debug, Clone, Copy)]
            pub enum $form {}

            /// A placeholder: [`all`] has the schema.
            impl PartialSchema for $form {
                fn schema() -> RefOr<Schema> {
                    ObjectBuilder::new().into()
                }
            }

            impl ToSchema for $form {
                fn name() -> Cow<'static, str> {
                    Cow::Borrowed($name)
                }
            }
        )*

        /// Every form with its name.
        pub(super) fn all($installation: &Installation) -> Vec<(&'static str, Value)> {
            vec![$(($name, described($schema, concat!($($doc),*)))),*]
        }
    };
}

forms! { installation,
    /// A UUID, written with hyphens.
    IdForm "Id" = text(36..=36, json!({ "format": "uuid", "example": "0197f3a0-7c1e-7d2a-9b1f-1f2e3d4c5b6a" }));
    /// `me` for the caller, or the id of a user.
    UserSelectorForm "UserSelector" = json!({
        "anyOf": [{ "type": "string", "const": "me" }, { "$ref": "#/components/schemas/Id" }], "example": "me",
    });
    /// An instant by RFC 3339, in UTC.
    TimeForm "Timestamp" = text(20..=32, json!({ "format": "date-time", "example": "2026-01-31T12:00:00.000000Z" }));
    /// An e-mail address: a local part in ASCII without quotes, and a domain with a dot.
    EmailForm "EmailAddress" = text(3..=limits::EMAIL_MAX, json!({
        "format": "email",
        "pattern": r"^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[^@\s]+\.[^@\s]+$",
        "example": "ada@example.com",
    }));
    /// A new password. Common ones are refused, and those with the address or user name in them.
    NewPasswordForm "NewPassword" = text(installation.password_min..=limits::PASSWORD_MAX, json!({
        "format": "password", "example": "correct horse battery staple",
    }));
    /// A password as typed.
    PasswordForm "Password" = text(0..=limits::SECRET_INPUT_MAX, json!({
        "format": "password", "example": "correct horse battery staple",
    }));
    /// A token as it was answered.
    TokenForm "Token" = text(0..=limits::SECRET_INPUT_MAX, json!({ "example": "mjr_3fB0XK2m9QJ4Zt8uYw1sLg" }));
    /// A one-time code: six digits; eight where `auth.registration` is `domains`.
    CodeForm "Code" = line(limits::CODE_INPUT_MAX, "123456");
    /// An e-mail address, a user name, or the id of a registration.
    IdentifierForm "Identifier" = line(limits::IDENTIFIER_INPUT_MAX, "ada@example.com");
    /// A name of a device, for the list of sessions.
    DeviceNameForm "DeviceName" = line(limits::DEVICE_NAME_MAX, "Ada's phone");
    /// The code of an invitation.
    InvitationCodeForm "InvitationCode" = line(limits::CODE_INPUT_MAX, "7K2M-0QZP-4C9V-XH31");
    /// A reason for the audit log, without personal data.
    ReasonForm "Reason" = line(limits::OPERATOR_REASON_MAX, "the mailbox was closed");
    /// The code of a problem.
    ProblemCodeForm "ProblemCode" = set(ProblemCode::ALL.iter().map(|code| code.row().code));
    /// The name of a subscriber of the event log.
    SubscriberForm "SubscriberName" = line(292, "notifier");
    /// An absolute path on the server's machine.
    FileForm "FilePath" = line(limits::FILE_PATH_MAX, "/var/backups/majordomo.snapshot");
    /// A position in a list, as it was answered in `nextCursor`.
    CursorForm "Cursor" = text(1..=4_096, json!({ "pattern": "^[A-Za-z0-9_-]+$", "example": "AAECAw" }));
    /// The secret of a mailed link. Wrong codes do not void it; it ends with the code that was sent beside it.
    LinkSecretForm "LinkSecret" = text(0..=limits::SECRET_INPUT_MAX, json!({
        "example": "mjl_AZfzoHweetKbHx8uPUxbaqdRrl5mZ8Q0v3nX2yT4cE6hK9pLwBsGjUoYiDfRa1Nm",
    }));
    /// A user name: letters a to z, digits, '.', '_' and '-', beginning with a letter or digit.
    UserNameForm "UserName" = text(3..=32, json!({ "pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{2,31}$", "example": "ada" }));
    /// A name of a person, without markup, control characters, addresses and URLs.
    PersonNameForm "PersonName" = text(1..=limits::PERSON_NAME_MAX, json!({
        "pattern": r"^[^<>@/\u0000-\u001f\u007f-\u009f]+$", "example": "Ada",
    }));
    /// A phone number by E.164; spaces, dots, hyphens and brackets between its digits are ignored.
    PhoneForm "PhoneNumber" = text(8..=limits::PHONE_INPUT_MAX, json!({
        "pattern": r"^\+[ .()-]*[1-9]([ .()-]*[0-9]){6,14}[ .()-]*$", "example": "+4369912345678",
    }));
    /// A language tag (BCP 47): a language, with or without a region.
    LocaleForm "Locale" = text(2..=7, json!({
        "pattern": "^[A-Za-z]{2,3}([-_]([A-Za-z]{2}|[0-9]{3}))?$", "example": "en",
    }));
    /// A role of a user.
    RoleForm "Role" = set(Role::ALL.map(Role::as_str));
    /// The status of a user.
    UserStatusForm "UserStatus" = set(
        [Status::Pending, Status::Active, Status::Locked, Status::Disabled].map(Status::as_str)
    );
    /// A status that an administrator can set.
    NewStatusForm "NewUserStatus" = set([Status::Active, Status::Locked, Status::Disabled].map(Status::as_str));
    /// What a permission lets its holder do: `docs/reference/routes.md` names it for each route.
    PermissionForm "Permission" = set(Permission::ALL.iter().map(|permission| permission.as_str()));
    /// `step_up`: a renewed proof of the user. `verify_email` and `verify_phone`: proof of the address or number.
    PurposeForm "CodePurpose" = set(["step_up", "verify_email", "verify_phone"]);
    /// The channel of a code or message.
    ChannelForm "Channel" = set([Channel::Email, Channel::Sms].map(Channel::as_str));
    /// The state of a code; `void`: there were too many wrong tries.
    CodeStatusForm "CodeStatus" = set(["pending", "verified", "expired", "void"]);
    /// The name of a template.
    TemplateForm "TemplateName" = set(TemplateName::ALL.iter().map(|template| template.as_str()));
    /// The type of an event; `unknown:` and a number for one of a newer version.
    EventTypeForm "EventType" = open_set(EventRow::all().map(|row| row.name));
    /// The service that writes an event.
    EventSourceForm "EventSource" = set(EventRow::all().map(|row| row.event_type.source()).chain(["/unknown"]));
    /// A sequence of the event log: a whole number as text.
    SequenceForm "Sequence" = text(1..=limits::SEQUENCE_DIGITS_MAX, json!({
        "pattern": "^[0-9]+$", "example": "4711",
    }));
    /// `refused`: a permanent failure. `exhausted`: too many failed hand-overs. `gone`: no longer in the log.
    DeadLetterReasonForm "DeadEventReason" = set(
        [DeadReason::Refused, DeadReason::Exhausted, DeadReason::Gone].map(DeadReason::as_str)
    );
    /// An action in the audit log; `unknown:` and a number for one of a newer version.
    AuditActionForm "AuditAction" = open_set(ActionRow::all().map(|row| row.name));
    /// `audit`, or `audit_sign_ins` for sign-ins and sign-outs.
    AuditLogForm "AuditLog" = set(AuditLog::ALL.map(AuditLog::as_str));
    /// Whether an action was done, or refused by a rule.
    AuditResultForm "AuditResult" = set([AuditResult::Done, AuditResult::Refused].map(AuditResult::as_str));
    /// The actor: `anonymous`, `cli`, `user:` and an id, or `service:` and a name.
    AuditActorForm "AuditActor" = text(3..=limits::AUDIT_ACTOR_MAX, json!({
        "pattern": "^(anonymous|cli|user:[0-9A-Fa-f-]{36}|service:[A-Za-z0-9_./-]+)$", "example": "cli",
    }));
    /// SHA-256, in hexadecimal digits.
    HashForm "Hash" = text(64..=64, json!({
        "pattern": "^[0-9a-f]{64}$", "example": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    }));
    /// The stage of a signing key: published, signing, or accepted until its last tokens end.
    KeyStageForm "KeyStage" = set([KeyStage::Published, KeyStage::Signing, KeyStage::Retiring].map(KeyStage::as_str));
    /// The algorithm of a signing key.
    AlgorithmForm "Algorithm" = set(SigningAlgorithm::ALL.map(SigningAlgorithm::as_str));
    /// A JSON object of the application.
    MetadataForm "Metadata" = json!({ "type": "object", "additionalProperties": true, "example": {} });
    /// A public key (RFC 7517): `n` and `e` of an RSA key, `crv` and `x` of others, `y` of an elliptic curve.
    JwkForm "JsonWebKey" = json_web_key();
    /// The claims of an access token (RFC 9068), with those of `auth.token.extra_claims`.
    ClaimsForm "Claims" = claims();
}

fn described(mut schema: Value, doc: &str) -> Value {
    schema["description"] = Value::String(doc.trim().to_owned());
    schema
}

/// Text of a length, with more keywords.
fn text(length: std::ops::RangeInclusive<usize>, more: Value) -> Value {
    let mut schema = json!({ "type": "string", "minLength": length.start(), "maxLength": length.end() });
    if let (Value::Object(schema), Value::Object(more)) = (&mut schema, more) {
        schema.extend(more);
    }
    schema
}

/// One line of text.
fn line(max: usize, example: &str) -> Value {
    text(1..=max, json!({ "pattern": r"^[^\u0000-\u001f\u007f-\u009f]+$", "example": example }))
}

/// A closed set of names.
fn set<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    let mut known: Vec<&str> = Vec::new();
    for name in names {
        if !known.contains(&name) {
            known.push(name);
        }
    }
    json!({ "type": "string", "enum": known })
}

/// The known names of a set that a newer version may have extended.
fn open_set<'a>(names: impl IntoIterator<Item = &'a str>) -> Value {
    let known = set(names);
    let first = known["enum"][0].clone();
    json!({ "anyOf": [known, { "type": "string", "pattern": "^unknown:0x[0-9a-f]{4}$" }], "example": first })
}

fn json_web_key() -> Value {
    let number = json!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$", "minLength": 1, "maxLength": 1024 });
    json!({
        "type": "object",
        "properties": {
            "kid": { "type": "string", "minLength": 1, "maxLength": 64 },
            "alg": { "$ref": "#/components/schemas/Algorithm" },
            "use": { "type": "string", "const": "sig" },
            "kty": { "type": "string", "enum": ["RSA", "OKP", "EC"] },
            "n": number, "e": number,
            "crv": { "type": "string", "enum": ["Ed25519", "P-256"] }, "x": number, "y": number,
        },
        "required": ["kid", "alg", "use", "kty"],
        "example": {
            "kid": "b3Jx", "alg": "EdDSA", "use": "sig", "kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        },
    })
}

fn claims() -> Value {
    let id = json!({ "$ref": "#/components/schemas/Id" });
    let second = json!({ "type": "integer", "format": "int64", "minimum": 0, "example": 1_769_860_800 });
    let word = json!({ "type": "string", "minLength": 1, "example": "http://127.0.0.1:8080" });
    json!({
        "type": "object",
        "properties": {
            "iss": word, "aud": word, "sub": id, "exp": second, "iat": second,
            "jti": { "type": "string", "minLength": 1, "example": "4Zt8uYw1sLg" },
            "sid": id,
            "gen": { "type": "integer", "minimum": 0, "example": 0 },
            "client_id": { "type": "string", "example": "app" },
            "scope": { "type": "string", "minLength": 1, "example": "openid" },
            "roles": { "type": "array", "items": { "$ref": "#/components/schemas/Role" } },
            "auth_time": second,
            "amr": { "type": "array", "items": { "type": "string", "example": "pwd" } },
        },
        "required": ["iss", "aud", "sub", "exp", "iat", "jti", "sid", "gen", "client_id", "roles", "auth_time", "amr"],
        "additionalProperties": true,
    })
}
