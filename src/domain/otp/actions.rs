//! The audit actions on one-time codes.

use crate::domain::audit::actions;

actions! {
    /// An action on a one-time code.
    OtpAction of Otp:
    /// A code was sent again.
    ResendCode = 0x0301, "code.resend" in Changes;
    /// A wrong code was given.
    CodeRefused = 0x0302, "code.refused" in Changes;
    /// A ceiling on wrong codes was reached: no code is accepted until the hour is over.
    CodeCeiling = 0x0303, "code.ceiling" in Changes;
}
