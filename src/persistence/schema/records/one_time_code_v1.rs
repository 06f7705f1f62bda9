//! A one-time code, as it was before codes could have eight digits.

use serde::Deserialize;

use crate::{
    domain::otp::{CodePurpose, CodeSending, CodeStage, OneTimeCode},
    types::{
        Network, Timestamp,
        id::{CodeId, UserId},
    },
};

/// Schema 1.
#[derive(Deserialize)]
pub(in crate::persistence::schema) struct OneTimeCodeV1 {
    id: CodeId,
    owner: UserId,
    purpose: CodePurpose,
    digits: [u8; 6],
    state: CodeStage,
    wrong_tries: u8,
    issued_at: Timestamp,
    expires_at: Timestamp,
    sent_at: Vec<Timestamp>,
}

impl From<OneTimeCodeV1> for OneTimeCode {
    fn from(before: OneTimeCodeV1) -> Self {
        let OneTimeCodeV1 { id, owner, purpose, digits, state, wrong_tries, issued_at, expires_at, sent_at } = before;
        // Their networks were not stored; they count for those without a known address.
        let sendings = sent_at.into_iter().map(|at| CodeSending { at, network: Network::UNKNOWN }).collect();
        Self { id, owner, purpose, digits: digits.to_vec(), state, wrong_tries, issued_at, expires_at, sendings }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::persistence::schema::records::stored;

    /// A record that the program stored when all codes had six digits.
    const STORED: &str = "0100011001a3185c50007f0ead55852ae5d8b39610000000000000000000000123456789ab02313233343536\
                          0000fd000031512eca0c00fd008cb7982eca0c0001fd000031512eca0c00";

    #[test]
    fn a_code_of_before_is_read() {
        let read: OneTimeCode = stored(STORED);
        assert_eq!((read.digits.as_slice(), read.state, read.wrong_tries), (b"123456".as_slice(), CodeStage::Live, 0));
        assert_eq!(read.purpose, CodePurpose::ResetPassword);
        let sent: Vec<_> = read.sendings.iter().map(|sent| sent.at).collect();
        assert_eq!((sent, read.expires_at > read.issued_at), (vec![read.issued_at], true));
    }
}
