//! Loads a snapshot and prints what it is; `--dump FILE` writes each node's id, shallow size,
//! retained size, dominator's id and distance as five little-endian u64 for a comparison.

use std::error::Error;
use std::io::{BufWriter, Write};
use std::path::Path;

use plimsoll::heap::{Snapshot, unattended};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let path = arguments.first().ok_or("usage: load SNAPSHOT [--dump FILE]")?;
    let snapshot = Snapshot::open(Path::new(path), &unattended)?;
    writeln!(
        std::io::stdout(),
        "{}",
        serde_json::json!({
            "bytes": snapshot.bytes(),
            "nodes": snapshot.node_count(),
            "edges": snapshot.edge_count(),
            "retained": snapshot.retained(snapshot.root()),
        })
    )?;
    if let [_, flag, file] = arguments.as_slice()
        && flag == "--dump"
    {
        dump(&snapshot, file)?;
    }
    Ok(())
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
