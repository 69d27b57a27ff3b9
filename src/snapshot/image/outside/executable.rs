//! The executable of a process: which V8 is in it, and where.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;

use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Endianness, Object, ObjectKind, ObjectSegment, ObjectSymbol, ReadCache, elf};

type Elf<'a> = ElfFile64<'a, Endianness, &'a ReadCache<File>>;

/// The variable that has the isolate of each thread.
const CURRENT_ISOLATE: &str = "_ZN2v88internal18g_current_isolate_E";
/// The function that returns it.
const GET_CURRENT: &str = "_ZN2v87Isolate10GetCurrentEv";
const MAJOR: &str = "_ZN2v88internal7Version6major_E";
const MINOR: &str = "_ZN2v88internal7Version6minor_E";
/// What the name of a function begins with that collections run in.
const COLLECTION: &str = "_ZN2v88internal4Heap24PerformGarbageCollection";
/// What the names of V8's postmortem constants begin with.
const CONSTANT: &str = "v8dbg_";
/// `mov rax, fs:[displacement]`, without the displacement.
const LOAD_THREAD_LOCAL: [u8; 5] = [0x64, 0x48, 0x8b, 0x04, 0x25];
/// So many bytes of the function are searched for this instruction.
const SHORT_FUNCTION: u64 = 64;

/// What an image needs of an executable that has V8.
#[derive(Debug)]
pub struct Executable {
    /// Major and minor version of V8.
    pub v8: (u32, u32),
    /// Where a thread has the address of its isolate: bytes from the thread's own address (`fs`), below it.
    pub isolate: i64,
    /// The addresses of functions that collections run in; none where their symbols were stripped.
    pub collections: Vec<Range<u64>>,
    /// Whether it is loaded elsewhere than at its own addresses.
    pub is_relocated: bool,
    pub(super) constants: BTreeMap<String, i32>,
}

impl Executable {
    /// Reads what is known of V8.
    ///
    /// # Errors
    /// What is missing, for people.
    pub fn read(file: File) -> Result<Self, String> {
        let file = ReadCache::new(file);
        let elf =
            Elf::parse(&file).map_err(|why| format!("its executable is not readable: {why}"))?;
        let (mut constants, mut collections) = (BTreeMap::new(), Vec::new());
        let (mut current, mut getter, mut version) = (None, None, [None, None]);
        for symbol in elf.dynamic_symbols().chain(elf.symbols()) {
            let Ok(name) = symbol.name() else { continue };
            match name {
                CURRENT_ISOLATE => current = Some(symbol.address()),
                GET_CURRENT => getter = Some(symbol.address()),
                MAJOR => version[0] = integer(&elf, symbol.address()),
                MINOR => version[1] = integer(&elf, symbol.address()),
                name if name.starts_with(CONSTANT) => {
                    if let Some(value) = integer(&elf, symbol.address()) {
                        constants.insert(name.to_owned(), value);
                    }
                }
                name if name.starts_with(COLLECTION) => {
                    collections
                        .push(symbol.address()..symbol.address().saturating_add(symbol.size()));
                }
                _ => {}
            }
        }
        let part = |at: usize| version[at].and_then(|part| u32::try_from(part).ok());
        let (Some(major), Some(minor)) = (part(0), part(1)) else {
            return Err("its executable has no V8 with symbols".into());
        };
        let isolate = current
            .and_then(|offset| below_thread(&elf, offset))
            .or_else(|| displacement(bytes(&elf, getter?, SHORT_FUNCTION)?))
            .ok_or("its executable does not say where threads have their isolate")?;
        let is_relocated = elf.kind() == ObjectKind::Dynamic;
        Ok(Self { v8: (major, minor), isolate, collections, is_relocated, constants })
    }

    /// The value of one of V8's postmortem constants.
    pub fn constant(&self, name: &str) -> Option<i32> {
        self.constants.get(name).copied()
    }
}

/// Bytes of the executable at an address.
fn bytes<'a>(elf: &Elf<'a>, at: u64, size: u64) -> Option<&'a [u8]> {
    elf.segments().find_map(|segment| segment.data_range(at, size).ok().flatten())
}

fn integer(elf: &Elf<'_>, at: u64) -> Option<i32> {
    bytes(elf, at, 4)?.try_into().ok().map(i32::from_le_bytes)
}

/// A variable of the executable's own thread-local memory, which ends at the thread's address (Drepper, ELF Handling
/// For Thread-Local Storage, variant II).
fn below_thread(elf: &Elf<'_>, offset: u64) -> Option<i64> {
    let endian = elf.endian();
    let memory =
        elf.elf_program_headers().iter().find(|part| part.p_type(endian) == elf::PT_TLS)?;
    let size = memory.p_memsz(endian).checked_next_multiple_of(memory.p_align(endian))?;
    i64::try_from(offset).ok()?.checked_sub(i64::try_from(size).ok()?)
}

/// The displacement of the first instruction that loads a thread-local variable.
fn displacement(function: &[u8]) -> Option<i64> {
    let length = LOAD_THREAD_LOCAL.len();
    let at = function.windows(length).position(|window| window == LOAD_THREAD_LOCAL)? + length;
    let displacement = function.get(at..at + 4)?.try_into().ok()?;
    Some(i32::from_le_bytes(displacement).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_instruction_that_loads_a_thread_local_variable_has_its_place() {
        let function = b"\x55\x48\x89\xe5\x64\x48\x8b\x04\x25\x88\xfe\xff\xff\x5d\xc3";
        assert_eq!(displacement(function), Some(-0x178));
        assert_eq!(displacement(&function[..12]), None);
        assert_eq!(displacement(b"\x31\xc0\xc3"), None);
    }

    #[test]
    fn a_program_without_v8_is_refused() {
        let file = File::open(std::env::current_exe().unwrap()).unwrap();
        assert_eq!(Executable::read(file).unwrap_err(), "its executable has no V8 with symbols");
        let text = File::open(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml")).unwrap();
        assert!(
            Executable::read(text).unwrap_err().starts_with("its executable is not readable: ")
        );
    }

    #[test]
    fn the_v8_of_an_installed_node_is_known() {
        let Some((path, v8, _)) = crate::snapshot::image::tests::installed_node() else { return };
        let found = Executable::read(File::open(path).unwrap()).unwrap();
        assert_eq!(found.v8, v8);
        let known = ["v8dbg_HeapObjectTag", "v8dbg_HeapObjectTagMask", "v8dbg_none"];
        assert_eq!(known.map(|name| found.constant(name)), [Some(1), Some(3), None]);
        assert_eq!(found.constant("_ZN2v87Isolate10GetCurrentEv"), None, "a function");
        assert!(found.constants.keys().all(|name| name.starts_with("v8dbg_")));
        assert!(found.isolate < 0, "below the thread's own address: {}", found.isolate);
        assert!(found.collections.iter().all(|function| !function.is_empty()));
    }
}
