//! Services that take snapshots into one directory, simulated: programs drawn from a seed, in which any call of the
//! system may fail, any process may be killed at any call, clocks jump and the directory is lost.
//!
//! `PLIMSOLL_SIM_SEED` repeats a run, `PLIMSOLL_SIM_SECONDS` makes it longer. A failure prints the shortest program
//! that still fails.

#![allow(clippy::print_stdout, reason = "a run prints its seed")]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::error::SnapshotError;
use super::fork::ForkFailure;
use super::job;
use super::name::Name;
use super::room::Builder;
use super::session::{Method, Request, Session, TakenSnapshot};
use super::state;
use super::store::Partial;
use crate::os::sim::{Fault, Plan, Process, Simulation};
use crate::random::Random;

const HOUR: u64 = 3_600_000;
const MAX_FILES: usize = 3;
const COOLDOWN: u64 = HOUR;
const SLOTS: usize = 3;

/// What a forked child does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Script {
    /// It works, with this fault in its calls.
    Works(Option<Plan>),
    /// As [`Script::Works`], and its end is collected by other code of the service.
    Collected(Option<Plan>),
    /// As [`Script::Works`], and this service tries to take a snapshot meanwhile: another one, or a thread of the same.
    Meanwhile(usize),
    /// It could not.
    Refuses,
    /// Its service is killed while it works, and it ends too.
    Dies,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Step {
    /// A process takes a snapshot of so many bytes.
    Take { slot: usize, forked: bool, plan: Option<Plan>, script: Script, bytes: usize },
    /// A process is replaced, as by its supervisor; `host`: in another container.
    Restart { slot: usize, host: bool },
    /// Time passes.
    Pass(u64),
    /// The wall clock is set.
    Clock(i64),
    /// The directory is removed.
    Lose,
    /// The state file is replaced by other text.
    Damage,
    /// A file of the directory is removed by hand.
    Delete(usize),
    /// A user writes a snapshot of their own there.
    Foreign,
    /// The file system knows no files without a name, or it does.
    Named(bool),
}

fn draw(random: &mut Random) -> Step {
    let plan = |random: &mut Random, odds: u64| {
        (random.below(odds) == 0)
            .then(|| Plan { at: random.below(90) as u32, fault: fault(random) })
    };
    match random.below(40) {
        0..=19 => {
            let child = plan(random, 3).map(|plan| Plan { at: plan.at % 12, ..plan });
            let script = match random.below(13) {
                12 => Script::Meanwhile(random.below(SLOTS as u64) as usize),
                0 => Script::Refuses,
                1 => Script::Collected(child),
                2 => Script::Dies,
                _ => Script::Works(child),
            };
            let slot = random.below(SLOTS as u64) as usize;
            let bytes = 64 + random.below(4000) as usize;
            Step::Take { slot, forked: random.below(3) > 0, plan: plan(random, 2), script, bytes }
        }
        20..=25 => {
            Step::Restart { slot: random.below(SLOTS as u64) as usize, host: random.below(8) == 0 }
        }
        26..=33 => Step::Pass(random.below(3 * HOUR)),
        34 => Step::Clock(random.below(20 * 60_000) as i64 - 10 * 60_000),
        35 if random.below(4) == 0 => {
            Step::Clock(random.below(48 * HOUR) as i64 - 24 * HOUR as i64)
        }
        36 if random.below(3) == 0 => Step::Lose,
        36 => Step::Damage,
        37 => Step::Delete(random.below(8) as usize),
        38 if random.below(2) == 0 => Step::Named(random.below(2) == 0),
        38 => Step::Foreign,
        _ => Step::Pass(1),
    }
}

fn fault(random: &mut Random) -> Fault {
    const CODES: [i32; 7] = [
        libc::EINTR,
        libc::EMFILE,
        libc::ENOSPC,
        libc::EAGAIN,
        libc::EIO,
        libc::ENOMEM,
        libc::ESTALE,
    ];
    let code = CODES[random.below(CODES.len() as u64) as usize];
    match random.below(10) {
        // A call that is interrupted for ever is none that ends.
        0 | 1 if code != libc::EINTR => Fault::Ever(code),
        0..=3 => Fault::Once(code),
        4 => Fault::Short,
        5 | 6 => Fault::Kill,
        7 => Fault::Stop(random.below(3 * HOUR)),
        8 => Fault::Clock(random.below(20 * 60_000) as i64 - 10 * 60_000),
        _ => Fault::Lose,
    }
}

