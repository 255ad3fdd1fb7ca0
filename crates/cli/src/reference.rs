//! `${env:NAME}` and `${file:PATH}` in a configuration: where a secret stands, not what it is.

use crate::error::CliError;

/// A file that holds a secret is short.
const FILE_BYTES_MAX: u64 = 64 << 10;

/// Whether a text holds a reference.
pub(crate) fn is_in(text: &str) -> bool {
    text.contains("${env:") || text.contains("${file:")
}

/// The text with every reference replaced by what it refers to.
///
/// # Errors
/// When a variable is not set, or a file cannot be read. No value is part of the message.
pub(crate) fn resolve(text: &str) -> Result<String, CliError> {
    let mut resolved = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        resolved.push_str(&rest[..start]);
        let inner = &rest[start + 2..];
        let end = inner.find('}');
        let value = match end.and_then(|end| inner[..end].split_once(':')) {
            Some(("env", name)) => Some(variable(name)?),
            Some(("file", path)) => Some(file(path)?),
            _ => None,
        };
        match (value, end) {
            (Some(value), Some(end)) => {
                resolved.push_str(&value);
                rest = &inner[end + 1..];
            }
            _ => {
                resolved.push_str("${");
                rest = inner;
            }
        }
    }
    resolved.push_str(rest);
    Ok(resolved)
}

fn variable(name: &str) -> Result<String, CliError> {
    std::env::var(name).map_err(|_| {
        CliError::usage(
            format!("the environment variable {name} is not set"),
            format!("set it: export {name}=…"),
        )
    })
}

fn file(path: &str) -> Result<String, CliError> {
    let cannot = |why: &dyn std::fmt::Display| {
        CliError::usage(
            format!("cannot read {path}: {why}"),
            "the path is relative to where you are",
        )
    };
    let about = std::fs::metadata(path).map_err(|error| cannot(&error))?;
    if about.len() > FILE_BYTES_MAX {
        return Err(cannot(&"it is larger than 64K"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| cannot(&error))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::{is_in, resolve};

    #[test]
    fn references_are_replaced_and_everything_else_is_left() {
        let directory = tempfile::tempdir().expect("a directory");
        let secret = directory.path().join("secret");
        std::fs::write(&secret, "s3cret\n").expect("written");
        let file = format!("${{file:{}}}", secret.display());
        for (text, expected) in [
            ("plain {symbol} $HOME", "plain {symbol} $HOME"),
            ("${symbol} ${", "${symbol} ${"),
            ("a${env:CARGO_PKG_NAME}b", "agather-clib"),
            (&format!("Bearer {file}!"), "Bearer s3cret!"),
        ] {
            assert_eq!(resolve(text).as_deref(), Ok(expected), "{text}");
        }
        assert!(is_in("${env:X}") && is_in("a${file:x}") && !is_in("${x}"));
    }

    #[test]
    fn what_is_missing_is_named() {
        let error = resolve("${env:GATHER_TEST_NOT_SET}").expect_err("not set");
        assert_eq!(error.message, "the environment variable GATHER_TEST_NOT_SET is not set");
        let error = resolve("${file:/nonexistent/x}").expect_err("missing");
        assert!(error.message.starts_with("cannot read /nonexistent/x: "), "{}", error.message);
    }
}
