//! A rule, compiled: where to look, what to do with what is found, and what it is then.

pub(crate) mod line;
mod spec;

use std::sync::Arc;

use gather_core::FieldValue;

pub use self::spec::{Named, OneOrMore, RuleSpec, RuleTable, RulesSpec, Scalar};

use self::line::{Line, Piece, Said};
use crate::clean::Step;
use crate::css::Lookup;
use crate::error::{Fault, RuleError};
use crate::find::Find;
use crate::value::{By, Context, KINDS, Kind, Value, convert};

/// Characters of a rule's name.
const NAME_CHARS_MAX: usize = 100;

/// A rule, compiled.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: Arc<str>,
    pub(crate) finds: Vec<Find>,
    pub(crate) kind: Kind,
    pub(crate) steps: Vec<Step>,
    /// White space of elements' text is kept as the page has it.
    pub(crate) raw: bool,
    pub(crate) all: bool,
    pub(crate) join: Option<Box<str>>,
    pub(crate) required: bool,
    pub(crate) default: Option<FieldValue>,
    /// The fields that a price has beside its amount.
    pub(crate) beside: Option<PriceFields>,
}

/// Names of what a price has beside its amount.
#[derive(Clone, Debug)]
pub(crate) struct PriceFields {
    /// `currency` of `price`, else `NAME_currency`; `None` if another rule has this name.
    pub(crate) currency: Option<Arc<str>>,
    pub(crate) from: Arc<str>,
    pub(crate) to: Arc<str>,
    pub(crate) list: Arc<str>,
}

/// What was read so far of a rule.
#[derive(Default)]
struct Draft {
    finds: Vec<Find>,
    kind: Option<Kind>,
    steps: Vec<Step>,
    raw: bool,
    all: bool,
    join: Option<Box<str>>,
    required: bool,
    default: Option<(Box<str>, usize)>,
}

impl Rule {
    pub(crate) fn compile(
        name: &str,
        spec: &RuleSpec,
        lookup: &mut Lookup,
    ) -> Result<Self, RuleError> {
        let text = match spec {
            RuleSpec::Line(line) => line.as_str(),
            RuleSpec::Table(_) => "",
        };
        check_name(name).map_err(|fault| fault.in_rule(name, ""))?;
        let mut draft = Draft::default();
        match spec {
            RuleSpec::Line(line) => {
                draft.read_line(line, name, lookup).map_err(|fault| fault.in_rule(name, text))?;
            }
            RuleSpec::Table(table) => draft.read_table(table, name, lookup)?,
        }
        draft.finish(name).map_err(|fault| fault.in_rule(name, text))
    }

    /// What gives rows, from its text.
    pub(crate) fn compile_each(text: &str, lookup: &mut Lookup) -> Result<Self, RuleError> {
        let mut rule = Self::compile("each", &RuleSpec::Line(text.to_owned()), lookup)?;
        let is_plain = rule.kind == Kind::Found && rule.steps.is_empty() && rule.default.is_none();
        if !is_plain || !rule.finds.iter().all(Find::gives_rows) {
            let hint = "write css:SELECTOR or json:PATH; | required fails a page without rows";
            return Err(Fault::new(0, "it gives no rows", hint).in_rule("each", text));
        }
        rule.all = true;
        Ok(rule)
    }
}

fn check_name(name: &str) -> Result<(), Fault> {
    let is_good = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    if name.is_empty() || name.chars().count() > NAME_CHARS_MAX || !name.chars().all(is_good) {
        let message = format!("'{name}' is no name for a field");
        let hint = "names are of letters, digits, '_', '-' and '.', at most 100";
        return Err(Fault { at: None, message, hint: hint.into() });
    }
    Ok(())
}

impl Draft {
    fn read_line(&mut self, text: &str, name: &str, lookup: &mut Lookup) -> Result<(), Fault> {
        let line = Line::split(text)?;
        for find in &line.finds {
            self.read_find(*find, name, lookup)?;
        }
        for step in &line.steps {
            self.read_step(*step)?;
        }
        Ok(())
    }

    fn read_find(
        &mut self,
        piece: Piece<'_>,
        name: &str,
        lookup: &mut Lookup,
    ) -> Result<(), Fault> {
        let (kind, rest) = line::take_kind(piece.text);
        if let Some(kind) = kind {
            self.set_kind(kind).map_err(|fault| fault.moved(piece.at))?;
        }
        let at = piece.at + piece.text.len() - rest.len();
        self.finds.push(Find::parse(rest, name, lookup).map_err(|fault| fault.moved(at))?);
        Ok(())
    }

