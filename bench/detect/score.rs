//! Scores the rule on the corpus of `split.json`, beside what others would have said.
//!
//! `cargo run --release --example detect -- tune|score|all [-v] [ID...]`
//! `cargo run --release --example detect -- families [FIRST [COUNT [NAME]]]`
//! `cargo run --release --example detect -- stacks [HOURS [NAME]] [-v]`
//!
//! The second draws services of each family at random (`families.rs`): seeds below 1000 are for tuning. The third
//! replays the recordings of stacks for hours (`joined.rs`).
//! Models are run here; processes and packages were recorded by `record.js` (`series/KIND-NAME-leak.txt`
//! with a collection provoked each 2.5 s, of which the rule sees those that it asks for; `natural/` the
//! same without, which is what the others are judged on).
#![allow(clippy::print_stdout, reason = "a program for the terminal")]

mod families;
mod joined;
mod model;
mod peers;
mod tape;

use std::error::Error;
use std::fs;
use std::path::PathBuf;

use plimsoll::trend::{Channel, Config, Event, Trend, Verdict, VerdictState};
use serde::Deserialize;

use families::{HEALTHY, LEAKY, SCORED};
use model::{Model, healthy, leaky};
use peers::Peers;
use tape::{Recording, Tape};

#[derive(Deserialize)]
struct Split {
    programs: Vec<Program>,
}

#[derive(Deserialize)]
struct Program {
    id: String,
    channel: Option<Channel>,
    half: String,
}

impl Program {
    fn parts(&self) -> (&str, &str, bool) {
        let mut parts = self.id.split('/');
        let (kind, name) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        (kind, name, parts.next() == Some("leak"))
    }

    fn tape(&self, folder: &str) -> Result<Box<dyn Tape>, Box<dyn Error>> {
        let (kind, name, leaks) = self.parts();
        if kind == "model" {
            let services = if leaks { leaky() } else { healthy() };
            let service = services.into_iter().find(|service| service.name == name);
            return Ok(Box::new(Model::new(service.ok_or_else(|| format!("no model {name}"))?)));
        }
        let file = format!("{kind}-{name}-{}.txt", if leaks { "leak" } else { "ok" });
        let path =
            PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("bench/detect").join(folder).join(file);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(Box::new(Recording::new(&text)))
    }
}

struct Outcome {
    verdict: Verdict,
    /// The first leak of each channel, ms.
    leaks: [Option<u64>; 3],
    recovered: bool,
}

/// Feeds the tape to the rule, to its end or to the first leak.
fn run(tape: &mut dyn Tape, verbose: bool, first: bool) -> Result<Outcome, Box<dyn Error>> {
    let mut trend = Trend::new(Config::new(tape.window_ms(), 1000)?, tape.limits());
    let (mut asked, mut leaks, mut recovered) = (false, [None; 3], false);
    while let Some(step) = tape.step(asked) {
        asked &=
            !step.collections.iter().any(|c| c.cause == plimsoll::trend::CollectionCause::Probe);
        if let Some(lowest) = step.lowest {
            trend.scavenge(step.reading.t, lowest);
        }
        step.collections.iter().for_each(|collection| trend.collection(collection));
        trend.reading(&step.reading);
        for event in trend.advance(step.reading.t) {
            if verbose {
                println!(
                    "    {:8.1} s  {event:?}  used {:.1} MB",
                    step.reading.t as f64 / 1e3,
                    step.reading.heap_used as f64 / 1e6
                );
            }
            match event {
                Event::Probe => asked = true,
                Event::Leak(channel) => _ = leaks[channel as usize].get_or_insert(step.reading.t),
                Event::Recovered(_) => recovered = true,
                Event::Suspect(_) => {}
            }
        }
        if first && leaks.iter().any(Option::is_some) {
            break;
        }
    }
    Ok(Outcome { verdict: trend.verdict(), leaks, recovered })
}

