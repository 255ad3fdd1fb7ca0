//! A crawl decides here which URLs are one, which belong to it, and how far it goes.
//!
//! A link goes through [`Canonical`], [`Scope`] and [`Traps`] before [`Discovery`] says whether it
//! is a page to be fetched. None of it fetches or parses; the same links in any order of answers
//! come to the same pages, as long as no limit on their number is met.

mod canonical;
mod discovery;
mod glob;
mod scope;
mod traps;

pub use self::canonical::{Canonical, DropParams, QueryOrder};
pub use self::discovery::{Discovery, Found, Limits, Link, LinkCost, PageNo};
pub use self::glob::Glob;
pub use self::scope::{Outside, Reach, Scope, registrable_domain};
pub use self::traps::{Trap, TrapLimits, Traps, pattern_of};
