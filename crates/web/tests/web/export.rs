//! The pages as files.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gather_store::history::HistoryPlace;
use gather_web::{ExportOptions, export};

use crate::made;
use crate::place::history;

fn files(dir: &Path) -> BTreeSet<PathBuf> {
    let mut found = BTreeSet::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => drop(found.insert(path)),
        }
    }
    found
}

/// Where the links of a page lead: relative ones only.
fn links(html: &str) -> Vec<&str> {
    let parts = html.split("href=\"").skip(1).chain(html.split("src=\"").skip(1));
    let links = parts.filter_map(|part| part.split('"').next());
    links.filter(|link| !link.starts_with("https://") && !link.starts_with('#')).collect()
}

/// Every link of the pages as files leads to a file.
pub(crate) fn every_link_leads_to_a_file(place: &HistoryPlace) {
    // All there is, and less than that.
    for (targets_max, incidents_max, targets) in [(1_000, 500, 18), (3, 1, 3)] {
        let dir = tempfile::TempDir::new().unwrap();
        let site = made::options(place.clone());
        let options =
            ExportOptions { site, targets_max, incidents_max, ..ExportOptions::new(place.clone()) };
        let exported = export(&options, dir.path()).unwrap();
        assert_eq!(exported.targets, targets);
        let found = files(dir.path());
        assert_eq!(exported.files, found.len() as u64);
        let mut followed = 0;
        for page in found.iter().filter(|path| path.extension().is_some_and(|ext| ext == "html")) {
            let html = fs::read_to_string(page).unwrap();
            for link in links(&html) {
                let file = link.split(['?', '#']).next().unwrap();
                assert!(!file.starts_with('/') && !link.contains('?'), "{page:?}: {link}");
                assert!(page.parent().unwrap().join(file).is_file(), "{page:?}: {link}");
                followed += 1;
            }
            assert!(!html.contains("<script>canary") && !html.contains("http-equiv=\"refresh"));
        }
        assert!(followed > 500, "{followed}");
        let feed = fs::read_to_string(dir.path().join("feed.atom")).unwrap();
        for link in links(&feed) {
            assert!(dir.path().join(link).is_file(), "the feed: {link}");
        }
        // Again in its place, without a trace of the first time.
        assert_eq!(export(&options, dir.path()).unwrap(), exported);
        assert_eq!(files(dir.path()), found);
    }
}

#[test]
fn what_cannot_be_written_is_named() {
    let dir = tempfile::TempDir::new().unwrap();
    let taken = dir.path().join("taken");
    fs::write(&taken, "").unwrap();
    let error = export(&ExportOptions::new(history()), &taken).unwrap_err().to_string();
    assert!(error.starts_with("cannot write ") && error.contains("taken"), "{error}");
    let nowhere = HistoryPlace::Sqlite(dir.path().join("none.db"));
    let error = export(&ExportOptions::new(nowhere), dir.path()).unwrap_err().to_string();
    assert!(error.contains("none.db"), "{error}");
}
