//! Who has the lock on a file, where the system tells.

use std::path::Path;

/// The process that holds a POSIX lock on this file (`/proc/locks`, see `proc(5)`).
#[cfg(target_os = "linux")]
pub(super) fn holder(path: &Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    let inode = path.metadata().ok()?.ino();
    let locks = std::fs::read_to_string("/proc/locks").ok()?;
    locks.lines().find_map(|line| holder_in(line, inode))
}

#[cfg(not(target_os = "linux"))]
pub(super) fn holder(_path: &Path) -> Option<u32> {
    None
}

/// `1: POSIX  ADVISORY  WRITE 4711 08:01:1048594 1073741826 1073742335`.
#[cfg(target_os = "linux")]
fn holder_in(line: &str, inode: u64) -> Option<u32> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [_, "POSIX", _, _, pid, place, ..] = words[..] else { return None };
    let held: u64 = place.rsplit(':').next()?.parse().ok()?;
    (held == inode).then(|| pid.parse().ok()).flatten()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_kernel_names_the_process() {
        let line = "1: POSIX  ADVISORY  WRITE 4711 08:01:1048594 1073741826 1073742335";
        assert_eq!(holder_in(line, 1_048_594), Some(4711));
        assert_eq!(holder_in(line, 1_048_595), None);
        assert_eq!(
            holder_in("2: FLOCK  ADVISORY  WRITE 4711 08:01:1048594 0 EOF", 1_048_594),
            None
        );
        assert_eq!(holder_in("1: -> POSIX ADVISORY WRITE 4711 08:01:1048594 0 EOF", 1), None);
    }
}
