//! A record of each kind.

use std::time::Duration;

use majordomo::{
    domain::{
        auth::{AddressState, KeyStage, Registration, ResetRequest, Session, SigningKey, refresh::RefreshState},
        notification::{Channel, Delivery, DeliveryLane, DeliveryState, Facts, InboxMail, Notification, TemplateName},
        otp::{CodePurpose, CodeSending, CodeStage, OneTimeCode},
        user::{Invitation, Metadata, Profile, Status, User},
    },
    persistence::Tx,
    types::{EmailAddress, Locale, Network, Role, Roles, SigningAlgorithm, Timestamp, UserName, id::UserId},
};

/// The secret in sealed records, such as a session's seed; no file may hold it.
pub const SECRET: [u8; 32] = *b"only-sealed-and-never-in-a-file!";

pub fn a_user(id: UserId, name: u32, now: Timestamp) -> User {
    User {
        id,
        email: EmailAddress::parse(&format!("Person{name}@example.com")).unwrap(),
        email_verified: true,
        profile: Profile { username: Some(UserName::parse(&format!("person{name}")).unwrap()), ..Profile::default() },
        phone_verified: false,
        roles: Roles::from(vec![Role::User, if name.is_multiple_of(2) { Role::Admin } else { Role::Support }]),
        status: Status::Active,
        metadata: Metadata::default(),
        app_metadata: Metadata::default(),
        expires_at: None,
        password_hash: Some("hash-of-a-password".to_owned()),
        password_changed_at: None,
        first_login_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

pub fn a_registration(id: UserId, name: u32, now: Timestamp) -> Registration {
    Registration {
        id,
        email: EmailAddress::parse(&format!("Person{name}@example.com")).unwrap(),
        address: AddressState::Free,
        profile: Profile { username: Some(UserName::parse(&format!("person{name}")).unwrap()), ..Profile::default() },
        password_hash: "hash-of-a-password".to_owned(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(24 * 3_600)),
    }
}

pub fn a_session(tx: &mut Tx<'_>, user: UserId, now: Timestamp) -> Session {
    Session {
        id: tx.id(),
        user,
        seed: SECRET,
        refresh: RefreshState::begin(now),
        device_name: None,
        user_agent: None,
        ip_address: None,
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        created_at: now,
        last_used_at: now,
        idle_until: now.plus(Duration::from_secs(7 * 24 * 3_600)),
        ends_at: now.plus(Duration::from_secs(30 * 24 * 3_600)),
    }
}

pub fn a_code(tx: &mut Tx<'_>, owner: UserId, now: Timestamp) -> OneTimeCode {
    OneTimeCode {
        id: tx.id(),
        owner,
        purpose: CodePurpose::ResetPassword,
        digits: b"123456".to_vec(),
        state: CodeStage::Live,
        wrong_tries: 0,
        issued_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
        sendings: vec![CodeSending { at: now, network: Network::V4([192, 0, 2]) }],
    }
}

pub fn a_signing_key(tx: &mut Tx<'_>, now: Timestamp) -> SigningKey {
    SigningKey {
        id: tx.id(),
        algorithm: SigningAlgorithm::EdDsa,
        private_der: SECRET.to_vec(),
        stage: KeyStage::Signing,
        created_at: now,
        stage_since: now,
    }
}

pub fn a_notification(tx: &mut Tx<'_>, owner: UserId, now: Timestamp) -> (Notification, Delivery, InboxMail) {
    let facts = Facts { at: now, ip_address: None, device: None, until: None };
    let (id, delivery) = (tx.id(), tx.id());
    let notification = Notification {
        id,
        owner,
        template: TemplateName::ResetCode,
        locale: None,
        cause: None,
        facts,
        code: None,
        deliveries: vec![delivery],
        created_at: now,
    };
    let delivery = Delivery {
        id: delivery,
        notification: id,
        owner,
        template: TemplateName::ResetCode,
        channel: Channel::Email,
        lane: DeliveryLane::Urgent,
        to: "person@example.com".to_owned(),
        state: DeliveryState::Queued { due: now },
        attempts: Vec::new(),
        created_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
    };
    let mail = InboxMail {
        id: tx.id(),
        delivery: delivery.id,
        channel: Channel::Email,
        to: "person@example.com".to_owned(),
        template: TemplateName::ResetCode,
        subject: "subject".to_owned(),
        text: "only-sealed-and-never-in-a-file!".to_owned(),
        html: String::new(),
        code: None,
        link: None,
        created_at: now,
    };
    (notification, delivery, mail)
}

pub fn a_reset_request(tx: &mut Tx<'_>, now: Timestamp) -> ResetRequest {
    ResetRequest {
        id: tx.id(),
        email: EmailAddress::parse("person@example.com").unwrap(),
        owner: Some(tx.id()),
        tries_left: 4,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
    }
}

pub fn an_invitation(tx: &mut Tx<'_>, now: Timestamp) -> Invitation {
    Invitation {
        id: tx.id(),
        email: EmailAddress::parse("guest@example.com").unwrap(),
        locale: Locale::parse("de").ok(),
        code: [5; 10],
        invited_by: None,
        created_at: now,
        expires_at: now.plus(Duration::from_secs(600)),
    }
}
