//! `plimsoll-scan DIR...`: one JSON object a line for each place that may leak, then one that sums up.
//! `plimsoll scan` runs it and shows what it says.

mod rules;

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::json;

/// A file beyond this is a bundle, where no leak is fixed.
const LARGEST: u64 = 1 << 20;
const SOURCES: [&str; 8] = ["js", "cjs", "mjs", "jsx", "ts", "cts", "mts", "tsx"];

/// Source files below a directory; node_modules and hidden folders are other people's.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let mut entries: Vec<_> = fs::read_dir(path)?.collect::<Result<_, _>>()?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        if kind.is_dir() && name != "node_modules" && !name.starts_with('.') {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && is_source(&name) {
            files.push(entry.path());
        }
    }
    Ok(())
}

fn is_source(name: &str) -> bool {
    let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
    SOURCES.contains(&extension) && !stem.ends_with(".min") && !stem.ends_with(".d")
}

fn main() -> io::Result<()> {
    let mut files = Vec::new();
    for root in env::args_os().skip(1) {
        collect(Path::new(&root), &mut files)?;
    }
    let mut out = io::BufWriter::new(io::stdout().lock());
    let (mut read, mut unread) = (0, 0);
    for file in &files {
        let small = fs::metadata(file).is_ok_and(|metadata| metadata.len() <= LARGEST);
        let found = small
            .then(|| fs::read_to_string(file).ok())
            .flatten()
            .map(|source| rules::scan(file, &source));
        let Some(Ok(findings)) = found else {
            unread += 1;
            continue;
        };
        read += 1;
        for finding in findings {
            writeln!(out, "{}", json!({ "file": file, "finding": finding }))?;
        }
    }
    writeln!(out, "{}", json!({ "read": read, "unread": unread }))?;
    out.flush()
}
