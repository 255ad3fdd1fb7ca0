//! robots.txt, read and asked: linear, bounded, and the same whatever follows its limit.
#![no_main]

use gather::Url;
use gather::core::robots::{Access, Agent, BYTES_MAX, Robots};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    // The first line is what is asked for.
    let (path, file) = data.split_at(data.iter().position(|b| *b == b'\n').unwrap_or(0));
    let agent = Agent::of("gather/1.0");
    let robots = Robots::parse(file, &agent);
    assert!(robots.memory_bytes() <= 64 * BYTES_MAX);
    let mut url = Url::parse("http://a.example/").expect("a URL");
    url.set_path(&String::from_utf8_lossy(path));
    let access = robots.access(&url);
    if robots.forbids_nothing() {
        assert!(matches!(access, Access::Allowed));
    }
    url.set_path("/robots.txt");
    assert!(matches!(robots.access(&url), Access::Allowed));
    let _ = (robots.crawl_delay(), robots.sitemaps().count());
});
