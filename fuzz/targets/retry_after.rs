//! `Retry-After`, seconds and dates: nothing longer than six hours comes of it.
#![no_main]

use gather::core::{Duration, retry_after};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    for now_s in [0, 784_111_777, 4_102_444_800, u64::MAX / 4] {
        if let Some(delay) = retry_after::parse(text, Duration::from_secs(now_s)) {
            assert!(delay <= Duration::from_secs(6 * 3600), "{text:?}: {delay:?}");
        }
    }
});
