//! The audit actions of registration, sign-in, sessions, passwords and signing keys.

use crate::domain::audit::actions;

actions! {
    /// An action of registration, sign-in, sessions, passwords or signing keys.
    AuthAction of Auth:
    /// A registration was created.
    Register = 0x0101, "user.register" in Changes;
    /// An address was verified, which created a user.
    VerifyEmail = 0x0102, "user.verify_email" in Changes;
    /// A sign-in.
    Login = 0x0103, "auth.login" in SignIns;
    /// A sign-out of one session.
    Logout = 0x0104, "auth.logout" in SignIns;
    /// A sign-out of all sessions.
    LogoutAll = 0x0105, "auth.logout_all" in SignIns;
    /// A refresh token was used.
    Refresh = 0x0106, "auth.refresh" in SignIns;
    /// A refresh token was reused, which ended its session.
    ReuseDetected = 0x0107, "auth.reuse_detected" in SignIns;
    /// A session was ended from the list of sessions or by an operator.
    EndSession = 0x0108, "session.end" in Changes;
    /// Sign-in was locked for a time after too many failures.
    LockOut = 0x0109, "auth.lock_out" in SignIns;
    /// A password reset was requested.
    ForgotPassword = 0x010a, "password.forgot" in Changes;
    /// The password was reset by a code.
    ResetPassword = 0x010b, "password.reset" in Changes;
    /// The password was changed.
    ChangePassword = 0x010c, "password.change" in Changes;
    /// A phone number was verified.
    VerifyPhone = 0x010d, "user.verify_phone" in Changes;
    /// A user confirmed their identity again (step-up).
    StepUp = 0x010e, "auth.step_up" in SignIns;
    /// Signing keys were created or changed their stage.
    RotateKeys = 0x010f, "keys.rotate" in Changes;
    /// An administrator had the code of a registration sent again.
    ResendRegistration = 0x0110, "registration.resend" in Changes;
    /// An administrator removed a registration.
    DropRegistration = 0x0111, "registration.drop" in Changes;
}
