//! All rules of a run: compiled once, applied to page after page.

use std::fmt;
use std::sync::Arc;

use gather_core::FieldValues;

use crate::css::Lookup;
use crate::error::{Fault, RuleError};
use crate::find::Find;
use crate::limits::{Limits, Stopped, Work};
use crate::page::{Page, Parsed};
use crate::rule::{Named, Rule, RulesSpec};
use crate::search::{Row, Search};

/// What is told of fields that are missing, at most.
const MISSING_MAX: usize = 100;

/// Compiled rules. Can be shared between threads.
#[derive(Debug)]
pub struct Rules {
    each: Option<Rule>,
    /// The fields of a page.
    page: Vec<Rule>,
    /// The fields of a row.
    row: Vec<Rule>,
    lookup: Lookup,
}

/// What was found in a page.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Extraction {
    /// The fields of the page, in the order of the rules.
    pub fields: FieldValues,
    /// The rows, each with its fields.
    pub rows: Vec<FieldValues>,
    /// Required fields that were not found: the page failed. At most 100 are named.
    pub missing: Vec<Missing>,
}

/// A required field that was not found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The rule.
    pub rule: Arc<str>,
    /// The row, from 1; `None` if it is a field of the page.
    pub row: Option<usize>,
    /// Why.
    pub why: Why,
}

/// Why a field is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Why {
    /// The rule matched nothing.
    NoMatch,
    /// The body is no JSON: what its parser said.
    NoJson(Box<str>),
    /// It matched a text that is no value of the rule's type: which type, and the text's beginning.
    NotA(&'static str, Box<str>),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rule '{}'", self.rule)?;
        if let Some(row) = self.row {
            write!(f, " in row {row}")?;
        }
        match &self.why {
            Why::NoMatch => f.write_str(" found nothing"),
            Why::NoJson(error) => write!(f, " found nothing: the body is no JSON: {error}"),
            Why::NotA(kind, text) => write!(f, " found {text:?}, which is no {kind}"),
        }
    }
}

impl Rules {
    /// Compiles rules.
    ///
    /// # Errors
    /// The first rule that cannot be used: which, where in it, and what to write instead.
    pub fn compile(spec: &RulesSpec) -> Result<Self, RuleError> {
        let mut lookup = Lookup::default();
        let each = spec.each.as_deref();
        let each = each.map(|text| Rule::compile_each(text, &mut lookup)).transpose()?;
        let mut page = compile_all(&spec.page, &mut lookup)?;
        let mut row = compile_all(&spec.fields, &mut lookup)?;
        if each.is_none() {
            page.append(&mut row);
        }
        check_names(&mut page)?;
        check_names(&mut row)?;
        for rule in &page {
            if rule.finds.iter().any(|find| matches!(find, Find::Css(None, _))) {
                let hint = "write css:SELECTOR@ATTRIBUTE, or say what gives rows: each";
                return Err(told(rule, "there is no row to take it from", hint));
            }
        }
        if let Some(each) = &each {
            check_rows(each, &row)?;
        }
        Ok(Self { each, page, row, lookup })
    }

    /// Whether pages have rows.
    pub fn has_rows(&self) -> bool {
        self.each.is_some()
    }

    /// Whether a rule looks at the response's headers.
    pub fn needs_headers(&self) -> bool {
        let rules = self.page.iter().chain(&self.row);
        rules.flat_map(|rule| &rule.finds).any(|find| matches!(find, Find::Header(_)))
    }

    /// The names of the fields of a page, or of a row: columns of a table. What a price has beside
    /// its amount comes only where it is found, except for the currency.
    pub fn names(&self, of: Of) -> Vec<Arc<str>> {
        let rules = match of {
            Of::Page => &self.page,
            Of::Row => &self.row,
        };
        let mut names = Vec::new();
        for rule in rules {
            names.push(Arc::clone(&rule.name));
            names.extend(rule.beside.as_ref().and_then(|beside| beside.currency.clone()));
        }
        names
    }

    /// Applies all rules to a page.
    ///
    /// # Errors
    /// The page costs more than it may; nothing of it is kept.
    pub fn extract(
        &self,
        page: &Page<'_>,
        limits: &Limits,
        work: &Work<'_>,
    ) -> Result<Extraction, Stopped> {
        let parsed = Parsed::new(page, &self.lookup, limits, work)?;
        let mut search = Search::new(&parsed, &self.lookup);
        let mut found = Extraction::default();
        for rule in &self.page {
            let miss = search.field(rule, Row::Page, &mut found.fields)?;
            note(&mut found.missing, rule, None, miss);
        }
        if let Some(each) = &self.each {
            let rows = search.rows(each)?;
            if rows.is_empty() {
                let miss = each.required.then(|| search.why_nothing(each));
                note(&mut found.missing, each, None, miss);
            }
            for (at, row) in rows.into_iter().enumerate() {
                let mut fields = Vec::with_capacity(self.row.len());
                for rule in &self.row {
                    let miss = search.field(rule, row, &mut fields)?;
                    note(&mut found.missing, rule, Some(at + 1), miss);
                }
                found.rows.push(fields);
            }
        }
        work.check()?;
        Ok(found)
    }
}

/// Which fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Those of a page.
    Page,
    /// Those of a row.
    Row,
}

fn note(missing: &mut Vec<Missing>, rule: &Rule, row: Option<usize>, why: Option<Why>) {
    if let Some(why) = why
        && missing.len() < MISSING_MAX
    {
        missing.push(Missing { rule: Arc::clone(&rule.name), row, why });
    }
}

fn compile_all(named: &Named, lookup: &mut Lookup) -> Result<Vec<Rule>, RuleError> {
    named.0.iter().map(|(name, spec)| Rule::compile(name, spec, lookup)).collect()
}

fn told(rule: &Rule, message: &str, hint: &str) -> RuleError {
    Fault { at: None, message: message.into(), hint: hint.into() }.in_rule(&rule.name, "")
}

/// Each name once. A rule of its own stands for what a price would have brought with it.
fn check_names(rules: &mut [Rule]) -> Result<(), RuleError> {
    let names: Vec<_> = rules.iter().map(|rule| Arc::clone(&rule.name)).collect();
    for (at, rule) in rules.iter_mut().enumerate() {
        if names[..at].contains(&rule.name) {
            let hint = "a field has one rule; other places to look are written || css:…";
            return Err(told(rule, "there are two rules of this name", hint));
        }
        if let Some(beside) = &mut rule.beside {
            beside.currency = beside.currency.take().filter(|name| !names.contains(name));
        }
    }
    Ok(())
}

/// Rows of elements hold no JSON, rows of JSON hold no elements.
fn check_rows(each: &Rule, rules: &[Rule]) -> Result<(), RuleError> {
    let of_json = matches!(each.finds[0], Find::Json(_));
    let is_json = |find: &Find| matches!(find, Find::Json(_));
    if each.finds.iter().any(|find| is_json(find) != of_json) {
        return Err(told(each, "rows are either elements or JSON values", "write one of them"));
    }
    for rule in rules {
        if of_json && rule.finds.iter().any(Find::is_html) {
            let hint = "in rows of json: write json:$.name; $ is the row";
            return Err(told(rule, "a row of JSON has no HTML", hint));
        }
        if !of_json && rule.finds.iter().any(is_json) {
            let hint = "in rows of css: write css:SELECTOR";
            return Err(told(rule, "a row of HTML is no JSON", hint));
        }
    }
    Ok(())
}
