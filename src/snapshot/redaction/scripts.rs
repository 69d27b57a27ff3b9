//! NameRules of scripts: a file that exists may be named, anything else that a program calls a script is data.

use std::path::{Path, PathBuf};

const URL: &[u8] = b"file://";

/// The name of a script whose file exists, without its query, and the file. A plain path may have a query as well:
/// `vm` takes any text for a file name.
pub fn existing(name: &[u8]) -> Option<(&[u8], PathBuf)> {
    let is_plain = |byte: &u8| *byte >= b' ' && *byte != 0x7f;
    let cut = name.split(|byte| matches!(byte, b'?' | b'#')).next().unwrap_or_default();
    let candidates = if name.starts_with(URL) { [cut, cut] } else { [name, cut] };
    candidates.into_iter().find_map(|name| {
        if !name.iter().all(is_plain) {
            return None;
        }
        let file = file_of(name)?;
        file.is_file().then_some((name, file))
    })
}

/// The file on this machine that a script's name means.
fn file_of(name: &[u8]) -> Option<PathBuf> {
    let path = match name.strip_prefix(URL) {
        Some(path) => decoded(path),
        None => name.to_vec(),
    };
    let path = String::from_utf8(path).ok()?;
    // file:///C:/x is C:/x
    let path = path.strip_prefix('/').filter(|rest| is_drive(rest)).unwrap_or(&path);
    let is_local = Path::new(path).is_absolute() && !is_remote(path);
    is_local.then(|| PathBuf::from(path))
}

fn is_drive(path: &str) -> bool {
    matches!(path.as_bytes(), [letter, b':', b'\\' | b'/', ..] if letter.is_ascii_alphabetic())
}

/// A share of another machine (UNC): to look there would tell that machine who looks.
fn is_remote(path: &str) -> bool {
    matches!(path.as_bytes(), [b'\\' | b'/', b'\\' | b'/', ..])
}

/// A path of a URL without its escapes.
fn decoded(path: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(path.len());
    let mut rest = path;
    while let [first, tail @ ..] = rest {
        let escape =
            tail.get(..2).filter(|_| *first == b'%').and_then(|hex| std::str::from_utf8(hex).ok());
        match escape.and_then(|hex| u8::from_str_radix(hex, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                rest = &tail[2..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stays_as_far_as_it_is_a_file() {
        let dir = std::env::temp_dir().join(format!("plimsoll scripts {}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        for name in ["a.js", "b.js?v=1"] {
            std::fs::write(dir.join(name), "").unwrap();
        }
        let dir_name = dir.to_str().unwrap();
        let url = format!("file://{}", dir_name.replace(' ', "%20"));
        for (name, expected) in [
            (format!("{dir_name}/a.js"), Some(format!("{dir_name}/a.js"))),
            (format!("{dir_name}/a.js?token=1#x"), Some(format!("{dir_name}/a.js"))),
            (format!("{dir_name}/a.js#x"), Some(format!("{dir_name}/a.js"))),
            (format!("{dir_name}/b.js?v=1"), Some(format!("{dir_name}/b.js?v=1"))),
            (format!("{url}/a.js?token=1"), Some(format!("{url}/a.js"))),
            (format!("{url}/none.js"), None),
            (format!("{dir_name}/token-1"), None),
            (dir_name.to_owned(), None),
            (format!("/{dir_name}/a.js"), None),
            (format!("{dir_name}/a\n.js"), None),
            ("a.js".to_owned(), None),
            ("data:text/javascript,secret".to_owned(), None),
            (String::new(), None),
        ] {
            let found = existing(name.as_bytes()).map(|(name, _)| name.to_vec());
            assert_eq!(found, expected.map(String::into_bytes), "{name}");
        }
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn a_drive_is_no_path_here_and_no_name_has_control_characters() {
        assert_eq!(file_of(b"file:///C:/x.js"), None);
        assert_eq!(file_of(b"file:///c/x.js"), Some(PathBuf::from("/c/x.js")));
        assert_eq!(file_of(b"file:///1:/x.js"), Some(PathBuf::from("/1:/x.js")));
        let dir = crate::snapshot::testing::TempDir::new("scripts-control");
        for name in ["a\u{1}.js", "a\u{7f}.js", "a b.js"] {
            let path = dir.0.join(name);
            std::fs::write(&path, "").unwrap();
            let is_named = existing(path.to_str().unwrap().as_bytes()).is_some();
            assert_eq!(is_named, name == "a b.js", "{name:?}");
        }
    }
}