struct World {
    dir: PathBuf,
    system: Simulation,
    slots: Vec<Process>,
    next_pid: u32,
    next_host: u32,
    /// Files of no known writer: by hand, or of a state that was lost.
    foreign: BTreeSet<String>,
    /// When an attempt began, by the time that has passed, and by how much the clock was set back since.
    attempt: Option<u64>,
    set_back: u64,
    checks: u64,
    /// The most calls that a service made in an attempt, without those of its child.
    calls: u32,
    /// Whether the last attempt brought a snapshot.
    is_taken: bool,
    /// What happened, for the record.
    taken: u64,
    refused: BTreeMap<&'static str, u64>,
}

impl World {
    fn new(dir: &Path) -> Self {
        let _ = fs::remove_dir_all(dir);
        let lost = dir.to_owned();
        let system = Simulation::begin(1_800_000_000_000, move || drop(fs::remove_dir_all(&lost)));
        let slots = (0..SLOTS).map(|slot| system.start(100 + slot as u32, "host")).collect();
        Self {
            dir: dir.to_owned(),
            system,
            slots,
            next_pid: 200,
            next_host: 1,
            foreign: BTreeSet::new(),
            attempt: None,
            set_back: 0,
            checks: 0,
            calls: 0,
            is_taken: false,
            taken: 0,
            refused: BTreeMap::new(),
        }
    }

    fn step(&mut self, step: Step) -> Result<(), String> {
        match step {
            Step::Take { slot, forked, plan, script, bytes } => {
                self.take(slot, forked, plan, script, bytes)?;
            }
            Step::Restart { slot, host } => self.restart(slot, host),
            Step::Pass(ms) => self.system.pass(ms),
            Step::Clock(ms) => {
                self.system.set_back(ms);
                self.clock_moved(ms);
            }
            Step::Lose => {
                let _ = fs::remove_dir_all(&self.dir);
                self.forget();
            }
            Step::Damage => {
                if self.dir.exists() {
                    fs::write(self.dir.join(state::FILE), "{\"schema\":").unwrap();
                }
                self.forget();
            }
            Step::Delete(at) => {
                if let Some(name) = self.names().get(at) {
                    if name == state::FILE {
                        self.forget();
                    }
                    let _ = fs::remove_file(self.dir.join(name));
                }
            }
            Step::Foreign => {
                let name = format!("Heap.20260101.000000.9.0.{:03}.heapsnapshot", self.next_pid);
                self.next_pid += 1;
                if self.dir.exists() {
                    fs::write(self.dir.join(&name), "by hand").unwrap();
                    self.foreign.insert(name);
                }
            }
            Step::Named(named) => self.system.name_files(named),
        }
        self.check()
    }

    /// After a jump forward, or back by a cooldown, the past is not comparable.
    fn clock_moved(&mut self, ms: i64) {
        self.set_back += ms.unsigned_abs();
        if ms > 0 || self.set_back >= COOLDOWN {
            self.attempt = None;
        }
    }

    /// The content of the state file is lost: its files no longer count as files of plimsoll, and the cooldown is gone.
    fn forget(&mut self) {
        self.attempt = None;
        self.foreign.extend(self.names());
    }

