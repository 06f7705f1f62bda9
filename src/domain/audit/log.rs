//! The two audit logs, and a position in both.

/// The audit logs. Sign-ins are the most frequent entries. They have a separate chain, so that retention can cut it
/// without cutting the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditLog {
    /// Changes of users, credentials, roles, keys and configuration.
    Changes,
    /// Sign-ins and sign-outs, including refused ones, and what was read of users.
    SignIns,
}

impl AuditLog {
    /// Both logs.
    pub const ALL: [Self; 2] = [Self::Changes, Self::SignIns];

    /// The name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Changes => "audit",
            Self::SignIns => "audit_sign_ins",
        }
    }
}

/// The position of a reader of both logs, who reads towards smaller numbers: the next entries are below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditPlace {
    /// The number in `AuditLog::Changes`.
    pub changes: u64,
    /// The number in `AuditLog::SignIns`.
    pub sign_ins: u64,
}

impl AuditPlace {
    /// Before the newest entries.
    pub const NEWEST: Self = Self { changes: u64::MAX, sign_ins: u64::MAX };

    /// The position as 16 bytes, the input of `from_bytes`.
    pub fn to_bytes(self) -> [u8; 16] {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.changes.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sign_ins.to_be_bytes());
        bytes
    }

    /// The position of 16 bytes; `None` for any other length.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (changes, rest) = bytes.split_first_chunk()?;
        let sign_ins = rest.try_into().ok()?;
        Some(Self { changes: u64::from_be_bytes(*changes), sign_ins: u64::from_be_bytes(sign_ins) })
    }

    /// The number in `log`.
    pub fn of(&self, log: AuditLog) -> u64 {
        match log {
            AuditLog::Changes => self.changes,
            AuditLog::SignIns => self.sign_ins,
        }
    }

    /// The position with `number` in `log`.
    #[must_use]
    pub fn at(self, log: AuditLog, number: u64) -> Self {
        match log {
            AuditLog::Changes => Self { changes: number, ..self },
            AuditLog::SignIns => Self { sign_ins: number, ..self },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::AuditPlace;

    #[test]
    fn a_place_comes_back_from_its_bytes_and_from_no_others() {
        let place = AuditPlace { changes: 7, sign_ins: u64::MAX - 1 };
        assert_eq!(AuditPlace::from_bytes(&place.to_bytes()), Some(place));
        assert_eq!(AuditPlace::from_bytes(&place.to_bytes()[1..]), None);
        assert_eq!(AuditPlace::from_bytes(&[0; 17]), None);
    }
}
