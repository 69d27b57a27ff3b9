//! A process whose threads stand still, by ptrace(2).
//!
//! Each thread is seized and interrupted, which the process does not notice: no signal is sent, and a call that waits
//! goes on. The kernel lets the threads go when the thread that seized them ends, however it ends.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::time::{Duration, Instant};

use libc::{c_int, c_void, pid_t, user_regs_struct};

/// How long all threads may take to stop: one that writes to a slow disk cannot stop before that is done.
const PATIENCE: Duration = Duration::from_secs(2);
/// Between two looks at threads that do not stand yet.
const LOOK: Duration = Duration::from_micros(100);

/// A process all of whose threads stand still while the value lives, on the thread that made it.
#[derive(Debug)]
pub struct Stopped {
    threads: BTreeMap<pid_t, State>,
    since: Instant,
    /// Only the thread that seized may ask for anything.
    _here: std::marker::PhantomData<*const ()>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Running,
    /// Stands; with the signal that it was about to take.
    Stands(c_int),
    /// Has ended.
    Gone,
}

/// A thread that stands.
#[derive(Debug, Clone, Copy)]
pub struct Thread {
    /// Its registers.
    pub registers: user_regs_struct,
}

impl Thread {
    /// The registers that may hold references.
    pub fn words(&self) -> [u64; 15] {
        let r = &self.registers;
        [
            r.rax, r.rbx, r.rcx, r.rdx, r.rsi, r.rdi, r.rbp, r.r8, r.r9, r.r10, r.r11, r.r12,
            r.r13, r.r14, r.r15,
        ]
    }

    /// Whether it waits for events: `epoll_wait` or `epoll_pwait`.
    pub fn is_idle(&self) -> bool {
        let call = i64::try_from(self.registers.orig_rax);
        call == Ok(libc::SYS_epoll_wait) || call == Ok(libc::SYS_epoll_pwait)
    }
}

impl Stopped {
    /// Stops all threads of a process.
    ///
    /// # Errors
    /// That of ptrace(2) if the process may not be traced; [`io::ErrorKind::TimedOut`] if a thread does not stop. All
    /// go on then.
    pub fn stop(pid: pid_t) -> io::Result<Self> {
        let since = Instant::now();
        let mut stopped = Self { threads: BTreeMap::new(), since, _here: std::marker::PhantomData };
        // A thread that is not stopped yet may begin another one.
        while stopped.seize_new(pid)? {
            stopped.wait(since + PATIENCE)?;
        }
        if stopped.threads.values().all(|&state| state == State::Gone) {
            return Err(io::Error::from_raw_os_error(libc::ESRCH));
        }
        Ok(stopped)
    }

    /// How long it stands already.
    pub fn pause(&self) -> Duration {
        self.since.elapsed()
    }

    /// The threads that stand, the first one of the process first.
    pub fn threads(&self) -> impl Iterator<Item = Thread> + '_ {
        let stand = self.threads.iter().filter(|(_, state)| matches!(state, State::Stands(_)));
        stand.filter_map(|(&id, _)| Some(Thread { registers: registers(id).ok()? }))
    }

    /// Seizes the threads that are not seized yet; whether there were any.
    fn seize_new(&mut self, pid: pid_t) -> io::Result<bool> {
        let mut any = false;
        for entry in fs::read_dir(format!("/proc/{pid}/task"))? {
            let name = entry?.file_name();
            let Some(id) = name.to_str().and_then(|name| name.parse().ok()) else { continue };
            if self.threads.contains_key(&id) {
                continue;
            }
            any = true;
            let seized =
                ask(libc::PTRACE_SEIZE, id, 0).and_then(|()| ask(libc::PTRACE_INTERRUPT, id, 0));
            let state = match seized {
                Ok(()) => State::Running,
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => State::Gone,
                // A thread that has ended and is not waited for yet cannot be traced.
                Err(_) if has_ended(pid, id) => State::Gone,
                Err(error) => return Err(error),
            };
            self.threads.insert(id, state);
        }
        Ok(any)
    }

    fn wait(&mut self, end: Instant) -> io::Result<()> {
        for (&id, state) in &mut self.threads {
            while *state == State::Running {
                *state = look(id);
                if *state == State::Running {
                    if Instant::now() > end {
                        return Err(io::ErrorKind::TimedOut.into());
                    }
                    std::thread::sleep(LOOK);
                }
            }
        }
        Ok(())
    }
}

