//! Bodies of webhooks as users write them: minijinja, with values escaped for the content type.

use std::sync::Arc;

use minijinja::value::{Serde, ValueKind};
use minijinja::{AutoEscape, Environment, UndefinedBehavior};

use super::message::Message;
use super::samples;
use super::value::ConfigError;

/// Instructions that one message may take: a loop over itself ends.
const FUEL: u64 = 1_000_000;
/// Bytes of a template.
const TEMPLATE_BYTES_MAX: usize = 64 << 10;
/// Events of a message that are listed, the worst ones: about 130 KB, where receivers often take
/// no more than a megabyte.
const EVENTS_MAX: usize = 200;
/// Bytes of what it makes.
pub(super) const BODY_BYTES_MAX: usize = 1 << 20;

/// How values are written into the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Escape {
    /// As JSON, strings with their quotes.
    Json,
    /// Percent-encoded (a form).
    Form,
    /// As they are.
    None,
}

/// A template that has been tried.
#[derive(Clone)]
pub(super) struct Template {
    source: Arc<str>,
    escape: Escape,
}

impl std::fmt::Debug for Template {
    // It may have been typed with a secret in it.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Template").field("escape", &self.escape).finish_non_exhaustive()
    }
}

impl Template {
    /// Reads a template, and tries it on a message of each kind of event: one that makes no JSON,
    /// or names what is not there, is refused before anything happens that it is needed for.
    pub(super) fn parse(source: &str, content_type: &str) -> Result<Self, ConfigError> {
        if source.len() > TEMPLATE_BYTES_MAX {
            return Err(ConfigError::new("it is longer than 64K", "shorten it"));
        }
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let escape = match kind.as_str() {
            "application/x-www-form-urlencoded" => Escape::Form,
            kind if kind == "application/json" || kind.ends_with("+json") => Escape::Json,
            _ => Escape::None,
        };
        let template = Self { source: source.into(), escape };
        for message in samples::messages() {
            template.try_on(&message)?;
        }
        Ok(template)
    }

    fn try_on(&self, message: &Message) -> Result<(), ConfigError> {
        let wrong = |why: String, hint: &str| {
            ConfigError::new(format!("of a message about {}: {why}", message.first().event), hint)
        };
        let body = self.render(message).map_err(|why| {
            wrong(why, "the names are those of `gather notify test` and docs/alerts.md")
        })?;
        if self.escape == Escape::Json {
            serde_json::from_str::<serde::de::IgnoredAny>(&body).map_err(|error| {
                let hint = "values are written as JSON, with their quotes: {\"text\": {{ title }}}";
                wrong(format!("it makes no JSON ({error})"), hint)
            })?;
        }
        Ok(())
    }

    /// The body for a message; the error says what is wrong with the template.
    pub(super) fn render(&self, message: &Message) -> Result<String, String> {
        let mut environment = Environment::new();
        let escape = self.escape;
        environment.set_auto_escape_callback(move |_| match escape {
            Escape::Json => AutoEscape::Json,
            Escape::Form => AutoEscape::Custom("form".into()),
            Escape::None => AutoEscape::None,
        });
        environment.set_formatter(move |out, state, value| {
            let is_absent = matches!(value.kind(), ValueKind::None | ValueKind::Undefined);
            match escape {
                Escape::Form if is_absent => Ok(()),
                Escape::Form => {
                    let text = value.to_string();
                    let text = percent_encoding::utf8_percent_encode(
                        &text,
                        percent_encoding::NON_ALPHANUMERIC,
                    );
                    Ok(std::fmt::Write::write_fmt(out, format_args!("{text}"))?)
                }
                Escape::None if is_absent => Ok(()),
                _ => minijinja::escape_formatter(out, state, value),
            }
        });
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_fuel(Some(FUEL));
        let context = minijinja::Value::from(Serde(context(message)));
        let body = environment.render_named_str("template", &self.source, context);
        let body = body.map_err(|error| match error.line() {
            Some(line) => format!("line {line}: {}", error.detail().unwrap_or("it cannot be read")),
            None => error.to_string(),
        })?;
        if body.len() > BODY_BYTES_MAX {
            return Err("it makes more than 1M".to_owned());
        }
        Ok(body)
    }
}

/// What a template sees, and what a webhook without one is sent: the members of the worst event,
/// and over them those of the message.
pub(super) fn context(message: &Message) -> serde_json::Value {
    let to_json = |value: Result<serde_json::Value, serde_json::Error>| match value {
        Ok(serde_json::Value::Object(members)) => members,
        _ => unreachable!("a struct of texts and numbers is an object"),
    };
    let mut members = to_json(serde_json::to_value(message.first()));
    members.extend(to_json(serde_json::to_value(message)));
    if let Some(serde_json::Value::Array(events)) = members.get_mut("events") {
        events.truncate(EVENTS_MAX);
    }
    serde_json::Value::Object(members)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_escaped_for_the_content_type() {
        let message = &samples::messages()[0];
        let check = |content_type: &str, source: &str, want: &str| {
            let template = Template::parse(source, content_type).expect(source);
            assert_eq!(template.render(message).as_deref(), Ok(want), "{content_type}");
        };
        let title = "shop \"A\" & co <1> is down";
        check("text/plain", "{{ title }}", title);
        check(
            "application/json; charset=utf-8",
            "{\"t\": {{ title }}, \"n\": {{ old }}}",
            "{\"t\": \"shop \\\"A\\\" & co <1> is down\", \"n\": null}",
        );
        check(
            "application/x-www-form-urlencoded",
            "m={{ event }}%20{{ targets }}&t={{ group }}&o={{ old }}",
            "m=down%201&t=shops%20%26%20more&o=",
        );
        check("text/plain", "{% for e in events %}{{ e.job }}{% endfor %}{{ count }}", "domains1");
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        let check = |source: &str, want: &str| {
            let error = Template::parse(source, "application/json").expect_err(source);
            assert!(error.message.contains(want), "{source}: {error}");
        };
        check("{\"text\": \"{{ title }}\"}", "it makes no JSON");
        check("{\"text\": {{ titel }}}", "line 1");
        check("{\"text\": {{ title }", "line 1");
        check(
            "{% for a in range(10000) %}{% for b in range(10000) %}{% endfor %}{% endfor %}1",
            "line 1",
        );
    }
}
