//! Rules as they are written: on the command line, in `gather.toml`, in a file of rules.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor, value::MapAccessDeserializer};

/// All rules of a run, as written.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RulesSpec {
    /// What gives rows: `css:.card`, `json:$.items[*]`.
    #[serde(default)]
    pub each: Option<String>,
    /// The fields of a row, or of the page if there are no rows.
    #[serde(default)]
    pub fields: Named,
    /// Fields of the page beside its rows.
    #[serde(default)]
    pub page: Named,
}

/// Rules by name, in the order in which they were written.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Named(pub Vec<(String, RuleSpec)>);

/// One rule, as written.
#[derive(Clone, Debug, PartialEq)]
pub enum RuleSpec {
    /// `price:css:.now || css:.price | required`
    Line(String),
    /// The same in parts, for what a line cannot hold.
    Table(Box<RuleTable>),
}

/// A rule in parts.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleTable {
    /// Where to look, in this order until something is found: `css:.now`.
    pub find: OneOrMore,
    /// `text`, `int`, `decimal`, `price`, `date`, `url`, `bool`.
    #[serde(default, rename = "type")]
    pub kind: Option<String>,
    /// Clean-up steps: `trim`, `replace "a" "b"`.
    #[serde(default)]
    pub steps: Vec<String>,
    /// All matches instead of the first.
    #[serde(default)]
    pub all: bool,
    /// Whether a page without it fails.
    #[serde(default)]
    pub required: bool,
    /// The value where nothing is found.
    #[serde(default)]
    pub default: Option<Scalar>,
}

/// One text, or several.
#[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub enum OneOrMore {
    /// None: never useful, and told when it is compiled.
    #[default]
    Nothing,
    /// One.
    One(String),
    /// Several.
    More(Vec<String>),
}

/// A value as TOML and JSON have it.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub enum Scalar {
    /// `true`
    Bool(bool),
    /// `17`
    Int(i64),
    /// `1.5`
    Float(f64),
    /// `"text"`
    Text(String),
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => value.fmt(f),
            Self::Int(value) => value.fmt(f),
            Self::Float(value) => value.fmt(f),
            Self::Text(value) => value.fmt(f),
        }
    }
}

impl RulesSpec {
    /// Whether there is nothing to extract.
    pub fn is_empty(&self) -> bool {
        self.fields.0.is_empty() && self.page.0.is_empty() && self.each.is_none()
    }

    /// Adds a rule written as `NAME=RULE`, where the rule is a line, or a table in JSON.
    ///
    /// # Errors
    /// There is no name, or the JSON is no table of a rule.
    pub fn add(&mut self, text: &str) -> Result<(), crate::RuleError> {
        let Some((name, rule)) = text.split_once('=') else {
            return Err(crate::RuleError {
                rule: text.into(),
                text: String::new(),
                at: None,
                message: "it has no name".into(),
                hint: format!("write NAME={text}"),
            });
        };
        let (name, rule) = (name.trim().to_owned(), rule.trim());
        // A table, as `gather.toml` may have it, is written as JSON.
        let rule = match rule.starts_with('{') {
            false => RuleSpec::Line(rule.to_owned()),
            true => {
                let table = serde_json::from_str(rule).map_err(|error| crate::RuleError {
                    rule: name.clone(),
                    text: rule.into(),
                    at: None,
                    message: error.to_string(),
                    hint: "a table has find, type, steps, all, required and default".into(),
                })?;
                RuleSpec::Table(Box::new(table))
            }
        };
        self.fields.0.push((name, rule));
        Ok(())
    }
}

impl<'de> Deserialize<'de> for Named {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Named;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("rules by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Named, A::Error> {
                let mut all = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    all.push(entry);
                }
                Ok(Named(all))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

impl<'de> Deserialize<'de> for RuleSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LineOrTable;

        impl<'de> Visitor<'de> for LineOrTable {
            type Value = RuleSpec;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a rule such as \"css:h1\", or a table with `find`")
            }

            fn visit_str<E>(self, text: &str) -> Result<RuleSpec, E> {
                Ok(RuleSpec::Line(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<RuleSpec, A::Error> {
                let table = RuleTable::deserialize(MapAccessDeserializer::new(map))?;
                Ok(RuleSpec::Table(Box::new(table)))
            }
        }

        deserializer.deserialize_any(LineOrTable)
    }
}
