//! Sizes of files and functions, and the exceptions that may only shrink.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context, Result};

use super::Finding;
use super::source::Source;

const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;

/// What has a size.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Thing {
    File(String),
    /// Path and name; of several with one name the longest counts.
    Function(String, String),
}

/// A size in lines, and the line where the thing starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    lines: usize,
    at: usize,
}

/// The exceptions: what is too long, and how long it is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Ratchet(BTreeMap<Thing, usize>);

/// What in a file is longer than permitted.
pub(super) fn sizes(source: &Source<'_>) -> BTreeMap<Thing, Size> {
    let mut sizes = BTreeMap::new();
    if source.code.len() > FILE_LINES_MAX {
        let size = Size { lines: source.code.len(), at: 1 };
        sizes.insert(Thing::File(source.path.to_owned()), size);
    }
    for function in source.functions() {
        if function.lines > FUNCTION_LINES_MAX {
            let thing = Thing::Function(source.path.to_owned(), function.name);
            let size = Size { lines: function.lines, at: function.line };
            let longest = sizes.entry(thing).or_insert(size);
            if longest.lines < size.lines {
                *longest = size;
            }
        }
    }
    sizes
}

impl Ratchet {
    /// Reads lines like `file PATH LINES` and `fn PATH NAME LINES`; `#` starts a comment.
    pub(super) fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let parse = |line: &str| {
            let (thing, size) = match *line.split(' ').collect::<Vec<_>>() {
                ["file", path, size] => (Thing::File(path.to_owned()), size),
                ["fn", path, name, size] => {
                    (Thing::Function(path.to_owned(), name.to_owned()), size)
                }
                _ => return None,
            };
            Some((thing, size.parse().ok()?))
        };
        lines
            .map(|line| {
                parse(line).with_context(|| format!("{}: bad line: {line}", super::RATCHET))
            })
            .collect::<Result<_>>()
            .map(Self)
    }

    /// Compares the exceptions with the sizes of today.
    pub(super) fn check(&self, sizes: &BTreeMap<Thing, Size>) -> Vec<Finding> {
        let mut findings = Vec::new();
        for (thing, size) in sizes {
            let message = match self.0.get(thing) {
                None => {
                    format!("{thing} has {} lines, more than {}: split it", size.lines, thing.max())
                }
                Some(old) if size.lines > *old => {
                    format!("{thing} has grown from {old} to {} lines: split it", size.lines)
                }
                Some(_) => continue,
            };
            findings.push(Finding::new(thing.path(), size.at, message));
        }
        for (thing, old) in &self.0 {
            let lines = sizes.get(thing).map(|size| size.lines);
            if lines.is_none_or(|lines| lines < *old) {
                let message = format!(
                    "the exception for {thing} ({old} lines, in {}) is larger than needed: \
                     run `cargo xtask tidy --lower`",
                    super::RATCHET
                );
                findings.push(Finding::new(thing.path(), 1, message));
            }
        }
        findings
    }

    /// The same exceptions, none larger than needed.
    pub(super) fn lowered(&self, sizes: &BTreeMap<Thing, Size>) -> Self {
        let lower = |(thing, old): (&Thing, &usize)| {
            sizes.get(thing).map(|size| (thing.clone(), size.lines.min(*old)))
        };
        Self(self.0.iter().filter_map(lower).collect())
    }
}

impl fmt::Display for Ratchet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "# Files and functions that are too long, with their lines: they only shrink."
        )?;
        for (thing, lines) in &self.0 {
            match thing {
                Thing::File(path) => writeln!(f, "file {path} {lines}")?,
                Thing::Function(path, name) => writeln!(f, "fn {path} {name} {lines}")?,
            }
        }
        Ok(())
    }
}

impl Thing {
    fn path(&self) -> &str {
        match self {
            Self::File(path) | Self::Function(path, _) => path,
        }
    }

    fn max(&self) -> usize {
        match self {
            Self::File(_) => FILE_LINES_MAX,
            Self::Function(..) => FUNCTION_LINES_MAX,
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(_) => write!(f, "the file"),
            Self::Function(_, name) => write!(f, "`fn {name}`"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(lines: usize) -> String {
        format!("//! A.\nfn f() {{\n{}}}\n", "    x();\n".repeat(lines - 2))
    }

    #[test]
    fn exceptions_only_shrink() {
        let cases = [
            ("short", function(70), "", None),
            ("long", function(71), "", Some("split it")),
            ("excepted", function(80), "fn a.rs f 80\n", None),
            ("grown", function(81), "fn a.rs f 80\n", Some("grown from 80 to 81")),
            ("shrunk", function(79), "fn a.rs f 80\n", Some("larger than needed")),
            ("no more", function(3), "fn a.rs f 80\n", Some("larger than needed")),
            ("long file", "//! A.\n".repeat(601), "", Some("601 lines, more than 600")),
            ("excepted file", "//! A.\n".repeat(601), "file a.rs 601\n", None),
        ];
        for (case, text, exceptions, want) in cases {
            let sizes = sizes(&Source::new("a.rs", &text));
            let found = Ratchet::parse(exceptions).unwrap().check(&sizes);
            match want {
                None => assert_eq!(found, [], "{case}"),
                Some(part) => assert!(found[0].message.contains(part), "{case}: {found:?}"),
            }
        }
    }

    #[test]
    fn lowering_never_raises() {
        let sizes = sizes(&Source::new("a.rs", &function(75)));
        let lowered = |text: &str| Ratchet::parse(text).unwrap().lowered(&sizes);
        assert_eq!(
            lowered("fn a.rs f 80\nfn gone.rs g 90\n"),
            Ratchet::parse("fn a.rs f 75").unwrap()
        );
        assert_eq!(lowered("fn a.rs f 71\n"), Ratchet::parse("fn a.rs f 71\n").unwrap());
        let written = lowered("fn a.rs f 80\n").to_string();
        assert_eq!(Ratchet::parse(&written).unwrap(), lowered("fn a.rs f 80\n"));
        assert!(Ratchet::parse("nonsense\n").is_err());
    }
}
