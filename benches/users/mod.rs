//! Users who sign in, as the program stores them.
//!
//! Owns: the records of a user and of a login. Must not know: how they are measured. Begin with `sign_in`.

use std::time::Duration;

use majordomo::{
    domain::{
        audit::{AuditRecord, AuditResult},
        auth::{Session, actions::AuthAction, events::UserLoggedIn, refresh::RefreshState},
        event::{Event, Personal},
        user::{Metadata, Profile, Status, User},
    },
    persistence::{Tx, TxFault, tables},
    types::{EmailAddress, Role, Roles, Timestamp, UserName, id::UserId},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// The user with this number; the numbers differ.
pub fn user(id: UserId, number: u32, now: Timestamp) -> User {
    User {
        id,
        email: EmailAddress::parse(&format!("person.{number}@example.com")).expect("an address"),
        email_verified: true,
        profile: Profile {
            username: Some(UserName::parse(&format!("person{number}")).expect("a user name")),
            ..Profile::default()
        },
        phone_verified: false,
        roles: Roles::from(vec![Role::User]),
        status: Status::Active,
        metadata: Metadata::default(),
        app_metadata: Metadata::default(),
        expires_at: None,
        // As long as an argon2id hash with its parameters.
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$".to_owned() + &"x".repeat(66)),
        password_changed_at: None,
        first_login_at: None,
        created_at: now,
        updated_at: now,
        version: 1,
    }
}

/// The commit of a login: a sealed session with its indexes, an event with sealed personal fields, an audit entry.
pub fn sign_in(tx: &mut Tx<'_>, user: UserId) -> Result<(), TxFault> {
    let now = tx.now();
    let session = Session {
        id: tx.id(),
        user,
        seed: tx.random(),
        refresh: RefreshState::begin(now),
        device_name: None,
        user_agent: Some("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0".to_owned()),
        ip_address: None,
        auth_time: now,
        amr: vec!["pwd".to_owned()],
        created_at: now,
        last_used_at: now,
        idle_until: now.plus(DAY * 7),
        ends_at: now.plus(DAY * 30),
    };
    tables::session::insert(tx, &session)?;
    let personal = Personal { email: Some("person@example.com".to_owned()), ..Personal::default() };
    tx.emit(Event {
        subject: user,
        kind: UserLoggedIn { user, session: session.id, first_login: false, new_device: false }.into(),
        personal,
    })?;
    tx.audit(AuditRecord {
        action: AuthAction::Login.into(),
        result: AuditResult::Done,
        subject: Some(user),
        detail: String::new(),
    })?;
    Ok(())
}
