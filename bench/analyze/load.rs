//! Loads a snapshot and prints what it is; `--dump FILE` writes each node's id, shallow size,
//! retained size, dominator's id and distance as five little-endian u64 for a comparison.
//! `--diff A B C` compares snapshots and prints the first suspect.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;

use plimsoll::heap::{Options, Snapshot, analyze, unattended};
use serde_json::{Value, json};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        ["--diff", paths @ ..] => diff(paths)?,
        [path] => load(path, None)?,
        [path, "--dump", file] => load(path, Some(file))?,
        _ => return Err("usage: load SNAPSHOT [--dump FILE] | load --diff SNAPSHOT...".into()),
    };
    writeln!(std::io::stdout(), "{result}")?;
    Ok(())
}

fn diff(paths: &[&str]) -> Result<Value, Box<dyn Error>> {
    let analysis: Value = serde_json::from_str(&analyze(paths, &Options::default(), &unattended)?)?;
    let suspect = &analysis["suspects"][0];
    let [cause, name] = ["cause", "name"].map(|key| suspect[key].as_str().unwrap_or("none"));
    Ok(json!({ "suspect": format!("{cause} {name}") }))
}

fn load(path: &str, dump_to: Option<&str>) -> Result<Value, Box<dyn Error>> {
    let snapshot = Snapshot::open(Path::new(path), &unattended)?;
    if let Some(file) = dump_to {
        dump(&snapshot, file)?;
    }
    Ok(json!({
        "bytes": snapshot.bytes(),
        "nodes": snapshot.node_count(),
        "edges": snapshot.edge_count(),
        "retained": snapshot.retained(snapshot.root()),
    }))
}

fn dump(snapshot: &Snapshot, file: &str) -> std::io::Result<()> {
    let mut out = BufWriter::new(std::fs::File::create(file)?);
    for node in snapshot.nodes() {
        let values = [
            u64::from(snapshot.id(node)),
            snapshot.shallow(node),
            snapshot.retained(node),
            u64::from(snapshot.id(snapshot.dominator(node))),
            snapshot.distance(node).map_or(u64::MAX, u64::from),
        ];
        for value in values {
            out.write_all(&value.to_le_bytes())?;
        }
    }
    out.flush()
}
