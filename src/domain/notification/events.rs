//! The events of notifications.

use crate::{
    domain::event::{event, samples::id, service_events},
    types::id::{DeliveryId, NotificationId},
};

service_events! {
    /// An event of a notification.
    NotificationEvent of Notification:
    NotificationQueued, NotificationDelivered, NotificationFailed, NotificationSuppressed,
}

event! {
    /// A notification was queued.
    NotificationQueued = 0x0501, "notification.queued", to [], schema 1 {
        notification: NotificationId as "notificationId" = id(),
        delivery: DeliveryId as "deliveryId" = id(),
        template: String as "template" = "welcome".to_owned(),
    }
}

event! {
    /// A channel accepted the delivery.
    NotificationDelivered = 0x0502, "notification.delivered", to [], schema 1 {
        notification: NotificationId as "notificationId" = id(),
        delivery: DeliveryId as "deliveryId" = id(),
        template: String as "template" = "welcome".to_owned(),
    }
}

event! {
    /// The delivery failed permanently.
    NotificationFailed = 0x0503, "notification.failed", to [], schema 1 {
        notification: NotificationId as "notificationId" = id(),
        delivery: DeliveryId as "deliveryId" = id(),
        template: String as "template" = "welcome".to_owned(),
        /// The class of the failure, never the peer's text.
        reason: String as "reason" = "refused".to_owned(),
    }
}

event! {
    /// The delivery was suppressed.
    NotificationSuppressed = 0x0504, "notification.suppressed", to [], schema 1 {
        notification: NotificationId as "notificationId" = id(),
        delivery: DeliveryId as "deliveryId" = id(),
        template: String as "template" = "welcome".to_owned(),
        /// The reason: preference, rate_limit, expired, suppression_list.
        reason: String as "reason" = "expired".to_owned(),
    }
}