    fn names(&self) -> Vec<String> {
        let Ok(entries) = fs::read_dir(&self.dir) else { return Vec::new() };
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn restart(&mut self, slot: usize, host: bool) {
        self.system.end(&self.slots[slot]);
        let host = if host {
            self.next_host += 1;
            format!("host-{}", self.next_host)
        } else {
            self.slots[slot].host.clone()
        };
        // The pid of the predecessor, as in a container, or another one.
        let pid =
            if self.next_pid.is_multiple_of(3) { self.slots[slot].pid } else { self.next_pid };
        self.next_pid += 1;
        self.slots[slot] = self.system.start(pid, &host);
    }

    fn take(
        &mut self,
        slot: usize,
        forked: bool,
        plan: Option<Plan>,
        script: Script,
        bytes: usize,
    ) -> Result<(), String> {
        let process = self.slots[slot].clone();
        let before: BTreeSet<_> = self.names().into_iter().collect();
        let mut begun = None;
        let next_pid = &mut self.next_pid;
        let (dir, system, slots) = (&self.dir, &self.system, &self.slots);
        let (result, calls) = system.run(&process, plan, || {
            let mut session = Session::begin(request(dir))?;
            let taken = if forked {
                job::forked(&mut session, |session| {
                    let at = system.passed();
                    let partial = session.open(Builder::Converter).map_err(ForkFailure::Final)?;
                    begun.get_or_insert(at);
                    *next_pid += 1;
                    let child = system.start(*next_pid, &process.host);
                    if let Script::Meanwhile(slot) = script {
                        let begin = || Session::begin(request(dir));
                        let refused =
                            system.run(&slots[slot], None, begin).0.map(|begun| begun.map(drop));
                        let busy = matches!(refused, Some(Err(SnapshotError::Busy { .. })));
                        // In a new directory of the same name it may.
                        let is_lost = plan.is_some_and(|plan| plan.fault == Fault::Lose);
                        assert!(busy || is_lost, "two write at once: {refused:?}");
                    }
                    Forked { child, partial, script, bytes }.wait(system, session)
                })
                .map_err(SnapshotError::from)
            } else {
                let at = system.passed();
                let partial = session.open(Builder::Service)?;
                begun.get_or_insert(at);
                let written = session.packing().write(&partial, |out| text(bytes, out))?;
                Ok(session.outcome(partial.commit()?, Method::InProcess, Duration::ZERO, written))
            }?;
            session.end();
            Ok::<_, SnapshotError>(taken)
        });
        self.calls = self.calls.max(calls);
        self.is_taken = matches!(result, Some(Ok(_)));
        let lost = plan.is_some_and(|plan| plan.fault == Fault::Lose) || script_loses(script);
        let refusal = match &result {
            Some(Err(error)) => Some(error.code()),
            Some(Ok(_)) => None,
            None => Some("killed"),
        };
        match refusal {
            Some(code) => *self.refused.entry(code).or_default() += 1,
            None => self.taken += 1,
        }
        if lost {
            self.forget();
        } else {
            let plans = [plan, script_plan(script)].into_iter().flatten();
            let moved = plans.filter_map(|plan| match plan.fault {
                Fault::Clock(ms) => Some(ms),
                _ => None,
            });
            // Before the attempt was allowed, or after it.
            moved.clone().for_each(|ms| self.clock_moved(ms));
            if let Some(at) = begun {
                self.began(at)?;
            }
            moved.for_each(|ms| self.clock_moved(ms));
        }
        let calm = plan.is_none() && !lost;
        // It has had the directory to itself: what others have left is gone.
        let swept = calm && !matches!(refusal, Some("ERR_PLIMSOLL_BUSY" | "killed"));
        match &result {
            Some(Ok(taken)) if !lost => {
                let text = fs::read(&taken.path)
                    .map_err(|error| format!("{} was announced: {error}", taken.path.display()))?;
                if text.len() as u64 != taken.bytes {
                    return Err(format!("{} has another size", taken.path.display()));
                }
            }
            Some(Err(error)) if !lost => {
                let after: BTreeSet<_> = self.names().into_iter().collect();
                if let Some(new) = after.difference(&before).find(|name| is_final(name)) {
                    return Err(format!("{new} was made by an attempt that failed: {error}"));
                }
            }
            // The process was killed, and its supervisor starts another one.
            None => self.restart(slot, false),
            _ => {}
        }
        self.tidy(calm && matches!(result, Some(Ok(_))), swept)
    }

    /// An attempt began: not within the cooldown of the last one.
    fn began(&mut self, now: u64) -> Result<(), String> {
        let before = self.attempt.replace(now);
        self.set_back = 0;
        match before {
            Some(before) if now - before < COOLDOWN => {
                Err(format!("attempts {} s apart", (now - before) / 1000))
            }
            _ => Ok(()),
        }
    }

    /// What the directory holds after an operation; `done`: of one that succeeded without a fault.
    fn tidy(&mut self, done: bool, swept: bool) -> Result<(), String> {
        let names = self.names();
        let left = names.iter().find(|name| name.ends_with(".partial"));
        if let Some(left) = left.filter(|_| swept) {
            return Err(format!("{left} is left behind"));
        }
        let mut ours = names.iter().filter(|name| is_final(name) && !self.foreign.contains(*name));
        let state = fs::read_to_string(self.dir.join(state::FILE)).unwrap_or_default();
        // Another living process' files, and those of other hosts, are not this one's to remove.
        let others = others(&state, &self.slots);
        let own = ours.clone().filter(|name| !others.contains(name.as_str())).count();
        let most = MAX_FILES + usize::from(!done);
        if own > most && (done || swept) {
            return Err(format!("{own} files where {most} may be: {names:?}"));
        }
        if let Some(unknown) = ours.find(|name| done && !state.contains(name.as_str())) {
            return Err(format!("{unknown} is in no state file: it will never be removed"));
        }
        Ok(())
    }

    /// What is true at any time.
    fn check(&mut self) -> Result<(), String> {
        if let Some(violation) = self.system.violations().pop() {
            return Err(violation);
        }
        for name in self.names().iter().filter(|name| is_final(name)) {
            let content = fs::read(self.dir.join(name)).unwrap();
            let whole = content == b"by hand" || content == whole(content.len());
            if !whole {
                return Err(format!("{name} is not whole: {} bytes", content.len()));
            }
        }
        self.checks += 1;
        if self.checks.is_multiple_of(16)
            && let Some(open) = open_below(&self.dir)
        {
            return Err(format!("{open} is open, and no process needs it"));
        }
        Ok(())
    }
}

/// The files of the state that only others may remove.
fn others(state: &str, slots: &[Process]) -> BTreeSet<String> {
    let Ok(state) = serde_json::from_str::<serde_json::Value>(state) else {
        return BTreeSet::new();
    };
    let files = state["files"].as_array().cloned().unwrap_or_default();
    let of_others = files.iter().filter(|file| {
        let owner = &file["owner"];
        let lives = slots.iter().any(|slot| {
            owner["pid"] == slot.pid && owner["start"] == slot.start && owner["host"] == slot.host
        });
        let hosts: BTreeSet<_> = slots.iter().map(|slot| slot.host.as_str()).collect();
        let strange = hosts.len() > 1 || !hosts.contains(owner["host"].as_str().unwrap_or(""));
        lives || strange
    });
    of_others.filter_map(|file| file["name"].as_str().map(str::to_owned)).collect()
}

fn script_plan(script: Script) -> Option<Plan> {
    let (Script::Works(plan) | Script::Collected(plan)) = script else { return None };
    plan
}

fn script_loses(script: Script) -> bool {
    script_plan(script).is_some_and(|plan| plan.fault == Fault::Lose)
}

/// A child and what it was given.
struct Forked {
    child: Process,
    partial: Partial,
    script: Script,
    bytes: usize,
}

impl Forked {
    /// The child's life, and what the service makes of its end.
    fn wait(
        self,
        system: &Simulation,
        session: &mut Session,
    ) -> Result<TakenSnapshot, ForkFailure> {
        let Self { child, partial, script, bytes } = self;
        if script == Script::Refuses {
            system.end(&child);
            return Err(ForkFailure::Lost("no isolate is current".into()));
        }
        let packing = session.packing();
        let write = || packing.write(&partial, |out| text(bytes, out));
        let (written, _) = system.run(&child, script_plan(script), write);
        system.end(&child);
        let written = match (written, script) {
            (_, Script::Dies) => crate::os::sim::kill(),
            (None, _) => Err(ForkFailure::Killed("killed".into())),
            (_, Script::Collected(_)) => Err(ForkFailure::Killed("collected".into())),
            (Some(written), _) => written.map_err(ForkFailure::Final),
        }?;
        let path = partial.commit().map_err(ForkFailure::Final)?;
        Ok(session.outcome(path, Method::Fork, Duration::ZERO, written))
    }
}

/// The text of a snapshot of so many bytes.
fn whole(bytes: usize) -> Vec<u8> {
    let mut text = br#"{"node_count":1,""#.to_vec();
    text.resize(bytes.max(text.len() + 2) - 2, b'x');
    text.extend_from_slice(b"\"}");
    text
}

fn text(bytes: usize, out: &mut dyn FnMut(&[u8]) -> bool) -> bool {
    whole(bytes).chunks(700).all(out)
}

fn is_final(name: &str) -> bool {
    Name::parse(name).is_some_and(|parsed| parsed.to_string() == name)
}

/// A descriptor of this process that is below the directory, or was.
fn open_below(dir: &Path) -> Option<String> {
    let links = fs::read_dir("/proc/self/fd").ok()?;
    let targets = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
    targets.map(|target| target.to_string_lossy().into_owned()).find(|target| {
        target.strip_prefix(dir.to_str().unwrap()).is_some_and(|rest| !rest.starts_with('-'))
    })
}

fn request(dir: &Path) -> Request {
    Request {
        app: "/app/server.js".into(),
        max_files: MAX_FILES,
        cooldown_ms: COOLDOWN,
        nice: 19,
        ..crate::snapshot::testing::request(dir.to_owned())
    }
}

/// Runs a program; the world at its end, or why it failed.
fn play(dir: &Path, program: &[Step]) -> Result<World, String> {
    let mut world = World::new(dir);
    for (at, &step) in program.iter().enumerate() {
        let played = catch_unwind(AssertUnwindSafe(|| world.step(step)));
        let failed = match played {
            Ok(played) => played.err(),
            Err(panic) => Some(panic.downcast_ref::<String>().cloned().unwrap_or_default()),
        };
        if let Some(failed) = failed {
            return Err(format!("step {at}: {failed}"));
        }
    }
    Ok(world)
}

/// The shortest program that still fails.
fn shrink(dir: &Path, mut program: Vec<Step>) -> (Vec<Step>, String) {
    let mut why = play(dir, &program).err().unwrap_or_default();
    let mut size = program.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < program.len() {
            let mut shorter = program.clone();
            shorter.drain(at..(at + size).min(program.len()));
            match play(dir, &shorter).err() {
                Some(failed) => (program, why) = (shorter, failed),
                None => at += size,
            }
        }
        size /= 2;
    }
    for at in 0..program.len() {
        if let Step::Take { plan: Some(_), .. } = program[at] {
            let mut calmer = program.clone();
            if let Step::Take { plan, .. } = &mut calmer[at] {
                *plan = None;
            }
            if let Some(failed) = play(dir, &calmer).err() {
                (program, why) = (calmer, failed);
            }
        }
    }
    (program, why)
}

