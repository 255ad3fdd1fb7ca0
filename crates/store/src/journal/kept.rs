//! Settings as the journal keeps them, secrets as salted hashes, and how they differ from others.

use sha2::{Digest, Sha256};

use super::settings::{Change, Setting, SettingValue, Shown};

/// A setting in the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    pub(super) name: Box<str>,
    /// Of a secret, its salted hash.
    pub(super) value: Box<str>,
    pub(super) is_secret: bool,
}

impl Kept {
    pub(super) fn of(setting: &Setting, salt: &[u8]) -> Self {
        let (value, is_secret) = match &setting.value {
            SettingValue::Plain(value) => (value.clone(), false),
            SettingValue::Secret(value) => (salted(salt, &setting.name, value), true),
        };
        Self { name: setting.name.clone(), value, is_secret }
    }
}

fn salted(salt: &[u8], name: &str, value: &[u8]) -> Box<str> {
    let mut hash = Sha256::new();
    hash.update(salt);
    hash.update(name.as_bytes());
    hash.update([0]);
    hash.update(value);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into()
}

/// What differs between the settings of before and those of now, by name.
pub(super) fn changes(before: &[Kept], now: &[Kept]) -> Vec<Change> {
    let find = |list: &[Kept], name: &str| list.iter().find(|kept| *kept.name == *name).cloned();
    let shown = |kept: Kept| match kept.is_secret {
        true => Shown::Secret,
        false => Shown::Plain(kept.value),
    };
    let mut names: Vec<&str> = before.iter().chain(now).map(|kept| &*kept.name).collect();
    names.sort_unstable();
    names.dedup();
    names
        .into_iter()
        .filter_map(|name| {
            let (was, is) = (find(before, name), find(now, name));
            (was != is).then(|| Change {
                name: name.into(),
                was: was.map(shown),
                is: is.map(shown),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_named_and_a_secret_is_not_shown() {
        let salt = b"salt";
        let keep = |settings: &[Setting]| -> Vec<Kept> {
            settings.iter().map(|setting| Kept::of(setting, salt)).collect()
        };
        let before = [
            Setting::plain("method", "GET"),
            Setting::plain("max-redirects", "10"),
            Setting::secret("header", *b"x-token: s3cret"),
            Setting::secret("user", *b"ann:pw"),
            Setting::plain("accept", "200"),
        ];
        let now = [
            Setting::plain("method", "POST"),
            Setting::plain("max-redirects", "10"),
            Setting::secret("header", *b"x-token: other"),
            Setting::plain("scheme", "http"),
        ];
        let found: Vec<String> =
            changes(&keep(&before), &keep(&now)).iter().map(Change::to_string).collect();
        assert_eq!(
            found,
            [
                r#"accept was "200" and is not given"#,
                "header has changed",
                r#"method was "GET" and is "POST""#,
                r#"scheme was not given and is "http""#,
                "user was given and is not",
            ]
        );
        let kept = format!("{:?} {before:?}", keep(&before));
        assert!(!kept.contains("s3cret") && !kept.contains("ann"), "{kept}");
        let other = Kept::of(&before[2], b"pepper");
        assert_ne!(other, keep(&before)[2], "salted");
        assert!(changes(&keep(&before), &keep(&before)).is_empty());
    }
}
