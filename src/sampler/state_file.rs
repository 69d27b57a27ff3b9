//! The state of a watched process in a mapped file. The process that started it can read the file after any end,
//! including kill -9 and a heap out of memory.
//!
//! Two slots; the writer fills the one that is not current and then makes it current, so a reader
//! after death always finds a whole state. The pages belong to the kernel and outlive the process.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::sync::fence;

/// A state that does not fit is not written: the last one that did stays.
pub const SLOT_BYTES: usize = 256 * 1024;
/// Magic and version, the current slot's sequence number, two lengths, three words on the writer's end.
const HEADER_WORDS: usize = 8;
const HEADER_BYTES: usize = HEADER_WORDS * 8;
const FILE_BYTES: usize = HEADER_BYTES + 2 * SLOT_BYTES;
const MAGIC: u64 = u64::from_le_bytes(*b"plimsol1");

const MAGIC_WORD: usize = 0;
/// Even: slot 0 is current; odd: slot 1. Zero: nothing has been written.
const SEQUENCE_WORD: usize = 1;
/// This and the next: the length of what the slot holds.
const LENGTH_WORD: usize = 2;
/// When the writer was last seen alive, ms since the epoch.
pub(super) const ALIVE_WORD: usize = 4;
/// How the writer ended (`ended_state::End`); 0: unknown.
pub(super) const END_WORD: usize = 5;
/// What a later process has done about it.
pub(super) const STAGE_WORD: usize = 6;

/// The writer's end.
#[derive(Debug)]
pub struct StateFile {
    mapping: Arc<Mapping>,
}

/// The pages of a file. Its words are atomics, which other threads may write too.
#[derive(Debug)]
pub(super) struct Mapping {
    base: *mut u8,
}

// SAFETY: the mapping is owned by the value and moved with it; what is behind `base` is reached by the one `StateFile`
// that writes the slots, and by atomic words.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl StateFile {
    /// Maps a file, made with mode 0600 if it is not there; links are not followed.
    ///
    /// # Errors
    /// Where the file cannot be opened, sized or mapped.
    #[cfg(unix)]
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC)
            .open(path)?;
        Self::map(&file)
    }

    /// Maps an open file.
    ///
    /// # Errors
    /// Where the file cannot be sized or mapped.
    #[cfg(unix)]
    pub(super) fn map(file: &File) -> io::Result<Self> {
        use std::os::fd::AsRawFd;
        file.set_len(FILE_BYTES as u64)?;
        // A page without room behind it would be a SIGBUS at the first store: have them all now.
        #[cfg(target_os = "linux")]
        loop {
            let length = FILE_BYTES as libc::off_t;
            // SAFETY: a descriptor that is open for writing.
            match unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) } {
                0 => break,
                libc::EINTR => {}
                code => return Err(io::Error::from_raw_os_error(code)),
            }
        }
        // SAFETY: a shared mapping of a file of exactly this length; the result is checked. The
        // mapping stays when the descriptor is closed.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                FILE_BYTES,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let mapping = Arc::new(Mapping { base: base.cast() });
        mapping.word(MAGIC_WORD).store(MAGIC, Ordering::Relaxed);
        Ok(Self { mapping })
    }

    /// Only where there is mmap.
    ///
    /// # Errors
    /// Always, on this platform.
    #[cfg(not(unix))]
    pub fn open(_: &Path) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Replaces the state; false if it is too large.
    pub fn write(&mut self, state: &[u8]) -> bool {
        if state.len() > SLOT_BYTES {
            return false;
        }
        let lengths = [self.word(LENGTH_WORD), self.word(LENGTH_WORD + 1)];
        publish(self.word(SEQUENCE_WORD), lengths, state.len() as u64, |slot| {
            // SAFETY: the slot lies within the mapping; only this value writes to it, and no reader
            // of this process exists.
            unsafe {
                let target = self.mapping.base.add(HEADER_BYTES + slot * SLOT_BYTES);
                std::ptr::copy_nonoverlapping(state.as_ptr(), target, state.len());
            }
        });
        true
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        self.mapping.word(index)
    }

    /// The same pages, for those who write words.
    pub(super) fn mapping(&self) -> Arc<Mapping> {
        Arc::clone(&self.mapping)
    }
}

