//! Pages of one file: style sheet and script are part of the page, and its policy permits these two by their hashes
//! (Content Security Policy Level 3 section 2.3.1). So a page loads nothing but what its policy names.

use std::{borrow::Cow, sync::LazyLock};

use axum::{
    body::Bytes,
    http::header,
    response::{IntoResponse, Response},
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use rust_embed::RustEmbed;
use sha2::{Digest as _, Sha256};

#[derive(RustEmbed)]
#[folder = "assets/pages/"]
struct PageFiles;

/// The places of a page's file that the style sheet, the script and the version replace.
const STYLE: &str = "@style@";
const SCRIPT: &str = "@script@";
const VERSION: &str = "@version@";

/// A page and the policy that it is shown under.
pub(super) struct HtmlPage {
    text: String,
    policy: String,
}

/// The page at `/` in development.
pub(super) static HOME: LazyLock<HtmlPage> = LazyLock::new(|| HtmlPage::assemble("home.html", None, ""));
/// The page of a kind of problem.
pub(super) static PROBLEM: LazyLock<HtmlPage> = LazyLock::new(|| HtmlPage::assemble("problem.html", None, ""));
/// The mailbox of the development inbox. It loads the list, and each mail in a frame.
pub(super) static INBOX: LazyLock<HtmlPage> =
    LazyLock::new(|| HtmlPage::assemble("inbox.html", Some("inbox.js"), "connect-src 'self'; frame-src 'self'; "));

impl HtmlPage {
    fn assemble(page: &str, script: Option<&str>, loads: &str) -> Self {
        let (style, script) = (file("pages.css"), script.map(file));
        let mut policy = format!("default-src 'none'; img-src data:; style-src 'sha256-{}'; {loads}", hash(&style));
        let mut text = file(page).replace(STYLE, &style).replace(VERSION, env!("CARGO_PKG_VERSION"));
        if let Some(script) = script {
            policy.push_str(&format!("script-src 'sha256-{}'; ", hash(&script)));
            text = text.replace(SCRIPT, &script);
        }
        policy.push_str("base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
        Self { text, policy }
    }

    /// The answer, with each place in the page replaced by its text.
    pub(super) fn answer_with(&self, values: &[(&str, &str)]) -> Response {
        let text = values.iter().fold(self.text.clone(), |text, (place, value)| text.replace(place, &escaped(value)));
        self.headers(text)
    }

    /// The answer.
    pub(super) fn answer(&self) -> Response {
        self.headers(self.text.clone())
    }

    fn headers(&self, text: String) -> Response {
        let headers =
            [(header::CONTENT_TYPE, "text/html; charset=utf-8"), (header::CONTENT_SECURITY_POLICY, &*self.policy)];
        (headers, Bytes::from(text)).into_response()
    }
}

/// The text of an embedded file; empty if it is missing, which the tests of the pages notice.
fn file(name: &str) -> String {
    let found = PageFiles::get(name).map(|file| file.data).unwrap_or(Cow::Borrowed(&[]));
    String::from_utf8_lossy(&found).into_owned()
}

/// `text` as the content of an element or a quoted attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn hash(text: &str) -> String {
    STANDARD.encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The texts between `<name>` and `</name>`.
    fn inside(page: &str, name: &str) -> Vec<String> {
        let (open, close) = (format!("<{name}>"), format!("</{name}>"));
        page.split(&*open).skip(1).map(|part| part.split(&*close).next().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_page_has_the_style_and_the_script_that_its_policy_permits_and_loads_nothing_else() {
        for (page, scripts) in [(&*HOME, 0), (&*PROBLEM, 0), (&*INBOX, 1)] {
            let (styles, found) = (inside(&page.text, "style"), inside(&page.text, "script"));
            assert_eq!((styles.len(), found.len()), (1, scripts));
            for text in styles.iter().chain(&found) {
                assert!(text.len() > 500, "a file is missing");
                assert!(page.policy.contains(&format!("'sha256-{}'", hash(text))), "{}", page.policy);
            }
            assert!(page.policy.starts_with("default-src 'none';") && !page.policy.contains("unsafe"));
            for place in [STYLE, SCRIPT, VERSION] {
                assert!(!page.text.contains(place), "{place} was not replaced");
            }
            for forbidden in [" style=\"", " onclick=", "src=\"http", "href=\"http", "innerHTML", "@import"] {
                assert!(!page.text.contains(forbidden), "{forbidden}");
            }
        }
    }
}
