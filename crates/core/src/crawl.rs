//! A crawl decides here which URLs are one, which belong to it, and how far it goes.
//!
//! A link goes through [`Canonical`], [`Scope`] and [`Traps`]; under a limit on the depth, [`Ways`]
//! says whether it is a page to be fetched. None of it fetches or parses; the same links in any
//! order of answers come to the same pages, as long as no limit on their number is met.

mod canonical;
mod glob;
mod scope;
mod traps;
mod ways;

pub use self::canonical::{Canonical, DropParams, QueryOrder};
pub use self::glob::Glob;
pub use self::scope::{Outside, Reach, Scope, registrable_domain};
pub use self::traps::{Trap, TrapLimits, Traps, pattern_of};
pub use self::ways::{Limits, LinkCost, PageNo, Wanted, Ways};
