//! The typed table of a job: which column a field or a tag has, whatever it is called.

use std::collections::BTreeSet;
use std::sync::Arc;

use gather_core::human::cut;

use crate::database::sql::NAMES;

/// Columns of a job's table beside its key, at most. Fields beyond it stand in `field` and `tags`.
const COLUMNS_MAX: usize = 500;
/// Bytes of a name: PostgreSQL cuts at 63, and a number may have to follow.
const NAME_BYTES_MAX: usize = 56;
/// The table of runs that belong to no job.
const NAME_DEFAULT: &str = "result";

/// What each row of a typed table is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum TableOf {
    /// A page.
    #[default]
    Pages,
    /// A part of a page: what extraction found in each card of a listing.
    Rows,
}

impl TableOf {
    /// Columns that every such table has; behind run and n those that `keys` does not count are
    /// values.
    pub(crate) const fn fixed(self) -> &'static [&'static str] {
        match self {
            Self::Pages => &["run", "n", "url", "fetched_at"],
            Self::Rows => &["run", "n", "row", "url", "fetched_at"],
        }
    }

    /// How many of them are the key.
    pub(crate) const fn keys(self) -> usize {
        match self {
            Self::Pages => 2,
            Self::Rows => 3,
        }
    }

    /// Cells of a row before its pairs: all but the run.
    pub(crate) const fn lead(self) -> usize {
        self.fixed().len() - 1
    }

    /// As the table `job` names it: empty for the pages of runs without a job.
    pub(crate) fn key(self, job: Option<&str>) -> String {
        let job = job.unwrap_or_default();
        match self {
            Self::Pages => job.to_owned(),
            Self::Rows => format!("{job} (rows)").trim_start().to_owned(),
        }
    }
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// Extracted.
    Field,
    /// From the input.
    Tag,
}

/// What a column of a job's table holds. A field that changes its kind gets a second column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum JobKind {
    Number,
    Flag,
    Text,
    /// JSON.
    List,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JobColumn {
    pub(crate) origin: Origin,
    pub(crate) name: Arc<str>,
    pub(crate) kind: JobKind,
    /// Its name in the table; `None` until the table has it.
    pub(crate) column: Option<String>,
}

/// The columns of a job's table, in the order in which they were met.
#[derive(Debug, Default)]
pub(crate) struct JobColumns {
    of: TableOf,
    list: Vec<JobColumn>,
    /// Where the last one was found: rows have their values in the same order.
    last: usize,
}

impl Origin {
    /// As `job_column.origin` says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Field => "field",
            Self::Tag => "tag",
        }
    }

    fn from_str(text: &str) -> Option<Self> {
        [Self::Field, Self::Tag].into_iter().find(|origin| origin.as_str() == text)
    }
}

impl JobKind {
    /// As `job_column.type` says it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Number => "number",
            Self::Flag => "flag",
            Self::Text => "text",
            Self::List => "list",
        }
    }

    fn from_str(text: &str) -> Option<Self> {
        let all = [Self::Number, Self::Flag, Self::Text, Self::List];
        all.into_iter().find(|kind| kind.as_str() == text)
    }
}

impl JobColumns {
    /// Those of such a table, none known so far.
    pub(crate) fn of(of: TableOf) -> Self {
        Self { of, ..Self::default() }
    }

    /// What each row of the table is.
    pub(crate) fn table_of(&self) -> TableOf {
        self.of
    }

    /// The place of a column, which is added if it is new; `None` where there are too many, or the
    /// name holds a NUL, which PostgreSQL cannot keep.
    pub(crate) fn place(
        &mut self,
        origin: Origin,
        name: &Arc<str>,
        kind: JobKind,
    ) -> Option<usize> {
        let is_it = |column: &JobColumn| {
            column.kind == kind && column.origin == origin && *column.name == **name
        };
        let next = self.last + 1;
        let found = match self.list.get(next).is_some_and(is_it) {
            true => Some(next),
            false => self.list.iter().position(is_it),
        };
        if found.is_none() && self.list.len() < COLUMNS_MAX && !name.contains('\0') {
            self.list.push(JobColumn { origin, name: Arc::clone(name), kind, column: None });
            self.last = self.list.len() - 1;
            return Some(self.last);
        }
        self.last = found.unwrap_or(self.last);
        found
    }

    /// The columns.
    pub(crate) fn list(&self) -> &[JobColumn] {
        &self.list
    }

    /// Whether the table lacks some of them.
    pub(crate) fn has_new(&self) -> bool {
        self.list.iter().any(|column| column.column.is_none())
    }

    /// Forgets what the table is said to have: it is to be asked again.
    pub(crate) fn forget_names(&mut self) {
        self.list.iter_mut().for_each(|column| column.column = None);
    }

    /// Takes in a column that the table has: a row of `job_column`.
    pub(crate) fn known(&mut self, origin: &str, name: &str, kind: &str, column: String) {
        let (Some(origin), Some(kind)) = (Origin::from_str(origin), JobKind::from_str(kind)) else {
            return;
        };
        if let Some(at) = self.place(origin, &name.into(), kind) {
            self.list[at].column = Some(column);
        }
    }

    /// Names the columns that the table lacks, and returns them. `taken` are those it has.
    pub(crate) fn name_new(&mut self, taken: impl IntoIterator<Item = String>) -> Vec<JobColumn> {
        let mut taken: BTreeSet<String> =
            taken.into_iter().map(|name| name.to_ascii_lowercase()).collect();
        taken.extend(self.of.fixed().iter().map(|name| (*name).to_owned()));
        let mut new = Vec::new();
        for column in self.list.iter_mut().filter(|column| column.column.is_none()) {
            let base = plain(&column.name, "field");
            let suffix = match column.origin {
                Origin::Tag => "tag",
                Origin::Field => column.kind.as_str(),
            };
            let name = free(&base, suffix, |name| !taken.contains(name));
            taken.insert(name.clone());
            column.column = Some(name);
            new.push(column.clone());
        }
        new
    }
}

