//! What `cargo xtask bench extract` times: one set of rules over the files of a folder, again and
//! again. Prints what the last pass found.
//!
//! `measure SET.json FOLDER PASSES`, where the set is `{"each": …, "fields": {NAME: RULE}}`.

use std::error::Error;
use std::fs;
use std::io::Write;

use gather_core::{FieldValue, FieldValues};
use gather_extract::{Limits, Page, Rules, RulesSpec, Work};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut next = || args.next().ok_or("measure SET.json FOLDER PASSES");
    let spec: RulesSpec = serde_json::from_str(&fs::read_to_string(next()?)?)?;
    let (folder, passes) = (next()?, next()?.parse::<u32>()?);
    let rules = Rules::compile(&spec)?;
    let limits = Limits::default();
    let mut paths: Vec<_> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    paths.sort();
    let bodies: Vec<_> = paths.iter().map(fs::read).collect::<Result<_, _>>()?;
    let mut found = Vec::new();
    for _ in 0..passes {
        found.clear();
        for body in &bodies {
            let page = Page { body, ..Page::default() };
            let work = Work::new(limits.steps_max, &|| false);
            found.push(rules.extract(&page, &limits, &work)?);
        }
    }
    let all = found.iter().map(|page| match rules.has_rows() {
        true => page.rows.iter().map(shown).collect(),
        false => shown(&page.fields),
    });
    let all: Vec<Value> = all.collect();
    writeln!(std::io::stdout().lock(), "{}", json!(all))?;
    Ok(())
}

fn shown(fields: &FieldValues) -> Value {
    fields.iter().map(|(name, value)| (name.to_string(), value_of(value))).collect()
}

fn value_of(value: &FieldValue) -> Value {
    match value {
        FieldValue::Null => Value::Null,
        FieldValue::Bool(value) => json!(value),
        FieldValue::Int(value) => json!(value),
        FieldValue::Decimal(value) => json!(value.parse::<f64>().ok()),
        FieldValue::Text(value) => json!(value),
        FieldValue::List(values) => values.iter().map(value_of).collect(),
    }
}
