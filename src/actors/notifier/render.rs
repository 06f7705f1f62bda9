//! Renders a template to a mail's subject, text and HTML.
//!
//! A missing variable is an error. `limits::TEMPLATE_FUEL` bounds the run time of a template. HTML is escaped, and its
//! style sheet is written into the elements, because many mail programs ignore style sheets; the rules that depend on
//! the screen (narrow, dark) stay in the head.

use std::collections::BTreeMap;

use css_inline::CSSInliner;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};

use super::shipped::{self, TemplatePart};
use crate::{
    domain::notification::{Channel, Facts, SHARED_VARIABLES, TemplateName, languages},
    types::{Locale, Secret, Timestamp, limits},
};

/// The maximum number of characters in a line of text.
const TEXT_WIDTH: usize = 76;

/// The application's name and address in mail.
#[derive(Debug, Clone)]
pub struct Brand {
    pub app: String,
    /// The address of the application, if one is configured.
    pub app_url: Option<String>,
}

/// A code that is valid at the time of sending.
#[derive(Debug, Clone)]
pub struct CodeOnMail {
    /// Six or eight digits, or the code of an invitation.
    pub digits: Secret,
    /// The page of the application that accepts the link's secret in place of the code, if the mail has a link.
    pub link: Option<Secret>,
    /// The end of the validity of code and link.
    pub expires_at: Timestamp,
}

/// A message without its envelope.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line; empty for a text message.
    pub subject: String,
    pub text: String,
    /// HTML with its styles in the elements; empty for a text message.
    pub html: String,
}

/// The input of a rendering.
pub struct Occasion<'a> {
    pub template: TemplateName,
    /// The recipient's language, if the recipient chose one.
    pub locale: Option<&'a Locale>,
    pub facts: &'a Facts,
    /// Present for templates with a code.
    pub code: Option<&'a CodeOnMail>,
    /// The time of sending, from which the minutes of a code's validity are computed.
    pub now: Timestamp,
}

/// The reason why a message could not be rendered: a bug of a template, or a missing code.
#[derive(Debug, thiserror::Error)]
pub enum RenderFault {
    /// The template is wrong, or uses a variable that it does not declare.
    #[error("the template {template} cannot be rendered")]
    Template {
        template: &'static str,
        #[source]
        source: minijinja::Error,
    },
    /// The styles could not be written into the elements.
    #[error("the styles of the template {template} cannot be inlined: {reason}")]
    Styles { template: &'static str, reason: String },
}

/// The parsed templates, shared by all threads of the process.
pub struct Renderer {
    environment: Environment<'static>,
    brand: Brand,
}

impl Renderer {
    /// Parses every shipped template.
    pub fn new(brand: Brand) -> Result<Self, RenderFault> {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(limits::TEMPLATE_FUEL));
        environment.set_auto_escape_callback(
            |name| {
                if name.ends_with(".html") { AutoEscape::Html } else { AutoEscape::None }
            },
        );
        let all = shipped::LANGUAGES.iter().flat_map(|(_, templates)| templates.iter().copied().flatten());
        for source in shipped::SHARED.iter().chain(all) {
            environment
                .add_template(source.path, source.text)
                .map_err(|fault| RenderFault::Template { template: source.path, source: fault })?;
        }
        Ok(Self { environment, brand })
    }

    /// Renders a message in the best available language for the recipient, else in English.
    pub fn render(&self, occasion: &Occasion<'_>) -> Result<Rendered, RenderFault> {
        let template = occasion.template;
        let shipped = |language: &String| shipped::LANGUAGES.iter().any(|(known, _)| known == language);
        let language = languages(occasion.locale).into_iter().find(shipped).unwrap_or_else(|| "en".to_owned());
        let mut variables = self.variables(occasion, &language);
        match template.channel() {
            Channel::Email => {}
            Channel::Sms => {
                let text = self.part(&language, template, TemplatePart::Text, &variables)?;
                return Ok(Rendered { subject: String::new(), text: text.trim().to_owned(), html: String::new() });
            }
        }
        let subject = self.part(&language, template, TemplatePart::Subject, &variables)?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        variables.insert("subject", Value::from(subject.clone()));
        let text = self.part(&language, template, TemplatePart::Text, &variables)?;
        let html = self.part(&language, template, TemplatePart::Html, &variables)?;
        Ok(Rendered { subject, text: wrapped(&text), html: inline(template, &html)? })
    }

