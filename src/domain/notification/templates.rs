//! The table of templates. A template is one row here, and its files in `assets/templates`; no other place names it.

/// Passes the rows of all templates to the macro `$then`, after `($context)`. The table is used twice: for the type
/// `TemplateName`, and for the files that are compiled into the program.
///
/// A row has:
/// - `name`: of the files, on the wire, in events;
/// - `channel`: an `Email` has the files `.subject`, `.html` and `.txt` in each language, an `Sms` has a `.txt`;
/// - `category`: the category for preferences and limits;
/// - `hours`: how long a delivery is sent after its creation; a delivery with a code ends with the code;
/// - `limit`: the limit of deliveries to one recipient (`SendLimit`);
/// - `older`: what happens to a waiting older delivery (`OlderDelivery`);
/// - `variables`: those it may use in addition to the shared ones. None holds text that a person typed; `device` is a
///   description by `device.rs`, never the client's header.
///
/// Stored by position: new rows go to the end.
macro_rules! for_each_template {
    ($then:ident $($context:tt)*) => {
        $then! {
            ($($context)*)
            /// After the address was proven.
            Welcome {
                name: "welcome", channel: Email, category: Account, hours: 72,
                limit: Usual { a_day: 100 }, older: Kept, variables: [],
            }
            /// The code that proves an address.
            VerificationCode {
                name: "verification_code", channel: Email, category: Code, hours: 1,
                limit: AtItsSource, older: Replaced,
                variables: ["code", "link", "minutes", "expires_at", "at", "ip_address"],
            }
            /// The code for a new password.
            ResetCode {
                name: "reset_code", channel: Email, category: Code, hours: 1,
                limit: AtItsSource, older: Replaced,
                variables: ["code", "link", "minutes", "expires_at", "at", "ip_address"],
            }
            /// The user has changed or reset the password.
            PasswordChanged {
                name: "password_changed", channel: Email, category: Security, hours: 24,
                limit: Usual { a_day: 100 }, older: Kept, variables: ["at", "ip_address", "device"],
            }
            /// A sign-in from an unknown device.
            NewDevice {
                name: "new_device", channel: Email, category: Security, hours: 24,
                limit: Usual { a_day: 100 }, older: Kept, variables: ["at", "ip_address", "device"],
            }
            /// Sign-in is locked for a time after too many failures.
            LockedOut {
                name: "locked_out", channel: Email, category: Security, hours: 6,
                limit: Usual { a_day: 10 }, older: Replaced, variables: ["at", "ip_address", "minutes"],
            }
            /// The owner's address was registered again.
            AddressTaken {
                name: "address_taken", channel: Email, category: Security, hours: 24,
                limit: Hourly { a_day: 3 }, older: Replaced, variables: ["at", "ip_address"],
            }
            /// A session was ended because its refresh token was reused.
            SessionEnded {
                name: "session_ended", channel: Email, category: Security, hours: 24,
                limit: Usual { a_day: 100 }, older: Kept, variables: ["at", "ip_address"],
            }
            /// The code by which a signed-in user confirms their identity again.
            StepUpCode {
                name: "step_up_code", channel: Email, category: Code, hours: 1,
                limit: AtItsSource, older: Replaced, variables: ["code", "minutes", "expires_at", "at", "ip_address"],
            }
            /// The code that proves a phone.
            PhoneCode {
                name: "phone_code", channel: Sms, category: Code, hours: 1,
                limit: AtItsSource, older: Replaced, variables: ["code", "minutes"],
            }
            /// An invitation to register.
            Invitation {
                name: "invitation", channel: Email, category: Account, hours: 72,
                limit: AtItsSource, older: Replaced, variables: ["code", "until"],
            }
            /// An operator has set a password for the user.
            PasswordSet {
                name: "password_set", channel: Email, category: Security, hours: 24,
                limit: Usual { a_day: 100 }, older: Kept, variables: ["at"],
            }
        }
    };
}

pub(crate) use for_each_template;
