//! The events and audit entries of a transaction.

use super::{
    audit::{self, AuditBody},
    events::{EVENTS, StoredEvent},
    persons,
};
use crate::{
    domain::{
        audit::{Actor, AuditRecord},
        event::{Event, Personal},
    },
    persistence::machinery::{
        codec,
        reader::{TxFault, codec_fault},
        tx::Tx,
    },
    types::id::EventId,
};

impl Tx<'_> {
    /// Appends `event` in this commit; it gets its sequence when the commit is written. Personal fields are sealed
    /// under the subject's own key. Returns the event's id.
    pub fn emit(&mut self, event: Event) -> Result<EventId, TxFault> {
        let id: EventId = self.id();
        let personal = persons::seal(self, event.subject, &persons::place_of_event(id), &event.personal)?;
        let row = event.kind.row();
        let body = codec::bare(&event.kind).map_err(|fault| codec_fault(row.name, &fault))?;
        let context = self.context();
        let stored = StoredEvent {
            id,
            subject: event.subject,
            time: self.now(),
            correlation: context.request_id.clone(),
            causation: context.causation,
            traceparent: context.traceparent.clone(),
            kind: row.event_type,
            schema: row.schema,
            body,
            personal,
        };
        self.append(&EVENTS, &stored)?;
        Ok(id)
    }

    /// Appends the event and the audit entry of one change, both with the client's address and user agent in their
    /// personal fields. Returns the event's id.
    pub fn record(&mut self, mut event: Event, entry: AuditRecord) -> Result<EventId, TxFault> {
        let Personal { ip_address, user_agent, .. } = Personal::of_call(self.context());
        event.personal = Personal { ip_address, user_agent, ..event.personal };
        let id = self.emit(event)?;
        self.audit(entry)?;
        Ok(id)
    }

    /// Appends an audit entry in this commit, in the log of its action; it gets its number and hash when the commit is
    /// written. Actor, request and origin come from the context.
    pub fn audit(&mut self, record: AuditRecord) -> Result<(), TxFault> {
        let id = self.id();
        let context = self.context();
        let (actor, request_id) = (Actor::from(&context.caller), context.request_id.clone());
        let personal = Personal::of_call(context);
        let person = persons::of_entry(&actor, record.subject);
        let sealed = persons::seal(self, person, &persons::place_of_entry(id), &personal)?;
        let body = AuditBody {
            id,
            time: self.now(),
            actor,
            action: record.action.action,
            result: record.result,
            subject: record.subject,
            request_id,
            detail: record.detail,
            personal: sealed,
        };
        self.append(audit::log(record.action.log), &body)
    }
}