    fn part(
        &self,
        language: &str,
        template: TemplateName,
        part: TemplatePart,
        variables: &BTreeMap<&'static str, Value>,
    ) -> Result<String, RenderFault> {
        let fault = |source| RenderFault::Template { template: template.as_str(), source };
        let found = self.environment.get_template(&shipped::path(language, template, part)).map_err(fault)?;
        found.render(Value::from(variables.clone())).map_err(fault)
    }

    /// The variables that the template declares and no others, so that a template that uses more fails in the tests.
    fn variables(&self, occasion: &Occasion<'_>, language: &str) -> BTreeMap<&'static str, Value> {
        let facts = occasion.facts;
        let until = occasion.code.map(|code| code.expires_at).or(facts.until).unwrap_or(occasion.now);
        let dash = |text: &Option<String>| Value::from(text.clone().unwrap_or_else(|| "\u{2013}".to_owned()));
        let declared = SHARED_VARIABLES.iter().chain(occasion.template.variables());
        declared
            .filter_map(|name| {
                let value = match *name {
                    "app" => Value::from(self.brand.app.clone()),
                    "app_url" => Value::from(self.brand.app_url.clone().unwrap_or_default()),
                    "locale" => Value::from(language.to_owned()),
                    "code" => Value::from(occasion.code?.digits.reveal()),
                    "link" => Value::from(occasion.code?.link.as_ref().map(Secret::reveal).unwrap_or_default()),
                    "minutes" => Value::from(until.since(occasion.now).as_secs().div_ceil(60)),
                    "expires_at" => Value::from(clock_time(until)),
                    "until" => Value::from(moment(until)),
                    "at" => Value::from(moment(facts.at)),
                    "ip_address" => dash(&facts.ip_address),
                    "device" => dash(&facts.device),
                    // `subject` is added after its rendering.
                    _ => return None,
                };
                Some((*name, value))
            })
            .collect()
    }
}

/// Breaks each paragraph, one line in the template, between words at `TEXT_WIDTH` (RFC 5322 section 2.1.1 advises 78).
fn wrapped(text: &str) -> String {
    let mut lines = Vec::new();
    for paragraph in text.trim().lines() {
        let indent = if paragraph.starts_with("- ") { "  " } else { "" };
        let mut line = String::new();
        for (index, word) in paragraph.split(' ').enumerate() {
            if !line.trim().is_empty() && line.chars().count() + 1 + word.chars().count() > TEXT_WIDTH {
                lines.push(std::mem::replace(&mut line, format!("{indent}{word}")));
            } else {
                if index > 0 {
                    line.push(' ');
                }
                line.push_str(word);
            }
        }
        lines.push(line);
    }
    lines.join("\n") + "\n"
}

/// `2026-01-31 12:00 UTC`: unambiguous in every language.
fn moment(at: Timestamp) -> String {
    let text = at.to_string();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// `12:00 UTC`.
fn clock_time(at: Timestamp) -> String {
    let text = at.to_string();
    text.get(11..16).map_or(text.clone(), |time| format!("{time} UTC"))
}

fn inline(template: TemplateName, html: &str) -> Result<String, RenderFault> {
    CSSInliner::options()
        .keep_style_tags(false)
        .keep_at_rules(true)
        .minify_css(true)
        .load_remote_stylesheets(false)
        .build()
        .inline(html)
        .map_err(|fault| RenderFault::Styles { template: template.as_str(), reason: fault.to_string() })
}

#[cfg(test)]
#[path = "render_tests.rs"]
mod tests;
