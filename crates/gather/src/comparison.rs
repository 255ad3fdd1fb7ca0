//! `<`, `<=`, `==` and the like, in conditions that users write.

use std::cmp::Ordering;

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Less,
    LessOrEqual,
    Equal,
    Unequal,
    GreaterOrEqual,
    Greater,
}

impl Comparison {
    /// The signs, the longer ones of a common beginning first.
    const SIGNS: [(&str, Self); 6] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("==", Self::Equal),
        ("!=", Self::Unequal),
        ("<", Self::Less),
        (">", Self::Greater),
    ];

    /// The comparison of this sign.
    pub(crate) fn of_sign(sign: &str) -> Option<Self> {
        Self::SIGNS.iter().find(|(known, _)| *known == sign).map(|(_, comparison)| *comparison)
    }

    /// The comparison at the beginning of a text, and the rest.
    #[cfg(feature = "alerts")]
    pub(crate) fn read(text: &str) -> Option<(Self, &str)> {
        Self::SIGNS
            .iter()
            .find_map(|(sign, comparison)| Some((*comparison, text.strip_prefix(sign)?.trim())))
    }

    /// Whether it holds; of what cannot be compared, none does.
    pub(crate) fn holds<T: PartialOrd>(self, left: T, right: T) -> bool {
        let Some(order) = left.partial_cmp(&right) else { return false };
        match self {
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::Unequal => order != Ordering::Equal,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Greater => order == Ordering::Greater,
        }
    }
}
