//! Notifications and their deliveries, by owner, by due time, and by the kind that a newer one replaces.

use std::ops::Bound;

use crate::{
    domain::notification::{Budget, Channel, Delivery, DeliveryLane, Notification, TemplateName},
    persistence::machinery::{
        codec::{self, CodecFault},
        links::{LinkedRows, StoredRow},
        reader::{ByteReader, Reader, TxFault},
        record::{Present, Record},
        scan::Scan,
        table::Table,
        tx::Tx,
    },
    persistence::schema::records::NotificationV1,
    types::{
        Timestamp,
        id::{DeliveryId, NotificationId, UserId, uuid_v7},
    },
};

/// The records, sealed.
pub static NOTIFICATION_BY_ID: Table<NotificationId, Notification> =
    Table::sealed(0x14, "notification_by_id", "30 days");
/// The notifications of each owner.
pub static NOTIFICATION_BY_OWNER: Table<(UserId, NotificationId), Present> =
    Table::new(0x15, "notification_by_owner", "as notification_by_id");
/// The deliveries, sealed.
pub static DELIVERY_BY_ID: Table<DeliveryId, Delivery> = Table::sealed(0x16, "delivery_by_id", "as notification_by_id");
/// The time at which each delivery is due, by lane.
pub static DELIVERY_BY_DUE: Table<(u8, Timestamp, DeliveryId), Present> =
    Table::new(0x17, "delivery_by_due", "until sent or given up");
/// Waiting deliveries by owner, template and channel, so that a newer one can replace them.
pub static DELIVERY_BY_KIND: Table<(UserId, String, String, DeliveryId), Present> =
    Table::new(0x11, "delivery_by_kind", "until sent or given up");
/// What an owner was recently sent of a template.
pub static BUDGET_BY_OWNER: Table<(UserId, String), Budget> = Table::new(0x12, "budget_by_owner", "until deleted");

impl Record for Notification {
    const SCHEMA: u16 = 2;
    const NAME: &'static str = "notification";

    fn upgrade(schema: u16, payload: &[u8]) -> Result<Self, CodecFault> {
        match schema {
            1 => codec::payload::<NotificationV1>(Self::NAME, payload).map(Self::from),
            _ => Err(CodecFault::Schema { record: Self::NAME, schema }),
        }
    }
}

impl Record for Delivery {
    const SCHEMA: u16 = 2;
    const NAME: &'static str = "delivery";
}

impl Record for Budget {
    const SCHEMA: u16 = 1;
    const NAME: &'static str = "budget";
}

type Kind = (UserId, TemplateName, Channel);

fn kind_prefix((owner, template, channel): Kind) -> (UserId, String, String) {
    (owner, template.as_str().to_owned(), channel.as_str().to_owned())
}

fn kind_key(kind: Kind, id: DeliveryId) -> (UserId, String, String, DeliveryId) {
    let (owner, template, channel) = kind_prefix(kind);
    (owner, template, channel, id)
}

/// The index row of a notification.
pub(super) fn links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, notification) = row.decode(reader, &NOTIFICATION_BY_ID)?;
    Ok(LinkedRows::default().with(&NOTIFICATION_BY_OWNER, &(notification.owner, id)))
}

/// The index rows of a delivery that waits.
pub(super) fn delivery_links(reader: &dyn ByteReader, row: &StoredRow<'_>) -> Result<LinkedRows, TxFault> {
    let (id, delivery) = row.decode(reader, &DELIVERY_BY_ID)?;
    let linked = LinkedRows::default();
    let Some(due) = delivery.state.due() else { return Ok(linked) };
    let linked = linked.with(&DELIVERY_BY_DUE, &(delivery.lane.as_byte(), due, id));
    Ok(match delivery.collapses_with() {
        Some(kind) => linked.with(&DELIVERY_BY_KIND, &kind_key(kind, id)),
        None => linked,
    })
}

/// The notification of an id.
pub fn find(reader: &impl Reader, id: NotificationId) -> Result<Option<Notification>, TxFault> {
    reader.get(&NOTIFICATION_BY_ID, &id)
}

