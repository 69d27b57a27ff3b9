//! A simulated system: the calls of `system` on this thread belong to a simulated process, and a plan decides which of
//! them fail, are cut short, or end the process. The files are real ones in a directory of the test.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs::{File, Metadata};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use parking_lot::Mutex;

use super::system::SystemCall;

/// A simulated process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its pid in the pid namespace of its host.
    pub pid: u32,
    /// When it started, in clock ticks.
    pub start: u64,
    /// The name of its machine or container.
    pub host: String,
    /// The turn of the process: what the real one has in a static.
    pub turn: &'static AtomicBool,
}

/// What happens at a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It is refused with this number, once.
    Once(i32),
    /// This one and all later ones of its kind are.
    Ever(i32),
    /// A read or write moves one byte.
    Short,
    /// The process is killed before it.
    Kill,
    /// The directory is lost before it.
    Lose,
    /// The process is stopped before it, for so many milliseconds.
    Stop(u64),
    /// The wall clock is moved before it, by so many milliseconds.
    Clock(i64),
}

/// The fault of one operation: at which of its calls, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// The position of the call.
    pub at: u32,
    /// What happens there.
    pub fault: Fault,
}

/// The end of a simulated process, as a panic.
struct Killed;

#[derive(Default)]
struct World {
    /// Milliseconds since the epoch, by the wall clock.
    wall: u64,
    /// Milliseconds that have truly passed.
    passed: u64,
    processes: Vec<Process>,
    current: Option<Process>,
    is_dead: bool,
    plan: Option<Plan>,
    /// The kind of call that fails from now on.
    failing: Option<(SystemCall, i32)>,
    calls: u32,
    /// Files with bytes that are not durable, by device and inode.
    dirty: HashSet<(u64, u64)>,
    violations: Vec<String>,
    /// The file system knows no files without a name.
    named: bool,
    /// Removes the directory.
    lose: Option<Box<dyn Fn()>>,
}

/// The turns of all processes. They stay, and a leak detector finds them here.
static TURNS: Mutex<Vec<&'static AtomicBool>> = Mutex::new(Vec::new());

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// An operation that makes more calls than this hangs.
const MOST_CALLS: u32 = 20_000;

fn with<T>(act: impl FnOnce(&mut World) -> T) -> Option<T> {
    WORLD.with_borrow_mut(|world| world.as_mut().map(act))
}

/// A simulated system on this thread until dropped.
pub struct Simulation(());

impl Simulation {
    /// A system whose clock shows `wall` ms; `lose` removes the directory.
    pub fn begin(wall: u64, lose: impl Fn() + 'static) -> Self {
        let world = World { wall, lose: Some(Box::new(lose)), ..World::default() };
        WORLD.set(Some(world));
        Self(())
    }

    /// Time passes.
    pub fn pass(&self, ms: u64) {
        with(|world| {
            world.wall += ms;
            world.passed += ms;
        });
    }

    /// The wall clock is set.
    pub fn set_back(&self, ms: i64) {
        with(|world| world.wall = world.wall.saturating_add_signed(ms));
    }

    /// The file system knows files without a name, or it does not.
    pub fn name_files(&self, named: bool) {
        with(|world| world.named = named);
    }

    /// Milliseconds that have passed.
    pub fn passed(&self) -> u64 {
        with(|world| world.passed).unwrap_or(0)
    }

    /// A process starts.
    pub fn start(&self, pid: u32, host: &str) -> Process {
        let turn: &'static AtomicBool = Box::leak(Box::new(AtomicBool::new(false)));
        TURNS.lock().push(turn);
        with(|world| {
            let start = world.passed / 10 + 1 + world.processes.len() as u64;
            let process = Process { pid, start, host: host.into(), turn };
            world.processes.push(process.clone());
            process
        })
        .unwrap()
    }

    /// A process has ended.
    pub fn end(&self, process: &Process) {
        with(|world| world.processes.retain(|other| other.turn.as_ptr() != process.turn.as_ptr()));
    }

    /// Runs an operation of a process; `None` if it was killed in it. Also says how many calls it has made.
    pub fn run<T>(
        &self,
        process: &Process,
        plan: Option<Plan>,
        operation: impl FnOnce() -> T,
    ) -> (Option<T>, u32) {
        let outer = with(|world| {
            let outer =
                (world.current.take(), world.plan.take(), world.failing.take(), world.calls);
            (world.current, world.plan, world.calls) = (Some(process.clone()), plan, 0);
            outer
        });
        let result = catch_unwind(AssertUnwindSafe(operation));
        let calls = with(|world| {
            let calls = world.calls;
            (world.current, world.plan, world.failing, world.calls) = outer.unwrap();
            world.is_dead = false;
            calls
        });
        match result {
            Ok(value) => (Some(value), calls.unwrap()),
            Err(payload) if payload.is::<Killed>() => (None, calls.unwrap()),
            Err(payload) => resume_unwind(payload),
        }
    }

    /// What must never be true, and was.
    pub fn violations(&self) -> Vec<String> {
        with(|world| std::mem::take(&mut world.violations)).unwrap_or_default()
    }
}

impl Drop for Simulation {
    fn drop(&mut self) {
        WORLD.set(None);
    }
}

