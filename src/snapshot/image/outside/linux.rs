//! How a process is found, stopped and read on Linux.

use std::fs::{self, File};
use std::io;
use std::ops::Range;
use std::path::Path;
use std::thread;
use std::time::{Duration, SystemTime};

use super::OutsideImage;
use super::executable::Executable;
use super::stopped::{Stopped, Thread};
use crate::heap_layout::{self, HeapLayout};
use crate::os;
use crate::snapshot::error::SnapshotError;
use crate::snapshot::image::constants;
use crate::snapshot::image::memory::{ProcessMemory, is_pointer};
use crate::snapshot::image::writer::{Failure, Header, Stack, Subject, Writer};
use crate::snapshot::name::Compression;
use crate::snapshot::room;
use crate::snapshot::store::{Partial, SnapshotStore};

/// How often it is looked whether the process is still in a collection, and how long it runs between two looks.
const LOOKS: u32 = 200;
const BETWEEN_LOOKS: Duration = Duration::from_millis(10);
/// Bytes of memory that are left to others where the heap is copied before it is packed.
const SPARE: u64 = 64 << 20;
/// The stack is read up to this size: more than a thread of Node has.
const MOST_STACK: usize = 64 << 20;
/// The thread as Node counts them: the main one.
const MAIN: u32 = 0;

/// Takes an image of the isolate of a process's main thread.
///
/// # Errors
/// Why there is none. The process goes on in each case.
pub fn take(pid: u32, dir: &Path, max_bytes: u64) -> Result<OutsideImage, SnapshotError> {
    let dir = dir.to_owned();
    // The kernel lets a process go when the thread ends that stopped it.
    let work = move || Target::find(pid)?.image(&dir, max_bytes);
    let failed = |what: &str| SnapshotError::Failed { what: what.to_owned() };
    let thread = thread::Builder::new().name("plimsoll-image".into()).spawn(work);
    let thread = thread.map_err(|error| failed(&format!("no thread can be started: {error}")))?;
    thread.join().unwrap_or_else(|_| Err(failed("an internal error; please report it")))
}

/// A process whose V8 is known.
#[derive(Debug)]
struct Target {
    pid: libc::pid_t,
    executable: Executable,
    layout: &'static HeapLayout,
    /// What is added to the addresses of the executable.
    moved_by: u64,
}

/// An isolate that stands still.
struct Found {
    isolate: usize,
    thread: Thread,
    ranges: Vec<(usize, usize)>,
    stack: Stack,
}

impl Target {
    fn find(pid: u32) -> Result<Self, SnapshotError> {
        let number = libc::pid_t::try_from(pid).map_err(|_| no_such(pid))?;
        if number.unsigned_abs() == std::process::id() {
            return Err(unavailable("a process cannot take an image of itself this way"));
        }
        // libuv, which waits for the children of this process, would take a stop for the end of the child.
        if field(pid, "PPid:").is_some_and(|parent| parent == std::process::id().to_string()) {
            return Err(of_process(
                pid,
                "it is a child of this process; plimsoll image can take one",
            ));
        }
        let path = format!("/proc/{pid}/exe");
        let file = File::open(&path).map_err(|error| not_readable(number, &error))?;
        let executable = Executable::read(file).map_err(|why| of_process(pid, &why))?;
        let layout = heap_layout::of(executable.v8).map_err(|why| of_process(pid, &why))?;
        let moved_by = if executable.is_relocated {
            fs::read_link(path).ok().and_then(|exe| loaded_at(pid, &exe)).unwrap_or(0)
        } else {
            0
        };
        Ok(Self { pid: number, executable, layout, moved_by })
    }