impl Mapping {
    pub(super) fn word(&self, index: usize) -> &AtomicU64 {
        debug_assert!(index < HEADER_WORDS);
        // SAFETY: within the header; a mapping is page-aligned, so the word is aligned.
        #[allow(clippy::cast_ptr_alignment, reason = "page-aligned base, offset a multiple of 8")]
        unsafe {
            &*self.base.add(index * 8).cast::<AtomicU64>()
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        #[cfg(unix)]
        // SAFETY: the mapping that `open` made, not used after this.
        unsafe {
            libc::munmap(self.base.cast(), FILE_BYTES);
        }
    }
}

/// A word that other threads and processes read: one of the mapping, or of a model.
trait Word {
    fn get(&self, order: Ordering) -> u64;
    fn set(&self, value: u64, order: Ordering);
}

impl Word for AtomicU64 {
    fn get(&self, order: Ordering) -> u64 {
        self.load(order)
    }

    fn set(&self, value: u64, order: Ordering) {
        self.store(value, order);
    }
}

/// Has `fill` write the slot that is not current, then makes it current.
fn publish<W: Word>(sequence: &W, lengths: [&W; 2], length: u64, fill: impl FnOnce(usize)) {
    let next = sequence.get(Ordering::Relaxed) + 1;
    let slot = (next % 2) as usize;
    // A reader that sees a part of this state in the slot sees as well that the slot is not current any more.
    fence(Ordering::Release);
    fill(slot);
    lengths[slot].set(length, Ordering::Relaxed);
    sequence.set(next, Ordering::Release);
}

/// The state that a process has left in `path`; `None` if it never wrote one.
///
/// # Errors
/// Where the file cannot be read.
pub fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    read_from(&mut File::open(path)?)
}

pub(super) fn read_from(file: &mut (impl Read + Seek)) -> io::Result<Option<Vec<u8>>> {
    // Once another slot is current, a writer that is alive may be at work on the one that was read.
    for _ in 0..3 {
        let Some(slot) = Slot::current(file)? else { return Ok(None) };
        let Some(state) = read_at(file, slot.start, slot.length)? else { return Ok(None) };
        if Slot::current(file)?.is_some_and(|now| now.sequence == slot.sequence) {
            return Ok(Some(state));
        }
    }
    Err(io::Error::new(io::ErrorKind::WouldBlock, "the state changes faster than it can be read"))
}

/// A word of the header; `None` where the file is none of ours.
///
/// # Errors
/// Where the file cannot be read.
pub(super) fn word(file: &mut File, index: usize) -> io::Result<Option<u64>> {
    let Some(header) = read_at(file, 0, HEADER_BYTES)? else { return Ok(None) };
    let (words, _) = header.as_chunks();
    let value = |at: usize| u64::from_ne_bytes(words[at]);
    Ok((value(MAGIC_WORD) == MAGIC).then(|| value(index)))
}

/// Replaces a word of the header.
///
/// # Errors
/// Where the file cannot be written.
pub(super) fn set_word(file: &mut File, index: usize, value: u64) -> io::Result<()> {
    file.seek(SeekFrom::Start((index * 8) as u64))?;
    file.write_all(&value.to_ne_bytes())
}

/// Where the current state is.
struct Slot {
    sequence: u64,
    start: u64,
    length: usize,
}

impl Slot {
    fn current(file: &mut (impl Read + Seek)) -> io::Result<Option<Self>> {
        let Some(header) = read_at(file, 0, HEADER_BYTES)? else { return Ok(None) };
        let (words, _) = header.as_chunks();
        let word = |index: usize| u64::from_ne_bytes(words[index]);
        let sequence = word(SEQUENCE_WORD);
        if word(MAGIC_WORD) != MAGIC || sequence == 0 {
            return Ok(None);
        }
        let slot = (sequence % 2) as usize;
        let start = (HEADER_BYTES + slot * SLOT_BYTES) as u64;
        let length = usize::try_from(word(LENGTH_WORD + slot)).ok();
        Ok(length.filter(|&length| length <= SLOT_BYTES).map(|length| Self {
            sequence,
            start,
            length,
        }))
    }
}