/// The delivery of an id.
pub fn find_delivery(reader: &impl Reader, id: DeliveryId) -> Result<Option<Delivery>, TxFault> {
    reader.get(&DELIVERY_BY_ID, &id)
}

/// Adds a notification; its deliveries are put separately.
pub fn insert(tx: &mut Tx<'_>, notification: &Notification) -> Result<(), TxFault> {
    tx.put(&NOTIFICATION_BY_ID, &notification.id, notification)?;
    tx.put(&NOTIFICATION_BY_OWNER, &(notification.owner, notification.id), &Present)
}

/// Adds a delivery, or replaces that of the same id.
pub fn put_delivery(tx: &mut Tx<'_>, delivery: &Delivery) -> Result<(), TxFault> {
    remove_indexes(tx, delivery.id)?;
    tx.put(&DELIVERY_BY_ID, &delivery.id, delivery)?;
    let Some(due) = delivery.state.due() else { return Ok(()) };
    tx.put(&DELIVERY_BY_DUE, &(delivery.lane.as_byte(), due, delivery.id), &Present)?;
    match delivery.collapses_with() {
        Some(kind) => tx.put(&DELIVERY_BY_KIND, &kind_key(kind, delivery.id), &Present),
        None => Ok(()),
    }
}

fn remove_indexes(tx: &mut Tx<'_>, id: DeliveryId) -> Result<(), TxFault> {
    let Some(before) = find_delivery(tx, id)? else { return Ok(()) };
    let Some(due) = before.state.due() else { return Ok(()) };
    tx.delete(&DELIVERY_BY_DUE, &(before.lane.as_byte(), due, id))?;
    match before.collapses_with() {
        Some(kind) => tx.delete(&DELIVERY_BY_KIND, &kind_key(kind, id)),
        None => Ok(()),
    }
}

/// The deliveries of a lane that are due at `now`, earliest first, at most `limit`.
pub fn due(reader: &impl Reader, lane: DeliveryLane, now: Timestamp, limit: usize) -> Result<Vec<Delivery>, TxFault> {
    let mut deliveries = Vec::new();
    for (_, due, id) in reader.keys(&DELIVERY_BY_DUE, Scan::prefix(&(lane.as_byte(),)).limit(limit))? {
        if due > now {
            break;
        }
        deliveries.extend(find_delivery(reader, id)?);
    }
    Ok(deliveries)
}

/// Deliveries of a lane that are due between `now` and `until`, earliest first, at most `limit`; of them those behind
/// `after`, the last one of the page before.
pub fn due_within(
    reader: &impl Reader,
    (lane, after): (DeliveryLane, Option<(Timestamp, DeliveryId)>),
    (now, until): (Timestamp, Timestamp),
    limit: usize,
) -> Result<Vec<Delivery>, TxFault> {
    let key = |due, id| (lane.as_byte(), due, id);
    let ends = [(now, uuid::Uuid::nil()), (until, uuid::Uuid::max())].map(|(due, id)| key(due, DeliveryId::from(id)));
    let mut scan = Scan::range(Bound::Included(&ends[0]), Bound::Included(&ends[1])).limit(limit);
    if let Some((due, id)) = after {
        scan = scan.after(&key(due, id));
    }
    let mut deliveries = Vec::new();
    for (.., id) in reader.keys(&DELIVERY_BY_DUE, scan)? {
        deliveries.extend(find_delivery(reader, id)?);
    }
    Ok(deliveries)
}

/// When the next delivery of a lane is due.
pub fn next_due(reader: &impl Reader, lane: DeliveryLane) -> Result<Option<Timestamp>, TxFault> {
    let first = reader.keys(&DELIVERY_BY_DUE, Scan::prefix(&(lane.as_byte(),)).limit(1))?;
    Ok(first.first().map(|(_, due, _)| *due))
}

