use std::{collections::BTreeSet, fs, path::Path};

use super::*;
use crate::domain::notification::Category;

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

fn renderer() -> Renderer {
    let brand = Brand { app: "Acme & Söhne".into(), app_url: Some("https://app.example.com/".into()) };
    Renderer::new(brand).unwrap()
}

fn facts() -> Facts {
    Facts {
        at: NOW,
        ip_address: Some("2001:db8:85a3:8d3:1319:8a2e:370:7348".into()),
        device: Some("Firefox, Windows".into()),
        until: Some(NOW.plus(std::time::Duration::from_secs(240))),
    }
}

/// The longest values, without a place for a line break.
fn longest() -> (Renderer, Facts) {
    let app_url = format!("https://app.example.com/{}", "w".repeat(400));
    let brand = Brand {
        app: "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbea".into(),
        app_url: Some(app_url),
    };
    let facts = Facts {
        at: NOW,
        ip_address: Some("2001:0db8:85a3:08d3:1319:8a2e:0370:7348".into()),
        device: Some("Samsung Internet, ChromeOS".into()),
        until: Some(NOW.plus(std::time::Duration::from_secs(3_600))),
    };
    (Renderer::new(brand).unwrap(), facts)
}

/// Only the required values.
fn least() -> (Renderer, Facts) {
    let facts = Facts { at: NOW, ip_address: None, device: None, until: None };
    (Renderer::new(Brand { app: "\u{e9}".into(), app_url: None }).unwrap(), facts)
}

/// The parts that a message of the channel has.
fn bodies(channel: Channel) -> &'static [TemplatePart] {
    match channel {
        Channel::Email => &[TemplatePart::Subject, TemplatePart::Html, TemplatePart::Text],
        Channel::Sms => &[TemplatePart::Text],
    }
}

/// Digits for mail of the category of codes, else an invitation's code, which is the longest.
fn code(template: TemplateName) -> CodeOnMail {
    let digits = if template.category() == Category::Code { "482913" } else { "7K2M-0QZP-4C9V-XH31" };
    CodeOnMail { digits: Secret::new(digits), link: None, expires_at: NOW.plus(std::time::Duration::from_secs(600)) }
}

fn render(template: TemplateName, locale: &str) -> Rendered {
    render_with(template, locale, code(template))
}

/// A link of the length of those in mails, at a page of the application.
const LINK: &str = "https://app.example.com/en/verify?secret=\
    mjl_AZfzoHweetKbHx8uPUxbaqdRrl5mZ8Q0v3nX2yT4cE6hK9pLwBsGjUoYiDfRa1Nm&from=mail";

fn render_with(template: TemplateName, locale: &str, code: CodeOnMail) -> Rendered {
    let locale = Locale::parse(locale).unwrap();
    let facts = facts();
    renderer()
        .render(&Occasion { template, locale: Some(&locale), facts: &facts, code: Some(&code), now: NOW })
        .unwrap_or_else(|fault| panic!("{}: {fault:?}", template.as_str()))
}

/// Writes each mail into `target/mail-previews`, for a browser.
#[test]
fn every_template_renders_in_every_language() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mail-previews");
    fs::create_dir_all(&folder).unwrap();
    for (language, _) in shipped::LANGUAGES {
        for template in TemplateName::ALL.iter().copied().filter(|template| template.channel() == Channel::Email) {
            let mail = render(template, language);
            let name = template.as_str();
            assert!(!mail.subject.is_empty() && !mail.subject.contains('\n'), "{name}");
            assert!(mail.subject.contains("Acme & Söhne"), "a subject is text, not HTML: {}", mail.subject);
            assert!(mail.html.contains("Acme &amp; Söhne"), "{name}");
            assert!(
                mail.html.contains("prefers-color-scheme:dark") || mail.html.contains("prefers-color-scheme: dark")
            );
            assert!(mail.html.contains("max-width: 480px"), "{name}");
            assert!(mail.html.contains("<td class=\"card\" style="), "{name}: styles are in the elements");
            assert!(!mail.html.contains("<script") && !mail.html.contains("<img"), "{name}: nothing is fetched or run");
            assert!(mail.html.len() < 32 << 10, "{name}: {} bytes", mail.html.len());
            assert!(mail.text.lines().all(|line| line.chars().count() <= 80), "{name} ({language}):\n{}", mail.text);
            assert!(!mail.text.contains("&amp;"), "{name}");
            fs::write(folder.join(format!("{name}.{language}.html")), &mail.html).unwrap();
            fs::write(folder.join(format!("{name}.{language}.txt")), &mail.text).unwrap();
        }
    }
}

/// Writes them into the same folder.
#[test]
fn the_longest_and_the_least_render_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/mail-previews");
    fs::create_dir_all(&folder).unwrap();
    let long_link = format!("https://app.example.com/{}?secret={}", "w".repeat(400), "m".repeat(68));
    for (kind, (renderer, facts), link) in [("longest", longest(), Some(long_link)), ("least", least(), None)] {
        for (language, _) in shipped::LANGUAGES {
            for template in TemplateName::ALL.iter().copied() {
                let (locale, name) = (Locale::parse(language).unwrap(), template.as_str());
                let code = CodeOnMail { link: link.clone().map(Secret::new), ..code(template) };
                let occasion = Occasion { template, locale: Some(&locale), facts: &facts, code: Some(&code), now: NOW };
                let mail = renderer.render(&occasion).unwrap();
                let breaks = mail.html.contains("word-break:break-word");
                assert!(breaks || template.channel() == Channel::Sms, "{name}: a long name is wider than a phone");
                for line in mail.text.lines() {
                    let is_broken = line.chars().count() <= 80 || !line.trim().contains(' ');
                    assert!(is_broken || template.channel() == Channel::Sms, "{name} ({language}):\n{}", mail.text);
                    assert!(line.len() <= 998, "RFC 5322 section 2.1.1: {name} ({language}):\n{}", mail.text);
                }
                fs::write(folder.join(format!("{name}.{language}.{kind}.html")), &mail.html).unwrap();
                fs::write(folder.join(format!("{name}.{language}.{kind}.txt")), &mail.text).unwrap();
            }
        }
    }
}