/// `None` where the file ends before.
fn read_at(
    file: &mut (impl Read + Seek),
    start: u64,
    length: usize,
) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; length];
    file.seek(SeekFrom::Start(start))?;
    match file.read_exact(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        read => read.map(|()| Some(bytes)),
    }
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(name: &str) -> std::path::PathBuf {
        let path =
            std::env::temp_dir().join(format!("plimsoll-state-{}-{name}", std::process::id()));
        std::fs::write(&path, b"").unwrap();
        path
    }

    #[test]
    fn the_last_state_is_found() {
        let path = temporary("last");
        assert_eq!(read(&path).unwrap(), None, "an empty file is no state");
        let mut file = StateFile::open(&path).unwrap();
        assert_eq!(read(&path).unwrap(), None, "nothing written yet");
        for text in ["one", "two, longer", "3"] {
            assert!(file.write(text.as_bytes()));
            assert_eq!(read(&path).unwrap().unwrap(), text.as_bytes());
        }
        drop(file);
        assert_eq!(read(&path).unwrap().unwrap(), b"3", "it outlives the mapping");
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn too_large_keeps_the_last() {
        let path = temporary("large");
        let mut file = StateFile::open(&path).unwrap();
        assert!(file.write(b"small"));
        assert!(!file.write(&vec![b'x'; SLOT_BYTES + 1]));
        assert_eq!(read(&path).unwrap().unwrap(), b"small");
        std::fs::remove_file(path).unwrap();
    }

    /// A file whose writer publishes and goes on to the next state while its first state is read.
    struct Raced {
        file: io::Cursor<Vec<u8>>,
        /// What the writer has made of it by the second reading, which is that of the slot.
        then: Vec<u8>,
        reads: usize,
    }

    impl Read for Raced {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.reads += 1;
            if self.reads == 2 {
                *self.file.get_mut() = std::mem::take(&mut self.then);
            }
            self.file.read(buffer)
        }
    }

    impl Seek for Raced {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn a_slot_that_is_being_written_again_is_not_read() {
        let path = temporary("raced");
        let mut file = StateFile::open(&path).unwrap();
        file.write(b"first");
        let before = std::fs::read(&path).unwrap();
        file.write(b"second");
        let mut then = std::fs::read(&path).unwrap();
        // The third state has been begun, in the slot of the first.
        let slot = HEADER_BYTES + SLOT_BYTES;
        assert_eq!(&then[slot..slot + 5], b"first");
        then[slot..slot + 2].copy_from_slice(b"th");
        let mut raced = Raced { file: io::Cursor::new(before), then, reads: 0 };
        assert_eq!(read_from(&mut raced).unwrap().unwrap(), b"second");
        std::fs::remove_file(path).unwrap();
    }

    /// The state with a number: as many bytes as the number says, each of them the number.
    fn length_of(number: u8) -> usize {
        1 + usize::from(number) * 997
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_writer_that_is_killed_or_stopped_leaves_a_whole_state() {
        use crate::random::Random;
        let path = temporary("killed");
        let mut random = Random::new(Random::seed());
        let mut states = vec![0; SLOT_BYTES];
        for _ in 0..30 {
            std::fs::write(&path, b"").unwrap();
            let mut file = StateFile::open(&path).unwrap();
            // SAFETY: the child writes to memory that it has, and makes one call that a fork allows.
            let child = unsafe { libc::fork() };
            assert!(child >= 0);
            if child == 0 {
                // SAFETY: a call with numbers only: the child ends with the thread of the test.
                unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
                let mut number = 0u8;
                loop {
                    number = number.wrapping_add(1);
                    let state = &mut states[..length_of(number)];
                    state.fill(number);
                    file.write(state);
                }
            }
            let is_whole = |state: &[u8]| {
                state.len() == length_of(state[0]) && state.iter().all(|byte| *byte == state[0])
            };
            let signal = |signal| {
                // SAFETY: a child of this test that was not waited for.
                assert_eq!(unsafe { libc::kill(child, signal) }, 0);
            };
            let mut reads = random.below(20);
            while reads > 0 {
                match read(&path) {
                    Ok(None) => std::thread::yield_now(),
                    Ok(Some(state)) => {
                        assert!(is_whole(&state), "{} bytes of {}", state.len(), state[0]);
                        reads -= 1;
                    }
                    // It writes faster than a state can be read.
                    Err(error) => {
                        assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                        signal(libc::SIGSTOP);
                        while !is_stopped(child) {
                            std::thread::yield_now();
                        }
                        if let Some(state) = read(&path).unwrap() {
                            assert!(is_whole(&state), "{} bytes of {}", state.len(), state[0]);
                        }
                        signal(libc::SIGCONT);
                        reads -= 1;
                    }
                }
            }
            signal(libc::SIGKILL);
            // SAFETY: as above; no status is asked for.
            assert_eq!(unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) }, child);
            if let Some(state) = read(&path).unwrap() {
                assert!(is_whole(&state), "{} bytes of {}", state.len(), state[0]);
            }
        }
        std::fs::remove_file(path).unwrap();
    }

    #[cfg(target_os = "linux")]
    fn is_stopped(pid: libc::pid_t) -> bool {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        stat.rsplit_once(") ").unwrap().1.starts_with('T')
    }

    #[test]
    fn a_foreign_or_damaged_file_is_no_state() {
        let path = temporary("foreign");
        std::fs::write(&path, vec![7u8; FILE_BYTES]).unwrap();
        assert_eq!(read(&path).unwrap(), None);
        let mut damaged = vec![0u8; FILE_BYTES];
        damaged[..8].copy_from_slice(&MAGIC.to_ne_bytes());
        damaged[8..16].copy_from_slice(&1u64.to_ne_bytes());
        damaged[24..32].copy_from_slice(&u64::MAX.to_ne_bytes());
        std::fs::write(&path, damaged).unwrap();
        assert_eq!(read(&path).unwrap(), None);
        std::fs::remove_file(path).unwrap();
    }
}