fn peers(tape: &mut dyn Tape) -> Peers {
    let mut peers = Peers::default();
    let (window, limits) = (tape.window_ms(), tape.limits());
    while let Some(step) = tape.step(false) {
        peers.step(&step, window, limits);
    }
    peers
}

#[derive(Default)]
struct Tally {
    programs: u32,
    ours: u32,
    in_time: u32,
    right: u32,
    memwatch: u32,
    heap_line: u32,
    rss_line: u32,
    clinic: u32,
    probes: u32,
}

/// How often a family's draws are found, and in time, or raise a false alarm.
fn families(args: &[String], verbose: bool) -> Result<(), Box<dyn Error>> {
    let number = |at: usize, or: u32| args.get(at).map_or(Ok(or), |arg| arg.parse());
    let (from, count) = (number(0, 0)?, number(1, 40)?);
    let half = if from < SCORED { "tuning" } else { "scoring" };
    println!(
        "seeds {from} to {} ({half}); last: those missed, late or alarmed for nothing",
        from + count - 1
    );
    println!(
        "{:24} {:>7} {:>8} {:>14} {:>7}",
        "family", "alarms", "in time", "median share", "probes"
    );
    for (name, draw) in LEAKY.iter().chain(&HEALTHY) {
        if args.get(2).is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        let (mut alarms, mut in_time, mut shares, mut probes) = (0, 0, Vec::new(), 0);
        let mut notable = Vec::new();
        for seed in from..from + count {
            let mut tape = Model::new(draw(seed));
            let outcome = run(&mut tape, verbose, true)?;
            probes += outcome.verdict.probes;
            let (start, left) = tape.to_limit(Channel::Heap);
            let leaks = left < u64::MAX;
            let found = outcome.leaks.iter().flatten().min().copied();
            let due = start + tape.window_ms().max(left / 5) + 1000;
            alarms += u32::from(found.is_some());
            in_time += u32::from(found.is_some_and(|t| t <= due));
            shares.extend(found.map(|t| t as f64 / left as f64));
            if found.is_some_and(|t| t <= due) != leaks {
                notable.push(seed.to_string());
            }
        }
        shares.sort_by(f64::total_cmp);
        let median = shares.get(shares.len() / 2).filter(|share| **share > 1e-6);
        println!(
            "{name:24} {:>7} {:>8} {:>14} {probes:>7}  {}",
            format!("{alarms}/{count}"),
            median.map_or("-".into(), |_| format!("{in_time}/{count}")),
            median.map_or("-".into(), |share| format!("{:.0} %", share * 100.0)),
            notable.join(" ")
        );
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flags, args): (Vec<String>, Vec<String>) =
        std::env::args().skip(1).partition(|arg| arg == "-v");
    let verbose = !flags.is_empty();
    if args.first().is_some_and(|arg| arg == "families") {
        return families(&args[1..], verbose);
    }
    if args.first().is_some_and(|arg| arg == "stacks") {
        let hours = args.get(1).map_or(Ok(8), |hours| hours.parse())?;
        return joined::replay(hours, args.get(2).map_or("", String::as_str), verbose);
    }
    let half = args.first().filter(|arg| ["tune", "score", "all"].contains(&arg.as_str()));
    let half = half.ok_or(
        "usage: detect tune|score|all [-v] [ID...] | families [FIRST [COUNT]] | stacks [HOURS [NAME]]",
    )?;
    let ids = &args[1..];
    let split: Split = serde_json::from_str(include_str!("split.json"))?;
    let (mut leaky, mut healthy) = (Tally::default(), Tally::default());
    println!(
        "{:36} {:9} {:28} {:>6} {:>6} {:>7}  memwatch heap-line rss-line clinic",
        "program", "expected", "verdict", "at", "share", "probes"
    );
    for program in split.programs.iter().filter(|p| half == "all" || p.half == *half) {
        if !ids.is_empty() && !ids.iter().any(|id| program.id.contains(id.as_str())) {
            continue;
        }
        let tape = program.tape("series").and_then(|tape| {
            Ok((tape, program.tape("natural").or_else(|_| program.tape("series"))?))
        });
        let (mut tape, mut natural) = match tape {
            Ok(tapes) => tapes,
            Err(error) => {
                println!("{:36} not scored: {error}", program.id);
                continue;
            }
        };
        if verbose {
            println!("{}", program.id);
        }
        let outcome = run(&mut *tape, verbose, false)?;
        let others = peers(&mut *natural);
        let first = outcome.leaks.iter().flatten().min().copied();
        let tally = if program.channel.is_some() { &mut leaky } else { &mut healthy };
        tally.programs += 1;
        tally.probes += outcome.verdict.probes;
        tally.memwatch += u32::from(others.memwatch.is_some());
        tally.heap_line += u32::from(others.heap_line.is_some());
        tally.rss_line += u32::from(others.rss_line.is_some());
        tally.clinic += u32::from(others.clinic.is_some());
        let mut share = None;
        let mut note = "";
        if let Some(channel) = program.channel {
            let (start, left) = tape.to_limit(channel);
            let found = outcome.leaks[channel as usize];
            share = found.map(|t| t.saturating_sub(start) as f64 / left as f64);
            let due = start + tape.window_ms().max(left / 5);
            let in_time = found.is_some_and(|t| t <= due + 1000);
            let wrong =
                outcome.leaks.iter().enumerate().any(|(c, t)| c != channel as usize && t.is_some());
            tally.ours += u32::from(found.is_some());
            tally.in_time += u32::from(in_time);
            tally.right += u32::from(found.is_some() && !wrong);
            note = match (found, in_time, wrong) {
                (None, _, _) if left > 86_400_000 => "  (over 24 h)",
                (None, _, _) => "  MISSED",
                (_, _, true) => "  OTHER CHANNEL TOO",
                (_, false, _) => "  LATE",
                _ => "",
            };
        } else if first.is_some() {
            tally.ours += 1;
            note = "  FALSE ALARM";
        }
        let Verdict { state, channel, probes, .. } = &outcome.verdict;
        let said = format!(
            "{}{}{}",
            serde_json::to_value(state)?.as_str().unwrap_or_default(),
            channel.map_or_else(String::new, |c| format!(" {c:?}")),
            if outcome.recovered && *state != VerdictState::Leak { " (retracted)" } else { "" }
        );
        let seconds =
            |t: Option<u64>| t.map_or_else(|| "-".to_owned(), |t| format!("{}", t / 1000));
        println!(
            "{:36} {:9} {:28} {:>6} {:>6} {:>7}  {:>8} {:>9} {:>8} {:>6}{note}",
            program.id,
            program.channel.map_or_else(|| "healthy".to_owned(), |c| format!("{c:?}")),
            said,
            seconds(first),
            share.map_or_else(|| "-".to_owned(), |s| format!("{:.0} %", s * 100.0)),
            probes,
            seconds(others.memwatch),
            seconds(others.heap_line),
            seconds(others.rss_line),
            seconds(others.clinic),
        );
    }
    let of = |n: u32, tally: &Tally| format!("{n}/{}", tally.programs);
    println!(
        "\n{:24} {:>9} {:>9} {:>9} {:>9} {:>9}",
        "", "plimsoll", "memwatch", "heap line", "rss line", "clinic"
    );
    for (name, tally) in [("leaks found", &leaky), ("alarms on healthy", &healthy)] {
        println!(
            "{name:24} {:>9} {:>9} {:>9} {:>9} {:>9}",
            of(tally.ours, tally),
            of(tally.memwatch, tally),
            of(tally.heap_line, tally),
            of(tally.rss_line, tally),
            of(tally.clinic, tally)
        );
    }
    println!(
        "in time {}, right channel only {}; probes: {} in leaky, {} in healthy programs",
        of(leaky.in_time, &leaky),
        of(leaky.right, &leaky),
        leaky.probes,
        healthy.probes
    );
    Ok(())
}
