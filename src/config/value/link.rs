//! Templates of the links in mails.

use super::{HttpUrl, Text};

const SECRET: &str = "{secret}";
const APP_URL: &str = "{app_url}";

/// The address of a page of the application, with `{secret}` in its query or fragment, and `{app_url}` at its beginning
/// or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkTemplate(String);

impl LinkTemplate {
    /// The page `page` under `notify.email.app_url`.
    pub(in crate::config) fn of_page(page: &str) -> Self {
        Self(format!("{APP_URL}/{page}?secret={SECRET}"))
    }

    /// Whether it is a page under `notify.email.app_url`.
    pub fn needs_app_url(&self) -> bool {
        self.0.starts_with(APP_URL)
    }

    /// The link that carries `secret`; `None` if the template needs an `app_url` and there is none.
    pub fn link(&self, app_url: Option<&HttpUrl>, secret: &str) -> Option<String> {
        let address = match self.0.strip_prefix(APP_URL) {
            Some(rest) => format!("{}{rest}", app_url?),
            None => self.0.clone(),
        };
        Some(address.replace(SECRET, secret))
    }

    /// Whether it names a page by http, which does not keep its secret.
    pub fn is_http(&self) -> bool {
        self.0.starts_with("http://")
    }
}

impl Text for LinkTemplate {
    fn notation() -> String {
        "a link such as \"{app_url}/page?secret={secret}\"".to_owned()
    }

    fn parse(text: &str) -> Result<Self, String> {
        let refused = |why: &str| Err(why.to_owned());
        if text.matches(SECRET).count() != 1 {
            return refused("it has to hold {secret} once");
        }
        let rest = text.strip_prefix(APP_URL).unwrap_or(text).replacen(SECRET, "", 1);
        if rest.contains(['{', '}']) {
            return refused("the placeholders are {secret}, and {app_url} at the beginning");
        }
        if text.starts_with(APP_URL) && !rest.starts_with(['/', '?', '#']) {
            return refused("{app_url} is followed by '/', '?' or '#'");
        }
        let path = text.split(['?', '#']).next().unwrap_or_default();
        if path.contains(SECRET) {
            return refused("{secret} is in the path, which servers log: put it into the query or the fragment");
        }
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '\'' | '<' | '>' | '\\' | '^' | '`' | '|');
        if !rest.chars().all(is_plain) {
            return refused("it holds a space, a quote or another character that has to be percent-encoded");
        }
        if !text.starts_with(APP_URL) {
            HttpUrl::parse(path.trim_end_matches('/'))?;
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_is_made_of_the_template_the_application_and_the_secret() {
        let app = HttpUrl::parse("https://app.example.com/en").unwrap();
        for (template, link) in [
            ("{app_url}/verify?secret={secret}", Some("https://app.example.com/en/verify?secret=s")),
            ("{app_url}?secret={secret}&a=b", Some("https://app.example.com/en?secret=s&a=b")),
            ("{app_url}/#/verify/{secret}", Some("https://app.example.com/en/#/verify/s")),
            ("https://other.example.com/?s={secret}", Some("https://other.example.com/?s=s")),
            ("http://localhost:3000#{secret}", Some("http://localhost:3000#s")),
        ] {
            let read = LinkTemplate::parse(template).unwrap();
            assert_eq!(read.link(Some(&app), "s").as_deref(), link, "{template}");
            assert_eq!(read.link(None, "s").is_none(), template.starts_with('{'), "{template}");
            assert_eq!(read.text(), template);
        }
    }

    #[test]
    fn what_is_no_link_is_refused_with_its_reason() {
        for (template, why) in [
            ("{app_url}/verify", "once"),
            ("{app_url}/verify?a={secret}&b={secret}", "once"),
            ("{app_url}/verify/{secret}", "path"),
            ("{app_url}/{secret}?a=b", "path"),
            ("{app_url}verify?secret={secret}", "followed"),
            ("{app_url}.evil.example/?secret={secret}", "followed"),
            ("https://app.example.com/?u={app_url}&secret={secret}", "placeholders"),
            ("{app_url}/verify?secret={secret}&user={user}", "placeholders"),
            ("{app_url}/verify?secret={{secret}}", "placeholders"),
            ("{app_url}/verify page?secret={secret}", "percent-encoded"),
            ("{app_url}/verify?secret={secret}\"", "percent-encoded"),
            ("{app_url}/pr\u{fc}fen?secret={secret}", "percent-encoded"),
            ("/verify?secret={secret}", "not"),
            ("app.example.com/verify?secret={secret}", "not an address"),
            ("myapp://verify?secret={secret}", "not http or https"),
            ("javascript:alert(1)?{secret}", "not"),
            ("https://user:word@app.example.com/?secret={secret}", "user or password"),
            ("https://?secret={secret}", "not"),
        ] {
            let refused = LinkTemplate::parse(template).unwrap_err();
            assert!(refused.contains(why), "{template}: {refused}");
        }
    }
}
