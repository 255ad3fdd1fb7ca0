//! URL templates in arguments: they expand to numbered items, or are refused with a reason.
#![no_main]

use gather::source::{Item, Progress, SourceSpec, open};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = str::from_utf8(data) else { return };
    let spec =
        SourceSpec { arguments: vec![text.to_owned()], limit: Some(300), ..SourceSpec::default() };
    let mut source = match open(&spec) {
        Ok(source) => source,
        Err(error) => return assert!(!error.to_string().is_empty()),
    };
    let (mut items, mut n) = (Vec::new(), 0);
    loop {
        let progress = source.read(&mut items, 64);
        for item in items.drain(..) {
            let number = match &item {
                Item::Target(target) => target.n.0,
                Item::Broken(broken) => broken.n.0,
            };
            assert_eq!(number, n, "{text:?}");
            n += 1;
        }
        match progress {
            Ok(Progress::More) => {}
            Ok(Progress::End) => break,
            Err(error) => return assert!(!error.to_string().is_empty()),
        }
    }
    assert!(n <= 300);
});
