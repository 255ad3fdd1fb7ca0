//! Keys as receivers can take them: short, and of plain characters.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

/// 128 bits of the SHA-256 of several texts, in hexadecimal.
pub(super) fn hashed<'t>(texts: impl IntoIterator<Item = &'t str>) -> String {
    let mut hash = Sha256::new();
    for text in texts {
        hash.update(text.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes everything");
        hex
    })
}

/// The key itself if a header and every service can take it, else what it hashes to.
pub(super) fn plain(key: &str, bytes_max: usize) -> Cow<'_, str> {
    let allowed = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
    if key.len() <= bytes_max && key.bytes().all(allowed) {
        return Cow::Borrowed(key);
    }
    Cow::Owned(format!("hash:{}", hashed([key])))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_kept_where_they_can_be() {
        for key in ["incident:7:1795255200000:down:ops", "a"] {
            assert_eq!(plain(key, 64), key);
        }
        let odd = ["with space", "quo\"te", "back\\slash", "Läden", "line\nend", &"x".repeat(65)];
        let mut hashes: Vec<String> = odd.iter().map(|key| plain(key, 64).into_owned()).collect();
        assert!(hashes.iter().all(|hash| hash.len() == 37 && hash.starts_with("hash:")));
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), odd.len());
    }
}
