//! Entity tags: the version of a record in `ETag`, and the expected version of a change in `If-Match` (RFC 9110
//! sections 8.8.3 and 13.1.1).

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
    response::{IntoResponse, Response},
};
use serde::Serialize;

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

fn tag(version: u64) -> String {
    format!("\"{version}\"")
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
