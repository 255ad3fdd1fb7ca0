//! The inputs of a JSONL file: an object a line, or the records of an earlier run.

use std::fmt;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::expected::Expected;
use super::{OnlyFailed, Reader, url_by_name, without_bom};
use crate::lines::{Fits, Lines};

pub(super) struct Json {
    path: PathBuf,
    lines: Lines<Box<dyn BufRead>>,
    url_field: Option<String>,
    only: Option<OnlyFailed>,
}

impl Json {
    pub(super) fn new(
        path: &Path,
        lines: Lines<Box<dyn BufRead>>,
        url_field: Option<String>,
        only: Option<OnlyFailed>,
    ) -> Self {
        Self { path: path.to_owned(), lines, url_field, only }
    }
}

impl Reader for Json {
    fn read(&mut self, into: &mut Expected) -> io::Result<bool> {
        while let Some(line) = self.lines.next()? {
            let raw = without_bom(line.text(), line.number).trim_ascii();
            if raw.is_empty() {
                continue;
            }
            let object = match line.fits {
                Fits::Yes => serde_json::from_slice::<Object<'_>>(raw).ok(),
                Fits::No => None,
            };
            let text = match object {
                Some(object) => {
                    if self.only.as_ref().is_some_and(|only| !object.is_taken(only)) {
                        continue;
                    }
                    object.url(self.url_field.as_deref())
                }
                None => None,
            };
            let text = text.unwrap_or_default();
            into.set(text.trim_ascii(), raw);
            into.add_raw(text.as_bytes());
            into.place(&self.path, line.number);
            return Ok(true);
        }
        Ok(false)
    }
}

/// The members of an object in their order.
struct Object<'a>(Vec<(String, &'a RawValue)>);

impl Object<'_> {
    /// The text of a member, or a number or boolean as it is written. The last of its name counts.
    fn text(&self, name: &str) -> Option<String> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known == name)?;
        scalar(value)
    }

    fn is_taken(&self, only: &OnlyFailed) -> bool {
        let error = self.0.iter().rev().find(|(name, _)| name == "error");
        let error =
            error.and_then(|(_, value)| serde_json::from_str::<Object<'_>>(value.get()).ok());
        let kind = error.and_then(|error| error.text("kind")).unwrap_or_default();
        only.takes(&self.text("outcome").unwrap_or_default(), &kind)
    }

    fn url(&self, url_field: Option<&str>) -> Option<String> {
        let at = |wanted: &str| self.0.iter().position(|(name, _)| name == wanted);
        let is_record = self.text("outcome").is_some() && at("n").is_some();
        let found = match url_field {
            Some(field) => at(field),
            None if is_record => at("input").or_else(|| at("url")),
            None => url_by_name(self.0.iter().map(|(name, _)| name.as_str())),
        };
        scalar(self.0[found?].1)
    }
}

fn scalar(value: &RawValue) -> Option<String> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str(value.get()).ok(),
        b'{' | b'[' | b'n' => None,
        _ => Some(value.get().to_owned()),
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Object<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;
        impl<'de> Visitor<'de> for Members {
            type Value = Object<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Object(members))
            }
        }
        deserializer.deserialize_map(Members)
    }
}