fn directory(name: &str) -> PathBuf {
    // In memory where there is such a file system: a year has a hundred thousand calls of fsync.
    let base = Path::new("/dev/shm");
    let base = if base.is_dir() { base.to_owned() } else { std::env::temp_dir() };
    base.join(format!("plimsoll-sim-{}-{name}", std::process::id()))
}

fn fail(seed: u64, program: Vec<Step>, dir: &Path) -> ! {
    let (shortest, why) = shrink(dir, program);
    let mut text = String::new();
    for step in &shortest {
        let _ = writeln!(text, "    {step:?},");
    }
    let _ = fs::remove_dir_all(dir);
    panic!("seed {seed}: {why}\n{text}");
}

#[test]
fn services_that_share_a_directory() {
    let dir = directory("random");
    let seed = Random::seed();
    let mut random = Random::new(seed);
    let deadline = Instant::now() + Random::seconds(4);
    let (mut programs, mut steps, mut taken) = (0, 0, 0);
    let mut refused = BTreeMap::<&str, u64>::new();
    while Instant::now() < deadline || programs < 20 {
        let program: Vec<Step> = (0..40).map(|_| draw(&mut random)).collect();
        match play(&dir, &program) {
            Ok(world) => {
                taken += world.taken;
                world
                    .refused
                    .iter()
                    .for_each(|(code, count)| *refused.entry(code).or_default() += count);
            }
            Err(_) => fail(seed, program, &dir),
        }
        programs += 1;
        steps += program.len();
    }
    println!("seed {seed}: {programs} programs, {steps} steps, {taken} snapshots, {refused:?}");
    assert!(taken > 0, "{taken} {refused:?}");
    let _ = fs::remove_dir_all(&dir);
}

