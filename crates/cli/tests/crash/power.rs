//! A power cut: what was on the disk at some moment, and nothing of what was only in memory.

use std::path::{Path, PathBuf};
use std::process::Command;

use fastrand::Rng;

use crate::bed::{Bed, List, directory, until};
use crate::kills::seed;
use crate::sinks::sinks;

/// An ext4 file system in a file.
struct Image {
    file: PathBuf,
    mounted: Option<PathBuf>,
}

impl Image {
    /// Makes and mounts one, if that is permitted.
    fn make(dir: &Path) -> Option<Self> {
        let file = dir.join("disk.img");
        std::fs::File::create(&file).ok()?.set_len(64 << 20).ok()?;
        let made = Command::new("mkfs.ext4").arg("-q").arg(&file).output().ok()?;
        if !made.status.success() {
            return None;
        }
        let image = Self { file, mounted: None };
        image.mount(&dir.join("disk"))
    }

    fn mount(mut self, at: &Path) -> Option<Self> {
        std::fs::create_dir_all(at).ok()?;
        let mounted =
            Command::new("mount").args(["-o", "loop"]).arg(&self.file).arg(at).output().ok()?;
        self.mounted = mounted.status.success().then(|| at.to_owned());
        self.mounted.is_some().then_some(self)
    }

    /// What is on the disk now, as another disk.
    fn copy(&self, dir: &Path) -> Self {
        let file = dir.join("copy.img");
        std::fs::copy(&self.file, &file).expect("copied");
        let copy = Self { file, mounted: None };
        copy.mount(&dir.join("copy")).expect("a disk whose power was cut can be mounted")
    }

    fn path(&self) -> &Path {
        self.mounted.as_deref().expect("it is mounted")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if let Some(at) = &self.mounted {
            let _ = Command::new("umount").arg("-l").arg(at).status();
        }
    }
}

#[test]
fn a_power_cut_loses_nothing_that_was_committed() {
    let row = gather_testkit::fault_row!(33);
    let seed = seed();
    let mut rng = Rng::with_seed(seed);
    let bed = Bed::new(6_000);
    for case in sinks() {
        let dir = directory();
        let Some(disk) = Image::make(dir.path()) else {
            return row.untested("needs mkfs.ext4 and the right to mount");
        };
        let job = bed.job_in(case, tempfile::tempdir_in(disk.path()).expect("a directory"));
        let synced = Command::new("sync").arg("-f").arg(disk.path()).status();
        assert!(synced.expect("sync runs").success(), "the list is on the disk");
        let mut child = job.spawn(&[]);
        let records = rng.u64(1..400_000);
        // Where the disk has only the journal, that says how far it is.
        let output = case.on_disk.map_or_else(|| job.journal(), |at| job.path(at.written.0));
        until("some records", || {
            std::fs::metadata(&output).is_ok_and(|about| about.len() > records)
                || child.try_wait().expect("it is ours").is_some()
        });
        // Copying is not atomic: nothing may be written meanwhile.
        signal("-STOP", child.id());
        let copy = disk.copy(dir.path());
        signal("-CONT", child.id());
        let _ = child.kill();
        child.wait().expect("it is gone");
        let name = job.dir().file_name().expect("a name");
        let mut after = bed.job_at(case, copy.path().join(name));
        after.kills = 1;
        let ended = after.end(List::File);
        assert_eq!(ended.verdict, Default::default(), "{}, seed {seed}", case.name);
        drop((after, job));
    }
    row.comes("what was committed is there, and the run goes on");
    row.shown();
}

fn signal(name: &str, pid: u32) {
    // It may have come to its end.
    let _ = Command::new("kill").args([name, &pid.to_string()]).status();
}
