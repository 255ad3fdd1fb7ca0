//! Bytes to fields: what a rule finds in a page or a JSON document. Pure CPU, no network, no clock.

mod links;
mod sitemap;

pub use links::{Follow, LinkKind, LinkLimits, PageLink, PageLinks, links_of};
pub use sitemap::{SitemapEnd, SitemapEntry, SitemapLimit, SitemapLimits, read_sitemap};