#[test]
fn a_template_uses_only_what_it_declares() {
    let renderer = renderer();
    let common: BTreeSet<_> = SHARED_VARIABLES.iter().map(|name| (*name).to_owned()).collect();
    let used = |path: &str| -> BTreeSet<String> {
        renderer.environment.get_template(path).unwrap().undeclared_variables(false).into_iter().collect()
    };
    for source in shipped::SHARED {
        assert!(used(source.path).is_subset(&common), "{} uses {:?}", source.path, used(source.path));
    }
    for (language, _) in shipped::LANGUAGES {
        for template in TemplateName::ALL.iter().copied() {
            let mut declared = common.clone();
            declared.extend(template.variables().iter().map(|name| (*name).to_owned()));
            let mut all = BTreeSet::new();
            for part in bodies(template.channel()) {
                let path = shipped::path(language, template, *part);
                let used = used(&path);
                assert!(used.is_subset(&declared), "{path} uses {:?}", used.difference(&declared));
                all.extend(used);
            }
            for name in template.variables() {
                assert!(all.contains(*name), "{} in {language} never uses {name}", template.as_str());
            }
        }
    }
}

#[test]
fn a_code_is_whole_in_text_and_html_and_not_in_the_subject() {
    for template in [TemplateName::VerificationCode, TemplateName::ResetCode, TemplateName::StepUpCode] {
        let mail = render(template, "en");
        assert!(mail.html.contains(">482913<"));
        assert!(mail.text.contains("\n    482913\n"));
        assert!(!mail.subject.contains("482913"));
        assert!(mail.text.contains("10 min, until 03:14 UTC"), "{}", mail.text);
        assert!(mail.text.contains("2026-01-02 03:04 UTC"), "{}", mail.text);
    }
}

#[test]
fn a_text_message_is_one_short_line_and_its_code() {
    let text = "482913 is your Acme & Söhne code, valid for 10 min. Never pass it on.";
    let message = render(TemplateName::PhoneCode, "en");
    assert_eq!((message.text.as_str(), message.subject.as_str(), message.html.as_str()), (text, "", ""));
    assert!(render(TemplateName::PhoneCode, "de").text.starts_with("482913 ist "));
}

#[test]
fn a_link_is_a_button_and_an_address_beside_the_code() {
    for template in [TemplateName::VerificationCode, TemplateName::ResetCode] {
        for (language, _) in shipped::LANGUAGES {
            let with = CodeOnMail { link: Some(Secret::new(LINK)), ..code(template) };
            let mail = render_with(template, language, with);
            let escaped = LINK.replace('&', "&amp;");
            assert_eq!(mail.html.matches(&format!("href=\"{escaped}\"")).count(), 2, "{}", mail.html);
            assert!(mail.html.contains(&format!(">{escaped}</a>")), "{}", mail.html);
            assert!(mail.html.contains(">482913<") && mail.text.contains("\n    482913\n"), "{}", mail.text);
            assert!(mail.text.lines().any(|line| line == LINK), "{}", mail.text);
            assert!(!mail.subject.contains("mjl_"));
            let without = render(template, language);
            assert!(!without.html.contains("<a ") && !without.text.contains("http"), "{}", without.text);
        }
    }
}

#[test]
fn a_region_falls_back_to_its_language_and_an_unknown_one_to_english() {
    assert_eq!(render(TemplateName::Welcome, "de-AT"), render(TemplateName::Welcome, "de"));
    assert_eq!(render(TemplateName::Welcome, "fr"), render(TemplateName::Welcome, "en"));
    assert_ne!(render(TemplateName::Welcome, "de"), render(TemplateName::Welcome, "en"));
}

#[test]
fn a_mail_without_its_code_is_a_fault_and_not_a_mail_without_a_code() {
    let facts = facts();
    let occasion =
        Occasion { template: TemplateName::VerificationCode, locale: None, facts: &facts, code: None, now: NOW };
    assert!(matches!(renderer().render(&occasion), Err(RenderFault::Template { .. })));
}

#[test]
fn an_endless_template_is_stopped() {
    let mut renderer = renderer();
    renderer
        .environment
        .add_template("endless", "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}")
        .unwrap();
    assert!(renderer.environment.get_template("endless").unwrap().render(Value::from(())).is_err());
}

impl std::fmt::Debug for Rendered {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.subject)
    }
}

#[test]
fn an_address_breaks_between_its_groups_and_user_input_stays_text() {
    let facts = Facts { device: Some("<img> & co::".into()), ..facts() };
    let occasion = Occasion { template: TemplateName::NewDevice, locale: None, facts: &facts, code: None, now: NOW };
    let mail = renderer().render(&occasion).unwrap();
    assert!(mail.html.contains("2001:<wbr>db8:<wbr>85a3:"), "{}", mail.html);
    assert!(mail.html.contains("&lt;img&gt; &amp; co:<wbr>:<wbr>"), "{}", mail.html);
    assert!(mail.text.contains("2001:db8:85a3:8d3:1319:8a2e:370:7348"), "{}", mail.text);
}