    fn image(&self, dir: &Path, max_bytes: u64) -> Result<OutsideImage, SnapshotError> {
        let pid = self.pid.unsigned_abs();
        let types = constants::look_up(self.layout, |name| self.executable.constant(name))
            .map_err(|why| of_process(pid, &why))?;
        let script =
            types.get("Script").and_then(|&script| u16::try_from(script).ok()).unwrap_or(0);
        let store = SnapshotStore::open(dir)?;
        let partial = store.create_of(pid, SystemTime::now(), MAIN, Compression::Image)?;
        let memory = ProcessMemory::of(self.pid);
        let file = partial.writer()?.into_inner();
        let mut writer = Writer::new(memory, file, max_bytes, script)
            .map_err(|what| SnapshotError::Failed { what: what.to_owned() })?;
        writer.hold(room_for_copy());
        let mut looks = 0;
        let (stopped, found, in_collection) = loop {
            let stopped =
                Stopped::stop(self.pid).map_err(|error| not_readable(self.pid, &error))?;
            let found = self.isolate(&stopped, memory)?;
            looks += 1;
            let in_collection = self.is_collecting(&found, memory);
            if !in_collection || looks == LOOKS {
                break (stopped, found, in_collection);
            }
            drop(stopped);
            thread::sleep(BETWEEN_LOOKS);
        };
        let Found { isolate, thread, ref ranges, stack } = found;
        let failed = |failure: Failure| match failure {
            _ if has_ended(pid) => ended(pid),
            Failure::Refused => not_readable(self.pid, &io::Error::from_raw_os_error(libc::EPERM)),
            failure => failure.error(&partial.path(), max_bytes),
        };
        let header = Header::new(pid, MAIN, self.layout, isolate, &types).bytes();
        let header = header.map_err(|error| SnapshotError::Failed { what: error.to_string() })?;
        let registers = &thread.words();
        let subject = Subject { layout: self.layout, ranges, isolate, stack, registers };
        writer.image(&header, &subject).map_err(failed)?;
        let pause_ms = stopped.pause().as_secs_f64() * 1e3;
        drop(stopped);
        writer.write_held().map_err(failed)?;
        self.finish(&partial, pause_ms, in_collection)
    }

    fn finish(
        &self,
        partial: &Partial,
        pause_ms: f64,
        in_collection: bool,
    ) -> Result<OutsideImage, SnapshotError> {
        let failed = |error: io::Error| SnapshotError::io(&partial.path(), &error);
        let bytes = partial.writer()?.metadata().map_err(failed)?.len();
        let path = partial.commit()?;
        Ok(OutsideImage { path, bytes, pause_ms, node: self.layout.node, in_collection })
    }

    /// The isolate of the process's first thread that has one.
    fn isolate(&self, stopped: &Stopped, memory: ProcessMemory) -> Result<Found, SnapshotError> {
        let pid = self.pid.unsigned_abs();
        let maps = fs::read_to_string(format!("/proc/{pid}/maps"))
            .map_err(|error| not_readable(self.pid, &error))?;
        for thread in stopped.threads() {
            let at = thread.registers.fs_base.wrapping_add_signed(self.executable.isolate);
            let word = usize::try_from(at).ok().and_then(|at| memory.word(at).ok().flatten());
            let Some(isolate) = word.filter(|&word| is_pointer(word)) else { continue };
            let start = usize::try_from(thread.registers.rsp).unwrap_or(0) & !7;
            let Some(stack) = mapping_of(&maps, start) else { continue };
            let end = stack.end.min(start.saturating_add(MOST_STACK));
            let (ranges, stack) = (anonymous(&maps), Stack::new(start, end));
            return Ok(Found { isolate, thread, ranges, stack });
        }
        Err(if has_ended(pid) {
            ended(pid)
        } else {
            of_process(pid, "no thread of it runs JavaScript")
        })
    }

    /// Whether the isolate's thread is in a collection: a function that collects is on its stack. Where the thread
    /// waits for events, such an address is left over from an earlier one.
    fn is_collecting(&self, found: &Found, memory: ProcessMemory) -> bool {
        let functions = &self.executable.collections;
        if functions.is_empty() || found.thread.is_idle() {
            return false;
        }
        let mut stack = vec![0; found.stack.bytes()];
        if memory.copy(found.stack.start(), &mut stack).is_err() {
            return false;
        }
        stack.chunks_exact(8).any(|bytes| {
            let word = u64::from_le_bytes(bytes.try_into().unwrap_or_default());
            functions.iter().any(|function| function.contains(&word.wrapping_sub(self.moved_by)))
        })
    }
}