#[cfg(all(test, models))]
mod models {
    use super::*;
    use crate::sync::{AtomicU64 as Modelled, explore};

    impl Word for Modelled {
        fn get(&self, order: Ordering) -> u64 {
            self.load(order)
        }

        fn set(&self, value: u64, order: Ordering) {
            self.store(value, order);
        }
    }

    /// A state of two words, in two slots.
    #[derive(Default)]
    struct File {
        sequence: Modelled,
        lengths: [Modelled; 2],
        slots: [[Modelled; 2]; 2],
    }

    impl File {
        fn write(&self, state: u64) {
            publish(&self.sequence, self.lengths.each_ref(), state, |slot| {
                self.slots[slot].iter().for_each(|word| word.store(state, Ordering::Relaxed));
            });
        }

        /// As `read_from`, whose calls of the system are the barriers.
        fn read(&self) -> Option<[u64; 3]> {
            let sequence = self.sequence.load(Ordering::Acquire);
            let slot = (sequence % 2) as usize;
            let length = self.lengths[slot].load(Ordering::Relaxed);
            let [first, last] =
                self.slots[slot].each_ref().map(|word| word.load(Ordering::Relaxed));
            fence(Ordering::Acquire);
            let same = self.sequence.load(Ordering::Relaxed) == sequence;
            (sequence > 0 && same).then_some([length, first, last])
        }
    }

    #[test]
    fn models_of_a_state_that_is_read_while_the_next_ones_are_written() {
        explore("a state is read while the next ones are written", 2, || {
            let file = Arc::new(File::default());
            let written = Arc::clone(&file);
            let writer =
                loom::thread::spawn(move || (1..=3).for_each(|state| written.write(state)));
            if let Some([length, first, last]) = file.read() {
                assert!(length == first && first == last, "{length} {first} {last}: of one state");
            }
            writer.join().unwrap();
            assert_eq!(file.read(), Some([3; 3]));
        });
    }
}