    fn set_kind(&mut self, kind: Kind) -> Result<(), Fault> {
        match self.kind.replace(kind) {
            Some(known) if known != kind => {
                Err(Fault::new(0, "it has two types", "a field has one type; write it once"))
            }
            _ => Ok(()),
        }
    }

    fn read_step(&mut self, piece: Piece<'_>) -> Result<(), Fault> {
        let said = line::step(piece.text).map_err(|fault| fault.moved(piece.at))?;
        match said {
            None => {}
            Some(Said::Clean(step)) => self.steps.push(step),
            Some(Said::Raw) => self.raw = true,
            Some(Said::All) => self.all = true,
            Some(Said::Required) => self.required = true,
            Some(Said::Join(with)) => self.join = Some(with),
            Some(Said::Default(value)) => self.default = Some((value, piece.at)),
        }
        Ok(())
    }

    fn read_table(
        &mut self,
        table: &RuleTable,
        name: &str,
        lookup: &mut Lookup,
    ) -> Result<(), RuleError> {
        if let Some(kind) = &table.kind {
            let known = Kind::named(kind);
            self.kind = Some(known.ok_or_else(|| {
                let fault = Fault {
                    at: None,
                    message: format!("there is no type '{kind}'"),
                    hint: format!("the types are {KINDS}"),
                };
                fault.in_rule(name, "")
            })?);
        }
        let finds = match &table.find {
            OneOrMore::Nothing => &[][..],
            OneOrMore::One(find) => std::slice::from_ref(find),
            OneOrMore::More(finds) => finds,
        };
        for text in finds {
            let piece = Piece { at: 0, text: text.trim() };
            self.read_find(piece, name, lookup).map_err(|fault| fault.in_rule(name, text))?;
        }
        for text in &table.steps {
            let piece = Piece { at: 0, text: text.trim() };
            self.read_step(piece).map_err(|fault| fault.in_rule(name, text))?;
        }
        self.all |= table.all;
        self.required |= table.required;
        if let Some(default) = &table.default {
            self.default = Some((default.to_string().into(), 0));
        }
        Ok(())
    }

    fn finish(self, name: &str) -> Result<Rule, Fault> {
        let no_place = |message: &str, hint: &str| Fault {
            at: None,
            message: message.into(),
            hint: hint.into(),
        };
        if self.finds.is_empty() {
            return Err(no_place("it does not say where to look", "write find = \"css:h1\""));
        }
        if self.required && self.default.is_some() {
            let hint = "a field with a default is never missing; leave one of them out";
            return Err(no_place("it is required and has a default", hint));
        }
        let kind = self.kind.unwrap_or(Kind::Found);
        // Links are a list by what they are.
        let is_list = |find: &Find| matches!(find, Find::Links(_));
        let all = self.all || self.finds.iter().any(is_list);
        if all && self.join.is_none() && kind == Kind::Price {
            let hint = "write a row for each price: --each css:.card";
            return Err(no_place("a list of prices has no currencies", hint));
        }
        let default = match &self.default {
            None => None,
            Some((text, at)) => Some(default_value(kind, text).ok_or_else(|| {
                let what = kind.a();
                Fault::new(*at, format!("the default '{text}' is no {what}"), "")
            })?),
        };
        Ok(Rule {
            name: name.into(),
            finds: self.finds,
            kind,
            steps: self.steps,
            raw: self.raw,
            all: all || self.join.is_some(),
            join: self.join,
            required: self.required,
            default,
            beside: (kind == Kind::Price).then(|| PriceFields::of(name)),
        })
    }
}

/// A default as a value of the rule's type.
fn default_value(kind: Kind, text: &str) -> Option<FieldValue> {
    let context = Context { language: None, host: None, base: None, by: By::Program };
    match convert(kind, text, &context)? {
        Value::One(value) => Some(value),
        Value::Price(price) => Some(crate::value::decimal_value(&price.amount)),
    }
}

impl PriceFields {
    fn of(name: &str) -> Self {
        let joined = |end: &str| format!("{name}_{end}").into();
        let currency = if name == "price" { "currency".into() } else { joined("currency") };
        Self {
            currency: Some(currency),
            from: joined("from"),
            to: joined("to"),
            list: joined("list"),
        }
    }
}
