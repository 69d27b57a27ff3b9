//! Replays recorded series through the rule.
//!
//! `cargo run --release --example detect-replay -- [--window MS] [--heap BYTES] [--limit BYTES] [-v] FILE...`
//!
//! A line of a recording is `kind ms rss anon heapTotal heapUsed external malloced extra`, where kind is
//! `r` (a reading), `g` (a natural mark-compact) or `p` (a collection that is only shown where the rule
//! asked for a probe before it; extra is its cost in ms).
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

use std::error::Error;
use std::fs;

use plimsoll::trend::{Collection, CollectionCause, Config, Event, Limits, Reading, Trend};

const INTERVAL: u64 = 1000;

struct Line {
    kind: u8,
    t: u64,
    rss: u64,
    total: u64,
    used: u64,
    external: u64,
    extra: f64,
}

fn parse(text: &str) -> Option<Line> {
    let mut words = text.split_ascii_whitespace();
    let kind = *words.next()?.as_bytes().first()?;
    let mut number = || words.next()?.parse::<u64>().ok();
    let (t, rss, _anon, total, used, external, _malloced) =
        (number()?, number()?, number()?, number()?, number()?, number()?, number()?);
    let extra = words.next().and_then(|word| word.parse().ok()).unwrap_or(0.0);
    Some(Line { kind, t, rss, total, used, external, extra })
}

fn replay(text: &str, window: u64, limits: Limits, verbose: bool) -> Result<(), Box<dyn Error>> {
    let mut trend = Trend::new(Config::new(window, INTERVAL)?, limits);
    let (mut next, mut asked, mut echo) = (0, false, false);
    let (mut allocated, mut used_before) = (0, 0);
    for line in text.lines().filter_map(parse) {
        allocated += line.used.saturating_sub(used_before);
        used_before = line.used;
        let cause = match line.kind {
            b'r' if line.t >= next => {
                next = line.t + INTERVAL;
                trend.reading(&Reading {
                    t: line.t,
                    rss: line.rss,
                    heap_total: line.total,
                    heap_used: line.used,
                    external: line.external,
                    native: Some(line.rss.saturating_sub(line.total + line.external)),
                    allocated,
                    ..Reading::default()
                });
                for event in trend.advance(line.t) {
                    asked |= event == Event::Probe;
                    if verbose || event != Event::Probe {
                        println!(
                            "  {:6.1} s {event:?} at {:.1} MB",
                            line.t as f64 / 1e3,
                            line.used as f64 / 1e6
                        );
                    }
                }
                continue;
            }
            b'g' if !echo => CollectionCause::Natural,
            b'p' => {
                echo = true;
                if !std::mem::take(&mut asked) {
                    continue;
                }
                CollectionCause::Probe
            }
            _ => {
                echo &= line.kind != b'g';
                continue;
            }
        };
        let pause_us =
            if cause == CollectionCause::Probe { (line.extra * 1000.0) as u32 } else { 0 };
        trend.collection(&Collection {
            t: line.t,
            used: line.used,
            total: line.total,
            external: line.external,
            cause,
            pause_us,
        });
    }
    let verdict = trend.verdict();
    println!(
        "  {:?}: {} ({} probes, {:.0} ms)",
        verdict.state, verdict.explanation, verdict.probes, verdict.probe_cost_ms
    );
    for channel in verdict.channels {
        println!("    {channel:?}");
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (mut window, mut heap, mut limit, mut verbose) = (30_000, 259 << 20, 512 << 20, false);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut value =
            || args.next().ok_or("a value is missing")?.parse::<u64>().map_err(|e| e.to_string());
        match arg.as_str() {
            "--window" => window = value()?,
            "--heap" => heap = value()?,
            "--limit" => limit = value()?,
            "-v" => verbose = true,
            file => {
                println!("{file}");
                let limits = Limits { heap: heap.min(limit), external: limit, native: limit };
                replay(&fs::read_to_string(file)?, window, limits, verbose)?;
            }
        }
    }
    Ok(())
}