pub(super) fn begin(call: SystemCall, length: usize) -> io::Result<usize> {
    let decided = with(|world| world.decide(call, length));
    match decided {
        None => Ok(length),
        Some(Decision::Go(length)) => Ok(length),
        Some(Decision::Refuse(code)) => Err(io::Error::from_raw_os_error(code)),
        Some(Decision::Kill) => resume_unwind(Box::new(Killed)),
        Some(Decision::Hang) => panic!("an operation makes more than {MOST_CALLS} calls"),
        Some(Decision::Lose) => {
            let lose = with(|world| world.lose.take()).flatten();
            if let Some(lose) = lose {
                lose();
                with(|world| world.lose = Some(lose));
            }
            Ok(length)
        }
    }
}

enum Decision {
    Go(usize),
    Refuse(i32),
    Kill,
    Lose,
    Hang,
}

impl World {
    fn decide(&mut self, call: SystemCall, length: usize) -> Decision {
        if self.is_dead {
            return Decision::Refuse(libc::ESRCH);
        }
        if self.current.is_none() {
            return Decision::Go(length);
        }
        let at = self.calls;
        self.calls += 1;
        if at > MOST_CALLS {
            return Decision::Hang;
        }
        if self.named && call == SystemCall::OpenUnnamed {
            return Decision::Refuse(libc::EOPNOTSUPP);
        }
        if let Some((kind, code)) = self.failing
            && kind == call
        {
            return Decision::Refuse(code);
        }
        let Some(plan) = self.plan.filter(|plan| plan.at == at) else {
            return Decision::Go(length);
        };
        match plan.fault {
            Fault::Once(code) => Decision::Refuse(likely(call, code)),
            Fault::Ever(code) => {
                let code = likely(call, code);
                self.failing = Some((call, code));
                Decision::Refuse(code)
            }
            Fault::Short => Decision::Go(length.min(1)),
            Fault::Kill => {
                self.is_dead = true;
                Decision::Kill
            }
            Fault::Lose => Decision::Lose,
            Fault::Stop(ms) => {
                self.wall += ms;
                self.passed += ms;
                Decision::Go(length)
            }
            Fault::Clock(ms) => {
                self.wall = self.wall.saturating_add_signed(ms);
                Decision::Go(length)
            }
        }
    }
}

/// The number, or one that the call may answer.
fn likely(call: SystemCall, code: i32) -> i32 {
    use libc::{EAGAIN, EINTR, EIO, EMFILE, ENOMEM, ENOSPC, ESTALE};
    match (call, code) {
        (_, EINTR) => EINTR,
        (SystemCall::Lock, _) => EAGAIN,
        (
            SystemCall::Open | SystemCall::OpenUnnamed | SystemCall::Duplicate | SystemCall::List,
            ENOSPC,
        ) => EMFILE,
        (
            SystemCall::Open | SystemCall::OpenUnnamed | SystemCall::Duplicate | SystemCall::List,
            EAGAIN,
        ) => ENOMEM,
        (SystemCall::Stat | SystemCall::Read, ENOSPC | EMFILE | EAGAIN) => EIO,
        (
            SystemCall::MakeDirectory | SystemCall::Remove | SystemCall::Rename | SystemCall::Link,
            EMFILE | EAGAIN,
        ) => EIO,
        (SystemCall::Write | SystemCall::Sync, EMFILE | EAGAIN | ESTALE) => ENOSPC,
        _ => code,
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

/// Bytes of a file are about to change.
pub(super) fn changed(file: &File) {
    if let Ok(metadata) = file.metadata() {
        with(|world| world.dirty.insert(identity(&metadata)));
    }
}

/// A file is durable.
pub(super) fn synced(file: &File) {
    if let Ok(metadata) = file.metadata() {
        with(|world| world.dirty.remove(&identity(&metadata)));
    }
}

/// A file gets a name by which others find it.
pub(crate) fn named(metadata: &Metadata, name: &str) {
    with(|world| {
        if world.dirty.contains(&identity(metadata)) {
            world.violations.push(format!("{name} got its name before it was durable"));
        }
    });
}

pub(super) fn now() -> Option<SystemTime> {
    with(|world| UNIX_EPOCH + Duration::from_millis(world.wall))
}

pub(super) fn sleep(time: Duration) -> bool {
    let ms = u64::try_from(time.as_millis()).unwrap();
    with(|world| {
        world.wall += ms;
        world.passed += ms;
    })
    .is_some()
}

/// The process of this thread, in a simulation.
pub fn process() -> Option<Process> {
    with(|world| world.current.clone()).flatten()
}

/// Looks for a process by its pid; `None` outside of a simulation.
pub(super) fn find<T>(pid: u32, look: impl FnOnce(Option<&Process>) -> T) -> Option<T> {
    with(|world| {
        // In the pid namespace of the process that asks.
        let host = world.current.as_ref().map(|process| process.host.clone());
        let is_it = |process: &&Process| process.pid == pid && host.as_ref() == Some(&process.host);
        look(world.processes.iter().find(is_it))
    })
}

/// The process of this thread is killed.
pub fn kill() -> ! {
    with(|world| world.is_dead = true);
    resume_unwind(Box::new(Killed))
}
