//! The bytes of every variant in the records of notifications and subscriptions: `tests/store/variants.txt` has a line
//! for each. An enum is stored by position, so a variant that moves changes its line.

use std::{fmt::Write as _, time::Duration};

use majordomo::{
    domain::{
        event::{DeadLetter, DeadReason},
        notification::{
            Budget, Channel, CodeReference, Delivery, DeliveryLane, DeliveryState, DeliveryTry, Facts, Notification,
            Suppression, TemplateName,
        },
        otp::CodePurpose,
    },
    persistence::{Record, codec},
    types::{
        LeaseHolder, Locale, Timestamp,
        id::{CodeId, DeliveryId, EventId, NotificationId},
        provider_answer::{ProviderAnswer, SmtpStep},
    },
};
use uuid::Uuid;

use crate::{
    bytes::{compare, hex},
    tools::user,
};

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

fn delivery(state: DeliveryState, template: TemplateName, answer: Option<ProviderAnswer>) -> Delivery {
    let attempt = |answer| DeliveryTry { began_at: NOW, ended_at: NOW.plus(Duration::from_secs(1)), answer };
    Delivery {
        id: DeliveryId::from(Uuid::from_u128(1)),
        notification: NotificationId::from(Uuid::from_u128(2)),
        owner: user(3),
        template,
        channel: Channel::Email,
        lane: DeliveryLane::Normal,
        to: "person@example.com".to_owned(),
        state,
        attempts: answer.into_iter().map(attempt).collect(),
        created_at: NOW,
        expires_at: NOW,
    }
}

fn states() -> Vec<DeliveryState> {
    let (at, due) = (NOW, NOW);
    let mut states = vec![
        DeliveryState::Queued { due },
        DeliveryState::Sending { until: due, holder: LeaseHolder { lease: "sender".to_owned(), epoch: (7 << 32) + 1 } },
        DeliveryState::Sent { at },
        DeliveryState::Delivered { at },
        DeliveryState::Bounced { at },
        DeliveryState::Failed { due },
        DeliveryState::Dead { at },
    ];
    let reasons = [
        Suppression::Preference,
        Suppression::RateLimit,
        Suppression::Expired,
        Suppression::SuppressionList,
        Suppression::Superseded,
        Suppression::RecipientGone,
    ];
    states.extend(reasons.map(|reason| DeliveryState::Suppressed { at, reason }));
    states
}

fn answers() -> Vec<ProviderAnswer> {
    let mut answers =
        vec![ProviderAnswer::taken("2.0.0 queued"), ProviderAnswer::Unfit { text: "no address".to_owned() }];
    for step in SmtpStep::ALL {
        answers.push(ProviderAnswer::refused(step, 550, "5.1.1 no such user"));
        answers.push(ProviderAnswer::Silent { step });
        answers.push(ProviderAnswer::broken(step, "reset"));
    }
    answers
}

fn notification(purpose: CodePurpose) -> Notification {
    Notification {
        id: NotificationId::from(Uuid::from_u128(2)),
        owner: user(3),
        template: TemplateName::Welcome,
        locale: Locale::parse("de-AT").ok(),
        cause: Some(EventId::from(Uuid::from_u128(4))),
        facts: Facts {
            at: NOW,
            ip_address: Some("192.0.2.1".to_owned()),
            device: Some("Firefox, Windows".to_owned()),
            until: Some(NOW),
        },
        code: Some(CodeReference { owner: user(3), purpose, code: CodeId::from(Uuid::from_u128(5)) }),
        deliveries: vec![DeliveryId::from(Uuid::from_u128(1))],
        created_at: NOW,
    }
}

fn letter(reason: DeadReason) -> DeadLetter {
    DeadLetter {
        event: None,
        event_type: None,
        subject: user(3),
        attempts: 1,
        reason,
        last_error: "busy".to_owned(),
        at: NOW,
    }
}

fn line<R: Record>(text: &mut String, what: &str, record: &R) {
    writeln!(text, "{} {what} {}", R::NAME, hex(&codec::encode(record).unwrap())).unwrap();
}

#[test]
fn every_variant_has_its_recorded_bytes() {
    let mut text = String::new();
    for state in states() {
        let what = format!("{state:?}").replace(' ', "");
        line(&mut text, &what, &delivery(state, TemplateName::Welcome, None));
    }
    for template in TemplateName::ALL.iter().copied() {
        let state = DeliveryState::Queued { due: NOW };
        line(&mut text, template.as_str(), &delivery(state, template, None));
    }
    for answer in answers() {
        let what = answer.to_string().replace(' ', "_");
        line(&mut text, &what, &delivery(DeliveryState::Failed { due: NOW }, TemplateName::Welcome, Some(answer)));
    }
    for purpose in CodePurpose::ALL {
        line(&mut text, &format!("{purpose:?}"), &notification(purpose));
    }
    let mut budget = Budget::default();
    assert!(budget.take(TemplateName::Welcome, NOW, Duration::from_secs(60)));
    line(&mut text, "once", &budget);
    for reason in [DeadReason::Refused, DeadReason::Exhausted, DeadReason::Gone] {
        line(&mut text, &format!("{reason:?}"), &letter(reason));
    }
    compare("tests/store/variants.txt", &text);
}
