//! Values of the configuration file as the watch takes them: texts with their references resolved.

use gather::alerts::{Text, Value};

use crate::error::CliError;
use crate::reference;

/// A text, number or switch as text.
///
/// # Errors
/// When it is a list or a table, or refers to what is not there.
pub(crate) fn plain(value: &serde_json::Value) -> Result<String, CliError> {
    match value {
        serde_json::Value::String(text) => reference::resolve(text),
        serde_json::Value::Number(number) => Ok(number.to_string()),
        serde_json::Value::Bool(on) => Ok(on.to_string()),
        _ => Err(CliError::usage("a text or a number is wanted", "write it in quotes")),
    }
}

/// Any value. What a reference stands for is marked as a secret.
///
/// # Errors
/// When a reference is to what is not there.
pub(crate) fn value(value: &serde_json::Value) -> Result<Value, CliError> {
    Ok(match value {
        serde_json::Value::String(text) if reference::is_in(text) => {
            Value::Text(Text::resolved(&reference::resolve(text)?, text))
        }
        serde_json::Value::String(text) => Value::text(text),
        serde_json::Value::Number(number) => Value::Number(number.as_f64().unwrap_or_default()),
        serde_json::Value::Bool(on) => Value::Bool(*on),
        serde_json::Value::Array(items) => {
            Value::List(items.iter().map(self::value).collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(members) => {
            let pair =
                |(name, of): (&String, &serde_json::Value)| Ok((name.clone(), self::value(of)?));
            Value::Table(members.iter().map(pair).collect::<Result<_, CliError>>()?)
        }
        serde_json::Value::Null => Value::text(""),
    })
}

/// The same JSON with every reference resolved.
///
/// # Errors
/// When a reference is to what is not there.
pub(crate) fn resolved(value: &serde_json::Value) -> Result<serde_json::Value, CliError> {
    Ok(match value {
        serde_json::Value::String(text) => reference::resolve(text)?.into(),
        serde_json::Value::Array(items) => {
            serde_json::Value::Array(items.iter().map(resolved).collect::<Result<_, _>>()?)
        }
        serde_json::Value::Object(members) => {
            let pair =
                |(name, of): (&String, &serde_json::Value)| Ok((name.clone(), resolved(of)?));
            serde_json::Value::Object(members.iter().map(pair).collect::<Result<_, CliError>>()?)
        }
        other => other.clone(),
    })
}
