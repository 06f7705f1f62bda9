//! The events of one-time codes.

use super::CodePurpose;
use crate::{
    domain::{
        event::{
            event,
            samples::{id, in_ten_minutes},
            service_events,
        },
        notification::Channel,
    },
    types::{
        Timestamp,
        id::{CodeId, UserId},
    },
};

service_events! {
    /// An event of a one-time code.
    OtpEvent of Otp:
    OtpVerificationRequired, OtpSent, OtpPasswordReset, OtpVerified, OtpFailed, OtpExpired, OtpResetUnmatched,
}

event! {
    /// A code for a new address is ready to be sent.
    OtpVerificationRequired = 0x0301, "otp.verification_required", to ["notifier"], schema 1 {
        /// The user or registration.
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        /// The purpose of the code.
        purpose: CodePurpose as "purpose" = CodePurpose::VerifyEmail,
        expires_at: Timestamp as "expiresAt" = in_ten_minutes(),
    }
}

event! {
    /// A channel accepted the message that contains a code.
    OtpSent = 0x0302, "otp.sent", to [], schema 1 {
        /// The user or registration.
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        /// The purpose of the code.
        purpose: CodePurpose as "purpose" = CodePurpose::VerifyEmail,
        channel: Channel as "channel" = Channel::Email,
    }
}

event! {
    /// A code to reset a password is ready to be sent.
    OtpPasswordReset = 0x0303, "otp.password_reset", to ["notifier"], schema 1 {
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        expires_at: Timestamp as "expiresAt" = in_ten_minutes(),
    }
}

event! {
    /// The correct code was sent.
    OtpVerified = 0x0304, "otp.verified", to [], schema 1 {
        /// The user or registration.
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        /// The purpose of the code.
        purpose: CodePurpose as "purpose" = CodePurpose::VerifyEmail,
    }
}

event! {
    /// A wrong code was sent.
    OtpFailed = 0x0305, "otp.failed", to [], schema 1 {
        /// The user or registration.
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        /// The purpose of the code.
        purpose: CodePurpose as "purpose" = CodePurpose::VerifyEmail,
        /// The number of code tries left.
        attempts_left: u8 as "attemptsLeft" = 4,
    }
}

event! {
    /// A code expired unused.
    OtpExpired = 0x0306, "otp.expired", to [], schema 1 {
        /// The user or registration.
        owner: UserId as "userId" = id(),
        code: CodeId as "codeId" = id(),
        /// The purpose of the code.
        purpose: CodePurpose as "purpose" = CodePurpose::VerifyEmail,
    }
}

event! {
    /// A request to reset a password of an unknown address would have led to a code. It is not sent; the event costs
    /// what the one of a code costs.
    OtpResetUnmatched = 0x0307, "otp.reset_unmatched", to ["notifier"], schema 1 {
        code: CodeId as "codeId" = id(),
        expires_at: Timestamp as "expiresAt" = in_ten_minutes(),
    }
}