/// The number of waiting deliveries, counted to `limits::SCAN_MAX` in each lane.
pub fn waiting(reader: &impl Reader) -> Result<usize, TxFault> {
    let mut count = 0;
    for lane in DeliveryLane::ALL {
        count += reader.keys(&DELIVERY_BY_DUE, Scan::prefix(&(lane.as_byte(),)))?.len();
    }
    Ok(count)
}

/// The waiting deliveries that a new one of this kind replaces, oldest first.
pub fn waiting_of_kind(reader: &impl Reader, kind: Kind) -> Result<Vec<Delivery>, TxFault> {
    let mut deliveries = Vec::new();
    for (.., id) in reader.keys(&DELIVERY_BY_KIND, Scan::prefix(&kind_prefix(kind)))? {
        deliveries.extend(find_delivery(reader, id)?);
    }
    Ok(deliveries)
}

/// The notifications of an owner, newest first, at most `limit`.
pub fn of_owner(reader: &impl Reader, owner: UserId, limit: usize) -> Result<Vec<Notification>, TxFault> {
    let mut notifications = Vec::new();
    let scan = Scan::prefix(&(owner,)).backward().limit(limit);
    for (_, id) in reader.keys(&NOTIFICATION_BY_OWNER, scan)? {
        notifications.extend(find(reader, id)?);
    }
    Ok(notifications)
}

/// Removes notifications created before `before`, with their deliveries; returns their number. Reads at most `limit` of
/// the oldest ids, and at most `limit` ids that are later than now: those are from before an operator accepted an
/// earlier time, and their notifications have been given an earlier date.
pub fn remove_old(tx: &mut Tx<'_>, before: Timestamp, limit: usize) -> Result<usize, TxFault> {
    let now = NotificationId::from(uuid_v7(tx.now(), [0xff; 10]));
    let later = Scan::range(Bound::Excluded(&now), Bound::Unbounded);
    let mut removed = 0;
    for scan in [Scan::all(), later] {
        for (_, notification) in tx.scan(&NOTIFICATION_BY_ID, scan.limit(limit))? {
            if notification.created_at >= before {
                break;
            }
            remove(tx, &notification)?;
            removed += 1;
        }
    }
    Ok(removed)
}

/// Removes at most `limit` notifications of an erased owner, with their deliveries, budgets, and queue entries; returns
/// their number. To be called until it returns 0.
pub fn remove_of_owner(tx: &mut Tx<'_>, owner: UserId, limit: usize) -> Result<usize, TxFault> {
    let notifications = of_owner(tx, owner, limit)?;
    for notification in &notifications {
        remove(tx, notification)?;
    }
    remove_budgets(tx, owner)?;
    Ok(notifications.len())
}

fn remove(tx: &mut Tx<'_>, notification: &Notification) -> Result<(), TxFault> {
    for delivery in &notification.deliveries {
        remove_indexes(tx, *delivery)?;
        tx.delete(&DELIVERY_BY_ID, delivery)?;
    }
    tx.delete(&NOTIFICATION_BY_OWNER, &(notification.owner, notification.id))?;
    tx.delete(&NOTIFICATION_BY_ID, &notification.id)
}

/// What an owner was recently sent of a template.
pub fn budget(reader: &impl Reader, owner: UserId, template: TemplateName) -> Result<Budget, TxFault> {
    Ok(reader.get(&BUDGET_BY_OWNER, &(owner, template.as_str().to_owned()))?.unwrap_or_default())
}

/// Stores what an owner was sent of a template.
pub fn put_budget(tx: &mut Tx<'_>, (owner, template): (UserId, TemplateName), budget: &Budget) -> Result<(), TxFault> {
    tx.put(&BUDGET_BY_OWNER, &(owner, template.as_str().to_owned()), budget)
}

/// Removes all budgets of an owner.
pub fn remove_budgets(tx: &mut Tx<'_>, owner: UserId) -> Result<(), TxFault> {
    for key in tx.keys(&BUDGET_BY_OWNER, Scan::prefix(&(owner,)))? {
        tx.delete(&BUDGET_BY_OWNER, &key)?;
    }
    Ok(())
}