/// What may happen at a call.
fn faults() -> Vec<Fault> {
    const CODES: [i32; 5] = [libc::EMFILE, libc::ENOSPC, libc::EAGAIN, libc::EIO, libc::ESTALE];
    let refused = CODES.iter().flat_map(|&code| [Fault::Once(code), Fault::Ever(code)]);
    let others = [
        Fault::Once(libc::EINTR),
        Fault::Short,
        Fault::Kill,
        Fault::Lose,
        Fault::Stop(2 * HOUR),
        Fault::Clock(-(HOUR as i64) / 2),
    ];
    others.into_iter().chain(refused).collect()
}

/// The programs in which a fault happens at one of so many calls of an attempt: of the service, and of its child.
fn programs_with_one_fault(calls: u32) -> Vec<Vec<Step>> {
    const CALLS_OF_A_CHILD: u32 = 12;
    let take = |slot, forked, plan, script| Step::Take { slot, forked, plan, script, bytes: 3000 };
    let calm = |slot| take(slot, true, None, Script::Works(None));
    // The directory is full, so retention has work. The next attempts find what the fault has left.
    let program = |named, step| {
        let full = (0..MAX_FILES).flat_map(|_| [calm(0), Step::Pass(HOUR)]);
        let next = [Step::Pass(2 * HOUR), calm(1), Step::Pass(HOUR), calm(0)];
        [Step::Named(named)].into_iter().chain(full).chain([step]).chain(next).collect()
    };
    let of_fault = |fault| {
        let of_service = (0..calls).flat_map(move |at| {
            let plan = Some(Plan { at, fault });
            [false, true].map(|forked| take(0, forked, plan, Script::Works(None)))
        });
        let of_child = (0..CALLS_OF_A_CHILD).flat_map(move |at| {
            let plan = Some(Plan { at, fault });
            [Script::Works(plan), Script::Collected(plan)].map(|script| take(0, true, None, script))
        });
        of_service.chain(of_child)
    };
    let steps = faults().into_iter().flat_map(of_fault);
    steps.flat_map(|step| [false, true].map(|named| program(named, step))).collect()
}