impl Drop for Stopped {
    fn drop(&mut self) {
        for (&id, &state) in &self.threads {
            match state {
                State::Stands(signal) => {
                    let _ = ask(libc::PTRACE_DETACH, id, signal);
                }
                // Only what stands can be let go. The kernel does it when this thread ends.
                State::Running | State::Gone => {}
            }
        }
    }
}

/// What has become of a seized thread.
fn look(id: pid_t) -> State {
    const EVENT_STOP: c_int = 128;
    let mut status = 0;
    // SAFETY: waits for nothing and writes the status alone.
    let answer = unsafe { libc::waitpid(id, &raw mut status, libc::__WALL | libc::WNOHANG) };
    match answer {
        0 => State::Running,
        _ if answer == id && libc::WIFSTOPPED(status) => {
            // Interrupted, or stopped by a signal before; else about to take one, which it gets when it is let go.
            let is_interrupted = status >> 16 == EVENT_STOP;
            State::Stands(if is_interrupted { 0 } else { libc::WSTOPSIG(status) })
        }
        _ => State::Gone,
    }
}

fn has_ended(pid: pid_t, id: pid_t) -> bool {
    let Ok(stat) = fs::read_to_string(format!("/proc/{pid}/task/{id}/stat")) else { return true };
    // The state follows the name, which is in parentheses and may have any characters.
    let state = stat.rsplit(')').next().and_then(|rest| rest.trim_start().chars().next());
    matches!(state, None | Some('Z' | 'X'))
}

fn registers(id: pid_t) -> io::Result<user_regs_struct> {
    // SAFETY: plain data, for which all zeroes is a value.
    let mut registers: user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel fills the structure, which lives.
    let answer = unsafe {
        libc::ptrace(libc::PTRACE_GETREGS, id, std::ptr::null_mut::<c_void>(), &raw mut registers)
    };
    if answer == 0 { Ok(registers) } else { Err(io::Error::last_os_error()) }
}

