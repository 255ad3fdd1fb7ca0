//! Bytes to fields: what a rule finds in a page or a JSON document. Pure CPU, no network, no clock.
//!
//! Rules are compiled once ([`Rules::compile`]) and applied to page after page ([`Rules::extract`]).
//! A page is parsed at most once in each way its rules need: as HTML by the rules of HTML5, as JSON,
//! as text. Every cost has a cap ([`Limits`]) and is counted as work ([`Work`]): no page can stall a
//! caller or overflow his stack.
//!
//! ```
//! use gather_extract::{Limits, Page, Rules, RulesSpec, Work};
//!
//! let mut spec = RulesSpec::default();
//! spec.add("name=css:h1 | required")?;
//! spec.add("price=price:css:.now || css:.price")?;
//! let rules = Rules::compile(&spec)?;
//!
//! let page = Page { body: b"<h1>Lamp</h1><b class=price>1.299,00 \xe2\x82\xac</b>", ..Page::default() };
//! let limits = Limits::default();
//! let found = rules.extract(&page, &limits, &Work::new(limits.steps_max, &|| false))?;
//! let fields: Vec<_> = found.fields.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
//! assert_eq!(fields, ["name=Text(\"Lamp\")", "price=Decimal(\"1299.00\")", "currency=Text(\"EUR\")"]);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod charset;
mod clean;
mod css;
mod date;
mod dom;
mod error;
mod find;
mod limits;
mod links;
mod page;
pub mod price;
mod rule;
mod rules;
mod search;
mod sitemap;
mod structured;
mod value;

pub use error::RuleError;
pub use limits::{Limits, Stopped, Work};
pub use links::{Follow, LinkKind, LinkLimits, PageLink, PageLinks, links_of};
pub use page::Page;
pub use rule::{Named, OneOrMore, RuleSpec, RuleTable, RulesSpec, Scalar};
pub use rules::{Extraction, Missing, Of, Rules, Why};
pub use sitemap::{SitemapEnd, SitemapEntry, SitemapLimit, SitemapLimits, read_sitemap};
