//! Bodies as files: each stored once, under the hash of its bytes.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::error::SinkError;
use crate::sink::Durability;

/// A directory of bodies, named by their SHA-256: `ab/cdef….html`.
///
/// It holds no file open. Equal bodies are stored once. A file appears under its name only when it
/// is whole; how durable it then is, [`commit`](Self::commit) decides for many of them at once.
#[derive(Debug)]
pub struct BodyStore {
    dir: PathBuf,
    durability: Durability,
    /// Files that may not be on the disk yet; as many as were stored since the last commit.
    unsynced: HashSet<PathBuf>,
}

/// A body being written. Dropped without [`finish`](Self::finish), it leaves nothing behind.
#[derive(Debug)]
pub struct BodyFile {
    dir: PathBuf,
    file: NamedTempFile,
    hash: Sha256,
    bytes: u64,
}

/// A body that was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The file, under the directory as it was given.
    pub path: PathBuf,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Their number.
    pub bytes: u64,
}

impl BodyStore {
    /// The store in this directory, which is made if its parent exists.
    ///
    /// # Errors
    /// When it cannot be made or written to.
    pub fn open(dir: &Path, durability: Durability) -> Result<Self, SinkError> {
        match fs::create_dir(dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(SinkError::io(Some(dir), error, None));
            }
            _ => {}
        }
        let store = Self { dir: dir.to_owned(), durability, unsynced: HashSet::new() };
        // Says now, and not at the first body, that nothing can be written there.
        store.begin().map(drop)?;
        sweep(dir);
        Ok(store)
    }

    /// Stores a body that is in memory.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store(&mut self, body: &[u8], content_type: Option<&str>) -> Result<Stored, SinkError> {
        let mut file = self.begin()?;
        file.write(body)?;
        file.finish(self, content_type)
    }

    /// Makes what was stored since the last commit as durable as was asked for: before any record
    /// that names it is. Few files are synced one by one, many with their whole file system.
    ///
    /// # Errors
    /// When they cannot be synced: what is on the disk is then unknown.
    pub fn commit(&mut self) -> Result<(), SinkError> {
        if self.durability == Durability::System || self.unsynced.is_empty() {
            return Ok(());
        }
        let said = |source| SinkError::io(Some(&self.dir), source, None);
        sync(&self.dir, &self.unsynced).map_err(said)?;
        self.unsynced.clear();
        Ok(())
    }

    /// The file of the body with this hash, whatever it ends in; `None` if there is none.
    pub fn find(dir: &Path, sha256: &[u8; 32]) -> Option<PathBuf> {
        let name = hex(sha256);
        let (first, rest) = name.split_at(2);
        let shelf = dir.join(first);
        EXTENSIONS.iter().map(|end| shelf.join(format!("{rest}.{end}"))).find(|path| path.is_file())
    }

    /// Begins a body that comes in pieces.
    ///
    /// # Errors
    /// When no file can be made in the directory.
    pub fn begin(&self) -> Result<BodyFile, SinkError> {
        let file =
            temporary(&self.dir).map_err(|source| SinkError::io(Some(&self.dir), source, None))?;
        Ok(BodyFile { dir: self.dir.clone(), file, hash: Sha256::new(), bytes: 0 })
    }
}

impl BodyFile {
    /// Adds bytes. They are handed to the system at once: bring them in pieces of some size.
    ///
    /// # Errors
    /// When they cannot be written; the body is then to be dropped.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), SinkError> {
        self.file
            .write_all(bytes)
            .map_err(|source| SinkError::io(Some(&self.dir), source, None))?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Puts the body under its name, which ends as its content type (as sent) suggests.
    ///
    /// # Errors
    /// When it cannot be renamed.
    pub fn finish(
        self,
        store: &mut BodyStore,
        content_type: Option<&str>,
    ) -> Result<Stored, SinkError> {
        let Self { dir, file, hash, bytes } = self;
        let sha256: [u8; 32] = hash.finalize().into();
        let name = hex(&sha256);
        let (first, rest) = name.split_at(2);
        let shelf = dir.join(first);
        let path = shelf.join(format!("{rest}.{}", extension(content_type)));
        // A file of another length is what a power cut left of an earlier one.
        let is_there = fs::metadata(&path).is_ok_and(|about| about.len() == bytes);
        if !is_there {
            let said = |source| SinkError::io(Some(&path), source, None);
            fs::create_dir_all(&shelf).map_err(said)?;
            file.persist(&path).map_err(|error| said(error.error))?;
        }
        if store.durability == Durability::Disk {
            store.unsynced.insert(path.clone());
        }
        Ok(Stored { path, sha256, bytes })
    }
}

