//! Which crate may depend on which: the arrows of ARCHITECTURE.md.

use anyhow::{Context, Result};
use serde_json::Value;

use super::Finding;

/// A crate of this repository and what it may use.
struct Crate {
    name: &'static str,
    /// Crates of this repository, in the program.
    uses: &'static [&'static str],
    /// Crates of this repository, in tests only.
    tests_use: &'static [&'static str],
    /// Foreign crates it must not use in the program, with what they would bring in.
    never: &'static [(&'static str, &'static str)],
}

const CRATES: &[Crate] = &[
    Crate {
        name: "gather-core",
        uses: &[],
        tests_use: &[],
        never: &[
            ("tokio", "async"),
            ("hyper", "sockets"),
            ("http", "HTTP types"),
            ("rustls", "sockets"),
            ("rustix", "the operating system"),
            ("tempfile", "files"),
            ("rand", "randomness that is not seeded"),
            ("tracing", "output"),
        ],
    },
    Crate {
        name: "gather-fetch",
        uses: &["gather-core"],
        tests_use: &["gather-testkit"],
        never: &[("reqwest", "a second HTTP client"), ("rusqlite", "a database")],
    },
    Crate {
        name: "gather-extract",
        uses: &["gather-core"],
        tests_use: &[],
        never: &[("tokio", "async"), ("hyper", "sockets")],
    },
    Crate {
        name: "gather-store",
        uses: &["gather-core"],
        tests_use: &["gather-testkit"],
        never: &[("hyper", "HTTP"), ("http", "HTTP"), ("tokio-rustls", "sockets")],
    },
    Crate {
        name: "gather",
        uses: &["gather-core", "gather-fetch", "gather-extract", "gather-store"],
        tests_use: &["gather-testkit"],
        never: &[("clap", "arguments"), ("hyper", "sockets to targets")],
    },
    // It proves what the others wrote, so it must not take their word for anything: no edge.
    Crate {
        name: "gather-verify",
        uses: &[],
        tests_use: &[],
        never: &[("hyper", "HTTP"), ("clap", "arguments")],
    },
    Crate {
        name: "gather-web",
        uses: &["gather-core", "gather-store"],
        tests_use: &["gather-testkit"],
        never: &[("reqwest", "an HTTP client")],
    },
    Crate {
        name: "gather-cli",
        uses: &["gather", "gather-verify", "gather-web"],
        tests_use: &["gather-testkit"],
        never: &[("hyper", "HTTP"), ("rusqlite", "SQL")],
    },
    // It simulates what decides and what is durable; nobody uses it.
    Crate {
        name: "gather-sim",
        uses: &["gather-core", "gather-store"],
        tests_use: &[],
        never: &[("tokio", "a clock of its own")],
    },
    // It takes single steps of the program, to be counted; nobody uses it.
    Crate { name: "gather-instructions", uses: &["gather"], tests_use: &[], never: &[] },
    Crate { name: "gather-testkit", uses: &[], tests_use: &[], never: &[] },
    Crate { name: "xtask", uses: &["gather-testkit"], tests_use: &[], never: &[] },
];

/// Compares `cargo metadata` with the table.
pub(super) fn check(metadata: &Value) -> Result<Vec<Finding>> {
    let packages = metadata["packages"].as_array().context("cargo metadata without packages")?;
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let mut findings = Vec::new();
    for package in packages {
        let manifest = package["manifest_path"].as_str().unwrap_or_default();
        let path = manifest.strip_prefix(root).unwrap_or(manifest).trim_start_matches('/');
        let name = package["name"].as_str().unwrap_or_default();
        let Some(known) = CRATES.iter().find(|known| known.name == name) else {
            let message =
                format!("the crate `{name}` is not in the table of xtask/src/tidy/edges.rs");
            findings.push(Finding::new(path, 1, message));
            continue;
        };
        let dependencies = package["dependencies"].as_array().map_or(&[][..], Vec::as_slice);
        let messages = dependencies.iter().filter_map(|dependency| check_edge(known, dependency));
        findings.extend(messages.map(|message| Finding::new(path, 1, message)));
    }
    Ok(findings)
}

/// What is wrong with one dependency, if anything.
fn check_edge(from: &Crate, dependency: &Value) -> Option<String> {
    let to = dependency["name"].as_str().unwrap_or_default();
    let in_tests = dependency["kind"] == "dev";
    if dependency["path"].is_string() {
        let permitted = from.uses.contains(&to) || in_tests && from.tests_use.contains(&to);
        let what = if in_tests { "tests of" } else { "" };
        return (!permitted).then(|| {
            format!(
                "{what} `{}` must not use `{to}`: dependencies point one way (ARCHITECTURE.md)",
                from.name
            )
            .trim_start()
            .to_owned()
        });
    }
    let (_, reason) = from.never.iter().find(|(name, _)| *name == to && !in_tests)?;
    Some(format!("`{}` must not use `{to}`, which brings in {reason}", from.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_the_arrows_of_the_table_pass() {
        let own = |name, kind| json!({ "name": name, "kind": kind, "path": "/r/crates/x" });
        let foreign = |name, kind| json!({ "name": name, "kind": kind, "path": null });
        let cases = [
            ("gather-core", foreign("url", Value::Null), None),
            ("gather-core", foreign("tokio", Value::Null), Some("brings in async")),
            ("gather-core", foreign("tokio", json!("dev")), None),
            ("gather-core", own("gather-fetch", Value::Null), Some("must not use `gather-fetch`")),
            ("gather-fetch", own("gather-core", Value::Null), None),
            ("gather-fetch", own("gather-store", Value::Null), Some("one way")),
            ("gather-fetch", own("gather-testkit", json!("dev")), None),
            ("gather-fetch", own("gather-testkit", Value::Null), Some("one way")),
            ("gather-cli", own("gather-testkit", json!("build")), Some("one way")),
            ("gather-cli", own("gather", Value::Null), None),
            ("gather-cli", own("gather-core", Value::Null), Some("one way")),
            ("gather-verify", own("gather-store", Value::Null), Some("one way")),
            ("gather-verify", own("gather-store", json!("dev")), Some("one way")),
            ("gather-cli", own("gather-verify", Value::Null), None),
            ("xtask", own("gather-testkit", Value::Null), None),
            ("gather-common", foreign("url", Value::Null), Some("not in the table")),
        ];
        for (name, dependency, want) in cases {
            let manifest_path = "/r/crates/x/Cargo.toml";
            let packages = json!([{ "name": name, "manifest_path": manifest_path, "dependencies": [dependency] }]);
            let metadata = json!({ "workspace_root": "/r", "packages": packages });
            let found = check(&metadata).unwrap();
            match want {
                None => assert_eq!(found, [], "{name} {dependency}"),
                Some(part) => {
                    assert!(found[0].message.contains(part), "{name} {dependency}: {found:?}");
                    assert_eq!(found[0].path, "crates/x/Cargo.toml");
                }
            }
        }
    }
}
