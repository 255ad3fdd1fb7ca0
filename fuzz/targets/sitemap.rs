//! Sitemaps: XML and text, gzipped or not, within their limits.
#![no_main]

use gather::extract::{SitemapLimits, read_sitemap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut urls = 0_u64;
    let _ = read_sitemap(data, SitemapLimits::default(), |_| urls += 1);
    assert!(urls <= 50_000);
});
