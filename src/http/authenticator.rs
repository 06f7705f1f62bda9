//! How access tokens are proven: the handle of AuthActor behind the frame's seam.

use futures::{FutureExt, future::BoxFuture};

use super::credential::{AuthRefusal, Authenticator};
use crate::{
    actors::auth::{Auth, AuthenticateRefusal},
    types::Principal,
};

impl Authenticator for Auth {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>> {
        let found = match Auth::authenticate(self, token) {
            Ok(Ok(found)) => Ok(found.principal),
            Ok(Err(AuthenticateRefusal::Invalid)) => Err(AuthRefusal::Invalid),
            Ok(Err(AuthenticateRefusal::Expired)) => Err(AuthRefusal::Expired),
            Ok(Err(AuthenticateRefusal::SessionEnded)) => Err(AuthRefusal::SessionEnded),
            Err(fault) => Err(AuthRefusal::Fault(fault)),
        };
        std::future::ready(found).boxed()
    }
}