fn ask(request: libc::c_uint, id: pid_t, data: c_int) -> io::Result<()> {
    let none = std::ptr::null_mut::<c_void>();
    let data = usize::try_from(data).unwrap_or(0) as *mut c_void;
    // SAFETY: none of these requests reads or writes memory of this process.
    let answer = unsafe { libc::ptrace(request, id, none, data) };
    if answer == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::sync::atomic::{AtomicPtr, Ordering};

    use super::*;

    /// `cat`, waiting for input.
    fn waiting() -> Child {
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap()
    }

    fn state(child: &Child) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap();
        stat.rsplit(')').next().unwrap().trim_start().chars().next().unwrap()
    }

    fn pid(child: &Child) -> pid_t {
        child.id().try_into().unwrap()
    }

    fn still_answers(mut child: Child) {
        use std::io::{Read, Write};
        child.stdin.take().unwrap().write_all(b"more").unwrap();
        let mut answer = String::new();
        child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
        assert_eq!(answer, "more");
        assert!(child.wait().unwrap().success());
    }

    #[test]
    fn a_process_stands_while_the_value_lives_and_goes_on_after_it() {
        let child = waiting();
        let stopped = Stopped::stop(pid(&child)).unwrap();
        assert_eq!(state(&child), 't');
        assert_eq!(stopped.threads().count(), 1);
        assert_eq!(stopped.threads.values().collect::<Vec<_>>(), [&State::Stands(0)]);
        drop(stopped);
        assert_ne!(state(&child), 't');
        still_answers(child);
    }

    #[test]
    fn the_kernel_lets_it_go_if_the_thread_ends_that_stopped_it() {
        // It is not dropped, and the leak detector of a sanitizer finds it here.
        static KEPT: AtomicPtr<Stopped> = AtomicPtr::new(std::ptr::null_mut());
        let child = waiting();
        let pid = pid(&child);
        let stop = move || {
            let stopped = Box::new(Stopped::stop(pid).unwrap());
            KEPT.store(Box::into_raw(stopped), Ordering::Relaxed);
        };
        std::thread::spawn(stop).join().unwrap();
        still_answers(child);
    }

    #[test]
    fn a_signal_that_comes_meanwhile_is_taken_after_it() {
        use std::os::unix::process::ExitStatusExt;
        let mut child = waiting();
        let stopped = Stopped::stop(pid(&child)).unwrap();
        // SAFETY: a signal to a process of this test.
        unsafe { libc::kill(pid(&child), libc::SIGTERM) };
        assert!(child.try_wait().unwrap().is_none());
        drop(stopped);
        assert_eq!(child.wait().unwrap().signal(), Some(libc::SIGTERM));
    }

    #[test]
    fn a_process_that_is_gone_is_an_error() {
        let mut child = waiting();
        let pid = pid(&child);
        child.kill().unwrap();
        // Before, its end would be reported to the tracer, which is the parent here.
        while state(&child) != 'Z' {
            std::thread::yield_now();
        }
        let ended = Stopped::stop(pid).unwrap_err().raw_os_error();
        assert_eq!(ended, Some(libc::ESRCH), "not waited for");
        child.wait().unwrap();
        assert!(Stopped::stop(pid).is_err());
    }

    #[test]
    fn the_registers_of_a_thread_are_those_that_may_hold_references() {
        // SAFETY: plain data, for which all zeroes is a value.
        let mut thread = Thread { registers: unsafe { std::mem::zeroed() } };
        let r = &mut thread.registers;
        (r.rax, r.rbx, r.rcx, r.rdx, r.rsi) = (1, 2, 3, 4, 5);
        (r.rdi, r.rbp, r.r8, r.r9, r.r10) = (6, 7, 8, 9, 10);
        (r.r11, r.r12, r.r13, r.r14, r.r15) = (11, 12, 13, 14, 15);
        (r.rsp, r.rip) = (99, 99);
        assert_eq!(thread.words().as_slice(), (1..=15).collect::<Vec<u64>>());
        let is_idle = |call: i64| {
            let mut idle = thread;
            idle.registers.orig_rax = call.cast_unsigned();
            idle.is_idle()
        };
        assert!(is_idle(libc::SYS_epoll_wait) && is_idle(libc::SYS_epoll_pwait));
        assert!(!is_idle(libc::SYS_read) && !is_idle(-1));
    }

    #[test]
    fn a_process_that_another_one_traces_is_an_error_of_its_own() {
        let child = waiting();
        let id = pid(&child);
        let stopped = Stopped::stop(id).unwrap();
        assert_ne!(stopped.pause(), Duration::ZERO);
        let refused = std::thread::spawn(move || Stopped::stop(id).map(drop)).join().unwrap();
        assert_eq!(refused.unwrap_err().raw_os_error(), Some(libc::EPERM));
        assert!(!has_ended(id, id) && has_ended(id, pid_t::MAX));
        drop(stopped);
        still_answers(child);
    }

    #[test]
    fn a_thread_that_is_killed_while_it_stands_is_gone() {
        let mut child = waiting();
        let id = pid(&child);
        let mut stopped = Stopped::stop(id).unwrap();
        child.kill().unwrap();
        let end = loop {
            match look(id) {
                State::Running => std::thread::yield_now(),
                end => break end,
            }
        };
        assert_eq!(end, State::Gone);
        assert_eq!(look(id), State::Gone, "its end was collected");
        assert!(!stopped.seize_new(pid_t::MAX).is_ok_and(|any| any));
        assert_eq!(stopped.threads().count(), 0, "it has no registers");
        assert!(child.wait().is_err(), "its end was collected here");
    }

    #[test]
    fn a_thread_that_does_not_stop_is_waited_for_until_the_end() {
        let child = waiting();
        let id = pid(&child);
        let mut stopped = Stopped {
            threads: BTreeMap::new(),
            since: Instant::now(),
            _here: std::marker::PhantomData,
        };
        // Seized and not interrupted: it goes on.
        ask(libc::PTRACE_SEIZE, id, 0).unwrap();
        stopped.threads.insert(id, State::Running);
        let late = stopped.wait(Instant::now()).unwrap_err();
        assert_eq!(late.kind(), io::ErrorKind::TimedOut);
        ask(libc::PTRACE_INTERRUPT, id, 0).unwrap();
        stopped.wait(Instant::now() + Duration::from_secs(600)).unwrap();
        assert_eq!(stopped.threads[&id], State::Stands(0));
        drop(stopped);
        still_answers(child);
    }
}
