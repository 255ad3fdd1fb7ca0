//! How fast and how small the set of URLs met is:
//! `cargo run --release -p gather-store --example seen_urls [URLS]`.

use std::io;
use std::time::Instant;

use gather_store::{Met, Seen, SeenLimits};

/// Of so many URLs met, one was met before.
const REPEATED: u64 = 4;

fn main() -> io::Result<()> {
    let urls = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(10_000_000);
    let mut seen = Seen::new(SeenLimits::default(), 4711);
    let (started, mut again, mut random) = (Instant::now(), 0, 1_u64);
    for n in 0..urls {
        again += u64::from(meet(&mut seen, n)? == Met::Again);
        if n % REPEATED == 0 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            again += u64::from(meet(&mut seen, (random >> 11) % (n + 1))? == Met::Again);
        }
    }
    let repeated = urls.div_ceil(REPEATED);
    assert_eq!((seen.count(), again), (urls, repeated), "it is exact");
    let seconds = started.elapsed().as_secs_f64();
    println!("{urls} URLs, {repeated} of them met twice, in {seconds:.1} s");
    println!("{:.0} a second", (urls + repeated) as f64 / seconds);
    println!("{:.1} MiB of memory by its own account", seen.memory_bytes() as f64 / 1048576.0);
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().filter(|line| line.starts_with("VmHWM")).for_each(|line| println!("{line}"));
    Ok(())
}

fn meet(seen: &mut Seen, n: u64) -> io::Result<Met> {
    let url = format!("https://shop{}.example/category/{}/item/{n}.html", n % 97, n % 1009);
    seen.meet(url.as_bytes())
}