/// The name of a job's table. `is_free` knows what the database has.
pub(crate) fn table_name(of: TableOf, job: Option<&str>, is_free: impl Fn(&str) -> bool) -> String {
    let base = plain(job.unwrap_or(NAME_DEFAULT), NAME_DEFAULT);
    let base = match of {
        TableOf::Pages => base,
        TableOf::Rows => format!("{}_row", cut(&base, NAME_BYTES_MAX - 4)),
    };
    // SQLite keeps this beginning for itself.
    let base = if base.starts_with("sqlite_") { format!("job_{base}") } else { base };
    free(&base, "job", |name| !NAMES.contains(&name) && is_free(name))
}

/// `base`, or `base_suffix`, or that with a number.
fn free(base: &str, suffix: &str, is_free: impl Fn(&str) -> bool) -> String {
    if is_free(base) {
        return base.to_owned();
    }
    let second = format!("{}_{suffix}", cut(base, NAME_BYTES_MAX - suffix.len() - 1));
    if is_free(&second) {
        return second;
    }
    let numbered = (2u32..).map(|number| format!("{}_{number}", cut(&second, NAME_BYTES_MAX)));
    numbered.into_iter().find(|name| is_free(name)).expect("numbers do not end")
}

/// A name that needs no quotes: lower case, letters, digits and `_`. `Price (EUR)` is `price_eur`.
fn plain(name: &str, otherwise: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    for char in name.chars().flat_map(char::to_lowercase) {
        if char.is_alphanumeric() {
            plain.push(char);
        } else if !plain.is_empty() && !plain.ends_with('_') {
            plain.push('_');
        }
    }
    let plain = cut(&plain, NAME_BYTES_MAX).trim_end_matches('_');
    match plain.chars().next() {
        None => otherwise.to_owned(),
        Some(first) if first.is_numeric() => format!("_{plain}"),
        Some(_) => plain.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_need_no_quotes() {
        let long = "x".repeat(100);
        let cases = [
            ("price", "price"),
            ("Price (EUR)", "price_eur"),
            ("  a--b  ", "a_b"),
            ("99 bottles", "_99_bottles"),
            ("größe", "größe"),
            ("\"; DROP TABLE run; --", "drop_table_run"),
            ("", "field"),
            ("€", "field"),
            (&long, &long[..NAME_BYTES_MAX]),
        ];
        for (name, expected) in cases {
            assert_eq!(plain(name, "field"), expected, "{name}");
        }
    }

    #[test]
    fn each_field_has_a_column_of_its_own() {
        let mut columns = JobColumns::default();
        let met = [
            (Origin::Field, "price", JobKind::Number),
            (Origin::Field, "price", JobKind::Text),
            (Origin::Tag, "price", JobKind::Text),
            (Origin::Field, "Price", JobKind::Number),
            (Origin::Field, "PRICE", JobKind::Number),
            (Origin::Tag, "url", JobKind::Text),
            (Origin::Tag, "n", JobKind::Text),
            (Origin::Field, "price", JobKind::Number),
        ];
        let places: Vec<_> = met
            .iter()
            .map(|(origin, name, kind)| columns.place(*origin, &(*name).into(), *kind))
            .collect();
        assert_eq!(places.last(), Some(&Some(0)));
        assert!(columns.has_new());
        let new = columns.name_new(["Mine".to_owned()]);
        let names: Vec<_> = new.iter().filter_map(|column| column.column.as_deref()).collect();
        let expected = [
            "price",
            "price_text",
            "price_tag",
            "price_number",
            "price_number_2",
            "url_tag",
            "n_tag",
        ];
        assert_eq!(names, expected);
        assert!(!columns.has_new() && columns.name_new([]).is_empty());

        // Another run finds them again, and what it meets first does not move them.
        let mut later = JobColumns::default();
        later.place(Origin::Field, &"stock".into(), JobKind::Number);
        for column in &new {
            let name = column.column.clone().unwrap();
            later.known(column.origin.as_str(), &column.name, column.kind.as_str(), name);
        }
        let names: Vec<_> =
            later.name_new(expected.map(str::to_owned)).iter().map(|c| c.column.clone()).collect();
        assert_eq!(names, [Some("stock".to_owned())]);
    }

    #[test]
    fn columns_are_bounded() {
        let mut columns = JobColumns::default();
        let added = (0..COLUMNS_MAX + 5)
            .filter(|n| columns.place(Origin::Tag, &n.to_string().into(), JobKind::Text).is_some());
        assert_eq!(added.count(), COLUMNS_MAX);
    }

    #[test]
    fn tables_are_named_after_their_job() {
        let taken = ["prices", "prices_job"];
        let cases = [
            (None, "result"),
            (Some("Shop 1"), "shop_1"),
            (Some("record"), "record_job"),
            (Some("sqlite_x"), "job_sqlite_x"),
            (Some("prices"), "prices_job_2"),
        ];
        for (job, expected) in cases {
            assert_eq!(table_name(TableOf::Pages, job, |name| !taken.contains(&name)), expected);
        }
        for (job, expected) in [(None, "result_row"), (Some("prices"), "prices_row")] {
            assert_eq!(table_name(TableOf::Rows, job, |name| !taken.contains(&name)), expected);
        }
    }
}