/// Each fault at each call, one after the other: all of them in a long run, or else a part that the seed chooses.
#[test]
fn each_fault_at_each_call() {
    const PARTS: usize = 37;
    let dir = directory("calls");
    let seed = Random::seed();
    let parts = if Random::seconds(0).is_zero() { PARTS } else { 1 };
    let calm = |forked| Step::Take {
        slot: 0,
        forked,
        plan: None,
        script: Script::Works(None),
        bytes: 3000,
    };
    let steps =
        [true, false, true, false, true, false].map(|forked| [calm(forked), Step::Pass(HOUR)]);
    let calls = play(&dir, steps.as_flattened()).unwrap_or_else(|why| panic!("{why}")).calls;
    // A fault may lead to more calls.
    let programs = programs_with_one_fault(calls + 10);
    let mut count = 0;
    for program in programs.into_iter().skip(seed as usize % parts).step_by(parts) {
        match play(&dir, &program) {
            Ok(world) => assert!(world.is_taken, "the last attempt fails: {program:?}"),
            Err(_) => fail(seed, program, &dir),
        }
        count += 1;
    }
    println!("seed {seed}: {count} programs, {calls} calls an attempt");
    let _ = fs::remove_dir_all(&dir);
}

/// Each hour a service tries; once a day it dies. A month, or a year in a long run.
#[test]
fn a_year_of_a_service() {
    let dir = directory("year");
    let seed = Random::seed();
    let mut random = Random::new(seed);
    let mut program = Vec::new();
    let days = if Random::seconds(0).is_zero() { 30 } else { 365 };
    for hour in 0..days * 24 {
        program.push(Step::Pass(HOUR));
        program.push(loop {
            let step = draw(&mut random);
            if matches!(step, Step::Take { slot: 0, .. }) {
                break step;
            }
        });
        if hour % 24 == 0 {
            program.push(Step::Restart { slot: 0, host: false });
        }
    }
    match play(&dir, &program) {
        Ok(world) => assert!(world.taken > days * 4, "{} {:?}", world.taken, world.refused),
        Err(_) => fail(seed, program, &dir),
    }
    let _ = fs::remove_dir_all(&dir);
}
