//! What docs/alerts.md shows is accepted as it stands there.

use std::collections::BTreeSet;

use gather::alerts::{Channel, Routes, Text, Value};

const PAGE: &str = include_str!("../../../../docs/alerts.md");

/// As the command line hands a table over: references are resolved, and known as such.
fn value(toml: &toml::Value) -> Value {
    match toml {
        toml::Value::String(text) if text.contains("${") => {
            // A secret of no particular form would do for none of them.
            let secret = match text.as_str() {
                "${env:TELEGRAM_TOKEN}" => "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
                text if text.contains("WEBHOOK") || text.contains("URL") => {
                    "https://a.example/secret"
                }
                _ => "secret",
            };
            Value::Text(Text::resolved(secret, text))
        }
        toml::Value::String(text) => Value::text(text),
        toml::Value::Integer(number) => Value::Number(*number as f64),
        toml::Value::Float(number) => Value::Number(*number),
        toml::Value::Boolean(truth) => Value::Bool(*truth),
        toml::Value::Array(items) => Value::List(items.iter().map(value).collect()),
        toml::Value::Table(pairs) => Value::Table(table(pairs)),
        toml::Value::Datetime(moment) => Value::text(&moment.to_string()),
    }
}

fn table(pairs: &toml::Table) -> Vec<(String, Value)> {
    pairs.iter().map(|(key, toml)| (key.clone(), value(toml))).collect()
}

#[test]
fn every_example_is_accepted() {
    let blocks: Vec<&str> = PAGE
        .split("```toml\n")
        .skip(1)
        .map(|rest| rest.split("```").next().expect("a block ends"))
        .collect();
    assert!(blocks.len() >= 10, "{} examples", blocks.len());
    let mut kinds = BTreeSet::new();
    let mut channels = Vec::new();
    let mut rules = 0;
    for block in &blocks {
        let toml: toml::Table = block.parse().unwrap_or_else(|error| panic!("{error}\n{block}"));
        for (name, pairs) in
            toml.get("notify").and_then(toml::Value::as_table).into_iter().flatten()
        {
            let pairs = table(pairs.as_table().expect("a table"));
            let channel = Channel::parse(name, &pairs);
            let channel = channel.unwrap_or_else(|error| panic!("{name}: {error}\n{block}"));
            kinds.insert(channel.kind());
            channels.push(channel);
        }
    }
    for block in blocks {
        let toml: toml::Table = block.parse().expect("it was read before");
        let jobs = toml.get("job").and_then(toml::Value::as_table);
        for (name, job) in jobs.into_iter().flatten() {
            let Some(notify) = job.get("notify") else { continue };
            let routes = Routes::parse(&value(notify), &channels);
            routes.unwrap_or_else(|error| panic!("job {name}: {error}\n{block}"));
            rules += 1;
        }
    }
    assert_eq!(kinds.len(), 11, "every kind of channel is shown: {kinds:?}");
    assert!(rules >= 3, "{rules} rules");
}
