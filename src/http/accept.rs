//! The form of an answer that a client prefers: `Accept` (RFC 9110 section 12.5.1).

use std::convert::Infallible;

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};

/// The form of an answer that exists as JSON and as a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnswerForm {
    /// JSON, for programs.
    Json,
    /// A page, for browsers.
    Page,
}

impl<S: Send + Sync> FromRequestParts<S> for AnswerForm {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers))
    }
}

impl AnswerForm {
    /// A page for a client that names `text/html` and does not prefer `application/json`; JSON for all others. A range
    /// such as `*/*` names neither: that is what programs send.
    fn of(headers: &HeaderMap) -> Self {
        let (mut page, mut json) = (0, 0);
        for line in headers.get_all(header::ACCEPT) {
            for range in line.to_str().unwrap_or_default().split(',') {
                let mut parts = range.split(';').map(str::trim);
                let place = match parts.next().unwrap_or_default().to_ascii_lowercase().as_str() {
                    "text/html" | "application/xhtml+xml" => &mut page,
                    "application/json" => &mut json,
                    _ => continue,
                };
                let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
                *place = (*place).max(weight.map_or(1_000, thousandths));
            }
        }
        if page > json { Self::Page } else { Self::Json }
    }
}

/// A weight from 0 to 1 with at most three digits after the point (RFC 9110 section 12.4.2); 0 for any other text.
fn thousandths(weight: &str) -> u16 {
    let (whole, rest) = weight.split_once('.').unwrap_or((weight, ""));
    let digits = format!("{rest:0<3}");
    match (whole, digits.len() == 3, digits.parse::<u16>()) {
        ("0", true, Ok(rest)) => rest,
        ("1", true, Ok(0)) => 1_000,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn browsers_get_a_page_and_programs_get_json() {
        const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8";
        for (accept, form) in [
            (BROWSER, AnswerForm::Page),
            ("TEXT/HTML", AnswerForm::Page),
            ("text/html, application/json;q=0.9", AnswerForm::Page),
            ("text/html;level=1;q=0.5, application/json;q=0.25", AnswerForm::Page),
            ("*/*", AnswerForm::Json),
            ("application/json", AnswerForm::Json),
            ("text/html, application/json", AnswerForm::Json),
            ("text/html;q=0", AnswerForm::Json),
            ("text/html;q=2", AnswerForm::Json),
            ("text/plain", AnswerForm::Json),
            ("", AnswerForm::Json),
        ] {
            let headers = HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            assert_eq!(AnswerForm::of(&headers), form, "{accept}");
        }
        assert_eq!(AnswerForm::of(&HeaderMap::new()), AnswerForm::Json);
    }
}