/// Bytes of the process that may be copied before they are packed, so that it stands for a shorter time.
fn room_for_copy() -> usize {
    let room = room::spare().into_iter().chain(os::memory::available()).min();
    usize::try_from(room.unwrap_or(0).saturating_sub(SPARE)).unwrap_or(usize::MAX)
}

/// A line of the status of a process, without its name.
fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
}

/// The private mappings without a file: those that V8 may own.
fn anonymous(maps: &str) -> Vec<(usize, usize)> {
    let own = |line: &str| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (flags, inode) = (fields.next()?, fields.nth(2)?);
        let is_unnamed = fields.next().is_none_or(|name| name.starts_with("[anon:"));
        let is_own = flags.ends_with('p') && inode == "0" && is_unnamed;
        range(line).filter(|_| is_own)
    };
    maps.lines().filter_map(own).map(|range| (range.start, range.end)).collect()
}

fn mapping_of(maps: &str, address: usize) -> Option<Range<usize>> {
    maps.lines().filter_map(range).find(|range| range.contains(&address))
}

/// The addresses of a line of `maps`.
fn range(line: &str) -> Option<Range<usize>> {
    let (start, end) = line.split_ascii_whitespace().next()?.split_once('-')?;
    let address = |text| usize::from_str_radix(text, 16).ok();
    Some(address(start)?..address(end)?)
}

/// The lowest address that a file is mapped at.
fn loaded_at(pid: u32, file: &Path) -> Option<u64> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    let name = file.to_str()?;
    let line = maps.lines().find(|line| line.ends_with(name))?;
    u64::try_from(range(line)?.start).ok()
}

fn no_such(pid: u32) -> SnapshotError {
    unavailable(&format!("there is no process {pid}"))
}

/// Whether nothing runs of a process any more, though its parent may not have waited for it yet.
fn has_ended(pid: u32) -> bool {
    field(pid, "State:").is_none_or(|state| state.starts_with(['Z', 'X']))
}

fn ended(pid: u32) -> SnapshotError {
    of_process(pid, "it ended while it was read")
}

fn of_process(pid: u32, why: &str) -> SnapshotError {
    unavailable(&format!("no image of process {pid} can be taken: {why}"))
}

fn unavailable(why: &str) -> SnapshotError {
    SnapshotError::Unavailable { why: why.to_owned() }
}

