//! Files that the kernel makes up as they are read: procfs, cgroups.

use std::fs::File;
use std::io::{Read, Result};
use std::path::Path;

/// Most of them are shorter.
const USUAL: usize = 4096;
/// None of them is as long.
const MOST: u64 = 16 << 20;

/// The whole of one. They say that they are empty, so the standard library's function would ask for their length and
/// then begin with reads of a few bytes.
pub(super) fn read_to_string(path: &Path) -> Result<String> {
    let mut text = String::with_capacity(USUAL);
    File::open(path)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(target_os = "linux")]
    #[test]
    fn the_whole_of_it() {
        let path = Path::new("/proc/self/limits");
        assert_eq!(read_to_string(path).unwrap(), std::fs::read_to_string(path).unwrap());
        let maps = read_to_string(Path::new("/proc/self/smaps")).unwrap();
        assert!(maps.len() > USUAL && maps.contains("VmFlags"), "{}", maps.len());
        assert!(read_to_string(Path::new("/proc/self/none")).is_err());
    }
}
