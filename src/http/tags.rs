//! Entity tags: the version of a record in `ETag`, the expected version of a change in `If-Match`, and the version that
//! a reader has in `If-None-Match` (RFC 9110 sections 8.8.3, 13.1.1 and 13.1.2).

use std::convert::Infallible;

use axum::{
    body::Body,
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::{
    error::{ApiError, ProblemCode},
    extract::Json,
};
use crate::types::ExpectedVersion;

/// An answer with the entity tag of its version.
#[derive(Debug, Clone)]
pub struct Tagged<T> {
    /// The record's number of changes.
    pub version: u64,
    /// The record.
    pub body: T,
}

impl<T: Serialize> IntoResponse for Tagged<T> {
    fn into_response(self) -> Response {
        ([(header::ETAG, tag(self.version))], Json(self.body)).into_response()
    }
}

impl<T: Serialize> Tagged<T> {
    /// 304 if the reader has this version.
    pub fn unless(self, known: &IfNoneMatch) -> Response {
        known.or(&tag(self.version), Json(self.body))
    }
}

fn tag(version: u64) -> String {
    format!("\"{version}\"")
}

/// The strong tag of an answer that is the same for all clients: a digest of its content.
pub fn content_tag(content: &[u8]) -> String {
    let digest = Sha256::digest(content);
    let digits: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
    format!("\"{digits}\"")
}

/// The tags in `If-None-Match`: a reader's versions.
#[derive(Debug, Clone, Default)]
pub struct IfNoneMatch(Vec<String>);

impl IfNoneMatch {
    /// 304 if the reader has the version `tag` (RFC 9110 section 15.4.5), else `answer` with the tag.
    pub fn or(&self, tag: &str, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Ok(value) = HeaderValue::from_str(tag) {
            response.headers_mut().insert(header::ETAG, value);
        }
        if response.status() == StatusCode::OK && self.0.iter().any(|known| known == "*" || known == tag) {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(header::CONTENT_TYPE);
            *response.body_mut() = Body::empty();
        }
        response
    }
}

impl<S: Send + Sync> FromRequestParts<S> for IfNoneMatch {
    type Rejection = Infallible;

    /// A header that is no list of tags matches nothing: the reader gets the whole answer.
    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let lines = parts.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|line| line.to_str().ok());
        let tags = lines.flat_map(|line| line.split(',')).map(str::trim);
        // The comparison is the weak one (RFC 9110 section 13.1.2).
        Ok(Self(tags.map(|tag| tag.strip_prefix("W/").unwrap_or(tag).to_owned()).collect()))
    }
}

/// The versions that `If-Match` accepts: any version without the header or with `*`, else one of the listed tags.
///
/// A weak tag (`W/"7"`) matches no version, because `If-Match` uses the strong comparison (RFC 9110 section 13.1.1).
/// Nor does a tag that this program never issued.
#[derive(Debug, Clone)]
pub struct IfMatch(pub ExpectedVersion);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let lines: Vec<&HeaderValue> = parts.headers.get_all(header::IF_MATCH).iter().collect();
        let expected = match lines[..] {
            [] => Some(ExpectedVersion::Whichever),
            [only] if only.as_bytes().trim_ascii() == b"*" => Some(ExpectedVersion::Whichever),
            _ => lines.iter().map(|line| versions(line)).collect::<Option<Vec<_>>>().map(|lists| {
                // A list may be sent in several header lines (RFC 9110 section 5.3).
                ExpectedVersion::OneOf(lists.concat())
            }),
        };
        let refusal =
            || ApiError::new(ProblemCode::InvalidHeader).detail("If-Match must be * or a list of entity tags.");
        expected.map(Self).ok_or_else(refusal)
    }
}

/// The versions of a list of tags; `None` if the text is no list of tags.
fn versions(list: &HeaderValue) -> Option<Vec<u64>> {
    let mut rest = list.to_str().ok()?.trim();
    let mut versions = Vec::new();
    while !rest.is_empty() {
        let (strong, tag) = match rest.strip_prefix("W/") {
            Some(weak) => (None, weak),
            None => (Some(()), rest),
        };
        let (opaque, after) = tag.strip_prefix('"')?.split_once('"')?;
        if opaque.contains(|character: char| !character.is_ascii_graphic()) {
            return None;
        }
        // Only the form that this program issues: `"7"`, not `"07"`.
        let version = strong.and_then(|()| opaque.parse::<u64>().ok());
        versions.extend(version.filter(|version| version.to_string() == opaque));
        let after = after.trim_start();
        rest = match after.strip_prefix(',') {
            Some(more) => more.trim_start(),
            None if after.is_empty() => after,
            None => return None,
        };
    }
    Some(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_tags_names_the_versions_that_were_given_out() {
        for (list, expected) in [
            ("\"7\"", Some(vec![7])),
            (&*tag(u64::MAX), Some(vec![u64::MAX])),
            (" \"7\" , \"8\",\"9\" ", Some(vec![7, 8, 9])),
            ("W/\"7\", \"8\"", Some(vec![8])),
            ("\"07\", \"+7\", \"\", \"abc\", \"a,b\"", Some(vec![])),
            ("7", None),
            ("\"7", None),
            ("\"7\" \"8\"", None),
            ("\"7\", *", None),
            ("w/\"7\"", None),
            ("\"7 8\"", None),
        ] {
            assert_eq!(versions(&HeaderValue::from_str(list).unwrap()), expected, "{list}");
        }
    }
}
