//! The check of access tokens: implements the edge's `Authenticator` trait with the handle of AuthActor.

use futures::future::BoxFuture;

use super::credential::{AuthRefusal, Authenticator};
use crate::{
    actors::auth::{Auth, AuthenticateRefusal},
    types::{Failure, Principal},
};

impl Authenticator for Auth {
    fn authenticate<'a>(&'a self, token: &'a str) -> BoxFuture<'a, Result<Principal, AuthRefusal>> {
        Box::pin(async move {
            match Auth::authenticate(self, token).await {
                Ok(found) => Ok(found.principal),
                Err(Failure::Refused(AuthenticateRefusal::Invalid)) => Err(AuthRefusal::Invalid),
                Err(Failure::Refused(AuthenticateRefusal::Expired)) => Err(AuthRefusal::Expired),
                Err(Failure::Refused(AuthenticateRefusal::SessionEnded)) => Err(AuthRefusal::SessionEnded),
                Err(Failure::Fault(fault)) => Err(AuthRefusal::Fault(fault)),
            }
        })
    }
}