fn hex(sha256: &[u8; 32]) -> String {
    sha256.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// As many files are synced one by one; more cost less with all else that is on their disk.
const SYNCED_EACH_MAX: usize = 8;

/// Syncs files and the names they got.
fn sync(dir: &Path, files: &HashSet<PathBuf>) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    if files.len() > SYNCED_EACH_MAX {
        return Ok(rustix::fs::syncfs(File::open(dir)?)?);
    }
    let mut shelves: HashSet<&Path> = HashSet::from([dir]);
    for file in files {
        File::open(file)?.sync_all()?;
        shelves.extend(file.parent());
    }
    if cfg!(unix) {
        for shelf in shelves {
            File::open(shelf)?.sync_all()?;
        }
    }
    Ok(())
}

/// What the name of a body begins with while it comes in.
const PART_PREFIX: &str = ".part-";

/// One that was not written to for so long is what a kill left: no response comes in so slowly.
const PART_AGE_MAX: Duration = Duration::from_secs(24 * 60 * 60);

/// Removes what killed runs left of bodies. Others may be writing theirs to the same directory.
fn sweep(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let is_part = entry.file_name().to_str().is_some_and(|name| name.starts_with(PART_PREFIX));
        let age = || entry.metadata().ok()?.modified().ok()?.elapsed().ok();
        if is_part && age().is_some_and(|age| age > PART_AGE_MAX) {
            // It harms nobody if it stays.
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn temporary(dir: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PART_PREFIX);
    // As readable as any file the user makes (the umask applies), not for the owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(dir)
}

/// All that [`extension`] answers.
const EXTENSIONS: &[&str] = &[
    "html", "json", "txt", "bin", "xml", "pdf", "css", "csv", "md", "js", "jsonl", "zip", "gz",
    "png", "jpg", "gif", "webp", "svg", "ico",
];

/// From a closed list, so that no header decides what a file is called.
fn extension(content_type: Option<&str>) -> &'static str {
    let essence = content_type.unwrap_or_default().split(';').next().unwrap_or_default();
    match essence.trim().to_ascii_lowercase().as_str() {
        "text/html" | "application/xhtml+xml" => "html",
        "text/plain" => "txt",
        "text/css" => "css",
        "text/csv" => "csv",
        "text/markdown" => "md",
        "text/javascript" | "application/javascript" => "js",
        "application/x-ndjson" | "application/jsonl" => "jsonl",
        "text/xml" | "application/xml" => "xml",
        "application/pdf" => "pdf",
        "application/zip" => "zip",
        "application/gzip" | "application/x-gzip" => "gz",
        "image/png" => "png",
        "image/jpeg" => "jpg",
        "image/gif" => "gif",
        "image/webp" => "webp",
        "image/svg+xml" => "svg",
        "image/x-icon" | "image/vnd.microsoft.icon" => "ico",
        other if other == "application/json" || other.ends_with("+json") => "json",
        other if other.ends_with("+xml") => "xml",
        _ => "bin",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(dir: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
        }
        found
    }

    fn open(dir: &Path) -> BodyStore {
        BodyStore::open(dir, Durability::Disk).unwrap()
    }

    fn store(store: &mut BodyStore, pieces: &[&[u8]], content_type: Option<&str>) -> Stored {
        let mut body = store.begin().unwrap();
        for piece in pieces {
            body.write(piece).unwrap();
        }
        body.finish(store, content_type).unwrap()
    }

    #[test]
    fn equal_bodies_are_stored_once_under_their_hash() {
        let dir = tempfile::tempdir().unwrap();
        let mut bodies = open(&dir.path().join("bodies"));
        let first = store(&mut bodies, &[b"hel", b"lo"], Some("text/html; charset=utf-8"));
        let second = store(&mut bodies, &[b"hello"], Some("TEXT/HTML"));
        assert_eq!(first, second);
        assert_eq!(bodies.store(b"hello", Some("text/html")).unwrap(), first);
        let name = "bodies/2c/f24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824.html";
        assert_eq!(first.path, dir.path().join(name));
        assert_eq!((fs::read(&first.path).unwrap().as_slice(), first.bytes), (&b"hello"[..], 5));
        assert_eq!(files(dir.path()), [first.path]);
    }

    #[test]
    fn a_body_is_found_by_its_hash_and_few_or_many_are_committed() {
        let dir = tempfile::tempdir().unwrap();
        let mut bodies = open(dir.path());
        let types = ["text/html", "application/json", "image/png", "", "text/rtf"];
        for count in [1, SYNCED_EACH_MAX * 3] {
            for n in 0..count {
                let body = format!("{count} {n}");
                let stored = bodies.store(body.as_bytes(), Some(types[n % types.len()])).unwrap();
                assert_eq!(BodyStore::find(dir.path(), &stored.sha256), Some(stored.path));
            }
            assert_eq!(bodies.unsynced.len(), count);
            bodies.commit().unwrap();
            assert!(bodies.unsynced.is_empty());
        }
        assert_eq!(BodyStore::find(dir.path(), &[7; 32]), None);
        let stored = bodies.store(b"lost", None).unwrap();
        fs::remove_file(&stored.path).unwrap();
        assert_eq!(bodies.commit().unwrap_err().path.as_deref(), Some(dir.path()));
    }

    #[test]
    fn every_extension_is_looked_for() {
        let source = include_str!("bodies.rs");
        let table =
            &source[source.find("fn extension(").unwrap()..source.find("mod tests").unwrap()];
        let answers = table.split("=> \"").skip(1).map(|rest| rest.split('"').next().unwrap());
        for answer in answers {
            assert!(EXTENSIONS.contains(&answer), "{answer}");
        }
    }

    #[test]
    fn a_body_cut_short_by_a_crash_is_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let mut bodies = open(dir.path());
        let stored = store(&mut bodies, &[b"hello"], None);
        fs::write(&stored.path, b"").unwrap();
        assert_eq!(fs::read(store(&mut bodies, &[b"hello"], None).path).unwrap(), b"hello");
    }

    #[test]
    fn a_body_given_up_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let bodies = open(dir.path());
        bodies.begin().unwrap().write(b"half").unwrap();
        assert_eq!(files(dir.path()), Vec::<PathBuf>::new());
    }

    #[test]
    fn what_a_kill_left_long_ago_is_removed() {
        let dir = tempfile::tempdir().unwrap();
        let bodies = open(dir.path());
        let others = bodies.begin().unwrap();
        let left = dir.path().join(".part-left");
        let own = dir.path().join("notes.txt");
        for path in [&left, &own] {
            let file = File::create(path).unwrap();
            file.set_modified(std::time::SystemTime::now() - 2 * PART_AGE_MAX).unwrap();
        }
        open(dir.path());
        assert_eq!((left.exists(), own.exists(), others.file.path().exists()), (false, true, true));
    }

    #[test]
    fn a_directory_that_cannot_be_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        for path in [dir.path().join("none/bodies"), file] {
            let error = BodyStore::open(&path, Durability::System).unwrap_err();
            assert_eq!(error.path.as_deref(), Some(&*path), "{error}");
        }
    }

    #[test]
    fn no_header_decides_a_name() {
        let cases = [
            (Some("application/ld+json"), "json"),
            (Some("application/rss+xml; x"), "xml"),
            (Some("image/../../etc/passwd"), "bin"),
            (Some(""), "bin"),
            (None, "bin"),
        ];
        for (content_type, expected) in cases {
            assert_eq!(extension(content_type), expected);
        }
    }
}
