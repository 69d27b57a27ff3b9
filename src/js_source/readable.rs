//! The files that an analysis may open for names and lines.
//!
//! A snapshot names files, and a snapshot may come from anywhere. The rule is that of quoting in the page
//! (`lib/report/excerpt.js`): source below the folders that the caller gives, as regular files of a bounded size.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use parking_lot::Mutex;

/// Source, its maps, and the manifests of packages.
const EXTENSIONS: [&str; 9] = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx", "map"];
const MANIFEST: &str = "package.json";
/// Larger sources are generated data, not code to look up.
const MAX_FILE: u64 = 64 << 20;

/// What may be opened.
#[derive(Debug, Default)]
pub struct ReadableFiles {
    /// Absolute and without links; `None` where the caller vouches for the snapshots.
    folders: Option<Vec<PathBuf>>,
    /// Source that was asked for and lies elsewhere.
    outside: Mutex<BTreeSet<PathBuf>>,
}

impl ReadableFiles {
    /// Files below these folders alone.
    pub fn below(folders: Option<Vec<PathBuf>>) -> Self {
        Self { folders, ..Self::default() }
    }

    /// The text of a file; what is not UTF-8 is replaced, as Node does: V8's columns are those of the decoded text.
    pub fn text(&self, path: &Path) -> Option<String> {
        let file = open(&self.resolve(path)?)?;
        let length = file.metadata().ok().filter(fs::Metadata::is_file)?.len();
        let mut bytes = Vec::new();
        (length <= MAX_FILE).then_some(())?;
        file.take(MAX_FILE).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Whether the file is there and may be read.
    pub fn has(&self, path: &Path) -> bool {
        self.resolve(path).is_some_and(|file| file.is_file())
    }

    /// The file without links, if it may be opened.
    fn resolve(&self, path: &Path) -> Option<PathBuf> {
        if !path.is_absolute() || is_remote(path) || !is_source(path) {
            return None;
        }
        // What a link leads to counts: both where it lies and what it is.
        let file = fs::canonicalize(path).ok().filter(|file| is_source(file))?;
        let is_below = |folders: &Vec<PathBuf>| folders.iter().any(|each| file.starts_with(each));
        if self.folders.as_ref().is_none_or(is_below) {
            return Some(file);
        }
        if !path.components().any(|part| part.as_os_str() == "node_modules") {
            self.outside.lock().insert(file);
        }
        None
    }

    /// What to say of source that was not opened.
    pub fn note(&self) -> Option<String> {
        let outside = self.outside.lock();
        let first = outside.first()?.display();
        let more = match outside.len() - 1 {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Some(format!(
            "source outside the working directory was not read ({first}{more}), so names and lines may be missing: --source-root DIR (option sourceRoots) adds a folder"
        ))
    }
}

fn is_source(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension))
        || path.file_name().is_some_and(|name| name == MANIFEST)
}

/// A file on another machine (a UNC path): to open it would tell that machine who reads, and with which account.
fn is_remote(path: &Path) -> bool {
    matches!(path.as_os_str().as_encoded_bytes(), [b'\\' | b'/', b'\\' | b'/', ..])
}

/// Without waiting for the writer of a pipe, and without following a link that was put there since.
fn open(path: &Path) -> Option<File> {
    let mut options = fs::OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        libc::O_NONBLOCK | libc::O_NOFOLLOW,
    );
    options.open(path).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = format!("plimsoll-readable-{}-{name}", std::process::id());
            let path = std::env::temp_dir().join(path);
            fs::create_dir_all(path.join("app")).unwrap();
            Self(fs::canonicalize(path).unwrap())
        }

        fn write(&self, name: &str) -> PathBuf {
            fs::write(self.0.join(name), "let a").unwrap();
            self.0.join(name)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn source_below_the_folders_is_read_and_nothing_else() {
        let folder = Folder::new("below");
        let [inside, outside, text, private] =
            ["app/a.js", "b.js", "app/a.txt", "app/.env"].map(|name| folder.write(name));
        let readable = ReadableFiles::below(Some(vec![folder.0.join("app")]));
        assert_eq!(readable.text(&inside).unwrap(), "let a");
        assert!(readable.note().is_none());
        for file in [&text, &private, &outside, &folder.0.join("app/../b.js")] {
            assert!(readable.text(file).is_none() && !readable.has(file), "{}", file.display());
        }
        let note = readable.note().unwrap();
        assert!(note.contains(outside.to_str().unwrap()) && note.contains("--source-root"));
        assert!(ReadableFiles::default().text(&outside).is_some(), "the caller vouches for it");
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_leads_to_counts() {
        let folder = Folder::new("links");
        let outside = folder.write("b.js");
        let secret = folder.write("app/secret");
        for (name, target) in [("app/out.js", &outside), ("app/secret.js", &secret)] {
            std::os::unix::fs::symlink(target, folder.0.join(name)).unwrap();
        }
        let readable = ReadableFiles::below(Some(vec![folder.0.join("app")]));
        for name in ["app/out.js", "app/secret.js"] {
            assert!(readable.text(&folder.0.join(name)).is_none(), "{name}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pipe_does_not_block() {
        let folder = Folder::new("pipe");
        let pipe = folder.0.join("pipe.js");
        let name = std::ffi::CString::new(pipe.to_str().unwrap()).unwrap();
        // SAFETY: a NUL-terminated path that outlives the call.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        assert!(ReadableFiles::default().text(&pipe).is_none());
    }

    #[test]
    fn no_share_of_another_machine_is_read() {
        let folder = Folder::new("remote");
        let file = folder.write("a.js");
        let readable = ReadableFiles::default();
        assert!(readable.text(&file).is_some());
        // On Linux the same file; on Windows a share.
        assert!(readable.text(Path::new(&format!("/{}", file.display()))).is_none());
        assert!(readable.text(Path::new(r"\\server\share\a.js")).is_none());
    }
}