/// Why a process cannot be stopped and read, and what to do about it.
fn not_readable(pid: libc::pid_t, error: &io::Error) -> SnapshotError {
    let pid = pid.unsigned_abs();
    let Some(tracer) = field(pid, "TracerPid:") else { return no_such(pid) };
    let why = match (error.kind(), tracer.as_str()) {
        (io::ErrorKind::NotFound, _) => "it has ended, or has no executable".to_owned(),
        (io::ErrorKind::TimedOut, _) => {
            "a thread of it does not stop, because it waits for a device; try again".to_owned()
        }
        // It could be stopped: what ends a stop early is the end of the process.
        (_, tracer) if Path::new("/proc/self/task").join(tracer).exists() => return ended(pid),
        (_, tracer) if tracer != "0" => {
            format!("process {tracer} traces it, as a debugger does; end that one first")
        }
        (io::ErrorKind::PermissionDenied, _) => {
            "the kernel does not let it be read; run this as the same user with kernel.yama.ptrace_scope at 0, or as root, \
             in a container with the capability SYS_PTRACE"
                .to_owned()
        }
        _ => error.to_string(),
    };
    of_process(pid, &why)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAPS: &str = "\
00400000-00500000 r-xp 00000000 08:01 77                                 /usr/bin/node
1000000-1040000 rw-p 00000000 00:00 0
2000000-2040000 rw-p 00000000 00:00 0                                    [anon:v8]
3000000-3040000 rw-s 00000000 00:05 9                                    /dev/zero (deleted)
7f0000-800000 rw-p 00000000 00:00 0                                      [heap]
7ffd1000-7ffd2000 rw-p 00000000 00:00 0                                  [stack]
";

    #[test]
    fn v8_owns_private_mappings_without_a_file() {
        assert_eq!(anonymous(MAPS), [(0x100_0000, 0x104_0000), (0x200_0000, 0x204_0000)]);
        assert_eq!(mapping_of(MAPS, 0x7ffd_1008), Some(0x7ffd_1000..0x7ffd_2000));
        assert_eq!(mapping_of(MAPS, 0x7ffd_2000), None);
    }

    #[test]
    fn a_process_that_is_not_there_is_named() {
        let pid = u32::try_from(libc::pid_t::MAX).unwrap();
        let error = take(pid, Path::new("."), 1).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no process {pid}"));
        let error = take(u32::MAX, Path::new("."), 1).unwrap_err();
        assert_eq!(error.to_string(), format!("there is no process {}", u32::MAX));
    }

    #[test]
    fn a_process_that_ends_while_it_is_stopped_has_no_other_tracer() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let pid = libc::pid_t::try_from(child.id()).unwrap();
        let stopped = Stopped::stop(pid).unwrap();
        let error = not_readable(pid, &io::Error::from_raw_os_error(libc::ESRCH));
        assert!(error.to_string().ends_with("it ended while it was read"), "{error}");
        drop(stopped);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_child_is_refused_before_it_is_stopped() {
        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let error = take(child.id(), Path::new("."), 1).unwrap_err();
        assert!(error.to_string().contains("it is a child of this process"), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn what_the_kernel_says_is_told_with_what_to_do() {
        let pid = std::process::id().cast_signed();
        let of = |kind: io::ErrorKind| not_readable(pid, &kind.into()).to_string();
        assert!(of(io::ErrorKind::NotFound).ends_with("it has ended, or has no executable"));
        assert!(of(io::ErrorKind::TimedOut).ends_with("try again"));
        assert!(of(io::ErrorKind::PermissionDenied).contains("SYS_PTRACE"));
        let other = not_readable(pid, &io::Error::from_raw_os_error(libc::EIO)).to_string();
        assert!(other.contains(&io::Error::from_raw_os_error(libc::EIO).to_string()), "{other}");
    }

    #[test]
    fn an_executable_is_loaded_where_its_first_bytes_are() {
        let at = loaded_at(std::process::id(), &std::env::current_exe().unwrap()).unwrap();
        let mut bytes = [0; 4];
        assert_eq!(ProcessMemory::OWN.read(usize::try_from(at).unwrap(), &mut bytes), Ok(true));
        assert_eq!(bytes, *b"\x7fELF");
        assert_eq!(loaded_at(std::process::id(), Path::new("/nowhere")), None);
    }

    #[test]
    fn an_idle_process_is_read_and_goes_on() {
        use crate::snapshot::image::tests::{installed_node, records};
        use std::io::{BufRead, BufReader, Read, Write};
        use std::process::{Command, Stdio};
        let Some((node, v8, version)) = installed_node() else { return };
        let dir = crate::snapshot::testing::TempDir::new("outside");
        let program = "process.stdin.on('data', (it) => process.stdout.write(it, () => process.exit())); console.log(process.pid)";
        // Not a child of this process: those are refused.
        let mut shell = Command::new("sh")
            .args(["-c", "\"$0\" -e \"$1\"; true"])
            .arg(node)
            .arg(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(shell.stdout.take().unwrap());
        let mut line = String::new();
        out.read_line(&mut line).unwrap();
        let pid: u32 = line.trim().parse().unwrap();
        let taken = take(pid, &dir.0, 1 << 30);
        shell.stdin.take().unwrap().write_all(b"more").unwrap();
        let mut answer = String::new();
        out.read_to_string(&mut answer).unwrap();
        shell.wait().unwrap();
        assert_eq!(answer, "more");
        let image = match taken {
            // Where only a parent may trace a process.
            Err(error) if error.to_string().contains("SYS_PTRACE") => return,
            taken => taken.unwrap(),
        };
        assert_eq!((image.node, image.in_collection), (version, false));
        assert_eq!(image.bytes, fs::metadata(&image.path).unwrap().len());
        assert!(image.pause_ms > 0.0);
        let (header, records) = records(&image.path);
        assert_eq!(header["v8"], format!("{}.{}", v8.0, v8.1));
        assert_eq!((&header["pid"], &header["thread"]), (&pid.into(), &0.into()));
        assert_eq!(header["types"]["Map"].as_i64().map(|kind| kind > 0), Some(true));
        let of = |kind: u32| records.iter().filter(move |record| record.0 == kind);
        let isolate = header["isolate"].as_u64().unwrap() as usize;
        assert_eq!(of(2).map(|record| record.1).collect::<Vec<_>>(), [isolate]);
        assert!(of(1).count() > 3 && of(3).map(|record| record.2.len()).sum::<usize>() > 1000);
        let registers = of(7).next().unwrap();
        assert_eq!((registers.1, registers.2.len()), (0, 8 * 15));
        assert!(of(5).count() > 0 && of(6).count() > 0 && of(9).count() > 0 && of(8).count() > 0);
    }

    #[test]
    fn a_collection_is_a_function_on_the_stack_of_a_thread_that_works() {
        let stack = [7_u64, 0x55_1234, 9, 0x55_4000];
        let start = stack.as_ptr() as usize;
        // SAFETY: plain data, for which all zeroes is a value.
        let mut registers: libc::user_regs_struct = unsafe { std::mem::zeroed() };
        registers.orig_rax = libc::SYS_read.cast_unsigned();
        let found = |registers| Found {
            isolate: 0,
            thread: Thread { registers },
            ranges: Vec::new(),
            stack: Stack::new(start, start + size_of_val(&stack)),
        };
        let is_collecting = |collections: &[(u64, u64)], moved_by, registers| {
            let executable = Executable {
                v8: (12, 4),
                isolate: -8,
                collections: collections.iter().map(|&(start, end)| start..end).collect(),
                is_relocated: moved_by > 0,
                constants: [].into(),
            };
            let layout = &heap_layout::LAYOUTS[0];
            let target = Target { pid: 1, executable, layout, moved_by };
            target.is_collecting(&found(registers), ProcessMemory::OWN)
        };
        assert!(is_collecting(&[(0x10, 0x20), (0x55_1000, 0x55_2000)], 0, registers));
        assert!(is_collecting(&[(0x1234, 0x1235)], 0x55_0000, registers));
        assert!(!is_collecting(&[(0x55_1000, 0x55_1234)], 0, registers), "the one before it");
        assert!(!is_collecting(&[(0x55_1000, 0x55_2000)], 0x55_0000, registers), "moved");
        assert!(!is_collecting(&[], 0, registers), "their symbols were stripped");
        registers.orig_rax = libc::SYS_epoll_wait.cast_unsigned();
        assert!(!is_collecting(&[(0x55_1000, 0x55_2000)], 0, registers), "it waits for events");
    }

    #[test]
    fn what_is_private_and_of_a_file_is_not_v8s() {
        assert_eq!(anonymous("1000-2000 rw-p 00000000 08:01 77"), []);
        assert_eq!(anonymous("1000-2000 rw-s 00000000 00:00 0"), []);
        assert_eq!(anonymous("1000-2000 rw-p 00000000 00:00 0 [heap]"), []);
        assert_eq!(anonymous("1000-2000 rw-p 00000000 00:00 0"), [(0x1000, 0x2000)]);
    }

    #[test]
    fn the_copy_of_a_process_leaves_memory_to_others() {
        let available = os::memory::available().unwrap();
        let room = room_for_copy() as u64;
        // Other tests take and give memory meanwhile.
        assert!(room <= available.saturating_sub(SPARE) + (1 << 30));
        assert!(room > 1 << 20 || room::spare().unwrap_or(available).min(available) < 1 << 28);
    }
}
