//! Whether there is room for a snapshot before it is taken.
//!
//! V8 builds the whole snapshot in memory: by the number of objects and references, six to twelve
//! times the live heap in many services, twenty times where it is all tiny objects
//! (`bench/snapshot`). The service cannot be ended in time, so for it the worst is assumed. Heaps of few big objects
//! need far less, which `headroom` can say. A child that writes an image and a converter that makes a snapshot of it
//! need little, and are ended in time.

use std::path::Path;
use std::time::Duration;

use super::error::{Shortage, SnapshotError};
use super::name::Compression;
use crate::os;
use crate::os::cgroup::CgroupReader;
use crate::os::pseudo_file::{Files, System};

/// The heap that is to be described, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heap {
    /// What live objects take (`used_heap_size`).
    pub used: u64,
    /// What the heap has committed (`total_heap_size`).
    pub total: u64,
}

/// Where the snapshot is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Builder {
    /// In a process that reads a heap image.
    Converter,
    /// In the service itself.
    Service,
    /// In a forked child that writes a heap image.
    Image,
}

impl Builder {
    /// Memory as a multiple of the heap: of what is live for the service, of what is committed for the others.
    #[must_use]
    pub fn factor(self) -> f64 {
        match self {
            // The graph (measured 2.2), and the image, which is in memory where it is redacted.
            Self::Converter => 3.0,
            Self::Service => 24.0,
            // Copies of what the service rewrites meanwhile. A collection may rewrite more: the child is ended then.
            Self::Image => 0.25,
        }
    }
}

/// Size of the file as a multiple of the live heap (measured 1.6 to 2.0).
const FILE_FACTOR: f64 = 2.5;

/// Bytes of memory that a snapshot is expected to need. `headroom` replaces the factor.
#[must_use]
pub fn memory_needed(builder: Builder, heap: Heap, headroom: Option<f64>) -> u64 {
    let factor = headroom.unwrap_or(builder.factor());
    match builder {
        Builder::Service => scale(heap.used, factor),
        // A page exists twice at most, whatever V8 would need for its graph.
        Builder::Image => scale(heap.total, factor.min(1.0)).saturating_add(IMAGE),
        Builder::Converter => scale(heap.total, factor).saturating_add(NODE),
    }
}

/// Size of an image as a multiple of the heap's committed size (measured 0.1 to 0.3, `bench/image`).
const IMAGE_FILE: f64 = 0.4;

/// Buffers and page tables of a child that writes an image.
const IMAGE: u64 = 16 << 20;
/// A process of Node that has not read anything.
const NODE: u64 = 80 << 20;
/// The factor of an image where the kernel kills the service with the child.
const IMAGE_TOGETHER: f64 = 0.5;

/// The factor to go by. Where the kernel kills the service `together` with a child (v2, `memory.oom.group`), an image
/// takes twice as much room: the service ends its child in time, and it may write fast. The caller can only raise the
/// factor of a converter there.
fn trusted(headroom: Option<f64>, builder: Builder, together: bool) -> Option<f64> {
    match builder {
        Builder::Converter if together => headroom.map(|factor| factor.max(builder.factor())),
        Builder::Image if together => headroom.or(Some(IMAGE_TOGETHER)),
        _ => headroom,
    }
}

/// Looks again and again whether a child leaves others enough memory.
#[derive(Debug)]
pub struct RoomWatch {
    files: Box<dyn Files>,
    cgroups: CgroupReader,
    /// The machine's memory.
    machine: u64,
    /// One of so many parts of the memory is to stay free.
    parts: u64,
    /// More than this need not stay free.
    most: u64,
}

/// A place that has less left than is to stay free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tight {
    /// Where.
    pub place: Shortage,
    /// What is left, in bytes.
    pub available: u64,
    /// What is to stay free, in bytes.
    pub reserve: u64,
}

impl RoomWatch {
    /// How often it is worth looking.
    pub const INTERVAL: Duration = Duration::from_millis(20);
    /// A twentieth is to stay free.
    const PARTS: u64 = 20;

    /// Looks at the container and the machine. What an image takes grows only with what the service writes to, so that
    /// less may stay free. Half of what an image of `heap` needs where one kill ends all is enough: one that was
    /// allowed to begin is not ended at once.
    #[must_use]
    pub fn of_image(heap: Heap, headroom: Option<f64>) -> Self {
        let most = memory_needed(Builder::Image, heap, headroom.or(Some(IMAGE_TOGETHER))) / 2;
        Self { parts: 40, most, ..Self::of_converter() }
    }

    /// Looks at the container and the machine.
    #[must_use]
    pub fn of_converter() -> Self {
        Self {
            files: Box::new(System),
            cgroups: CgroupReader::default(),
            machine: os::memory::total().unwrap_or(0),
            parts: Self::PARTS,
            most: u64::MAX,
        }
    }

    /// Whether there is enough.
    ///
    /// # Errors
    /// [`SnapshotError::NoRoom`] with the place that is tight.
    pub fn look(&mut self) -> Result<(), SnapshotError> {
        self.tight().map_or(Ok(()), |Tight { place, available, reserve }| {
            Err(SnapshotError::NoRoom { place, needed: reserve, available })
        })
    }

    /// The first place that is tight now. One that cannot be read is not.
    pub fn tight(&mut self) -> Option<Tight> {
        let container = self.cgroups.read(&mut *self.files).ok().flatten();
        // Where the kernel kills the service with the child, more is to stay free.
        let together = container.as_ref().is_some_and(|container| container.oom_group);
        let parts = if together { Self::PARTS } else { self.parts };
        let container = container.and_then(|container| Some((container.room()?, container.limit?)));
        let machine = os::memory::read_available(&mut *self.files).ok().flatten();
        [
            (Shortage::Container, container),
            (Shortage::Machine, machine.map(|available| (available, self.machine))),
        ]
        .into_iter()
        .filter_map(|(place, room)| {
            let (available, limit) = room?;
            let reserve = (limit / parts).clamp(8 << 20, 256 << 20).min(self.most);
            Some(Tight { place, available, reserve })
        })
        .find(|tight| tight.available < tight.reserve)
    }
}

/// Refuses where the tightest of the places has less than `needed`.
///
/// # Errors
/// [`SnapshotError::NoRoom`] with that place.
pub fn check_memory(
    needed: u64,
    places: impl IntoIterator<Item = (Shortage, Option<u64>)>,
) -> Result<(), SnapshotError> {
    let known = places.into_iter().filter_map(|(place, available)| Some((place, available?)));
    match known.min_by_key(|&(_, available)| available) {
        Some((place, available)) if available < needed => {
            Err(SnapshotError::NoRoom { place, needed, available })
        }
        _ => Ok(()),
    }
}

/// Bytes that the container and the limits of the process leave to it; `None` where neither is known.
#[must_use]
pub fn spare() -> Option<u64> {
    let container = os::cgroup::read().and_then(|container| container.room());
    let limits = os::limits::Memory::read().room().map(|room| room.available);
    container.into_iter().chain(limits).min()
}

/// Refuses where the memory, the disk or a limit of this process has no room now.
///
/// # Errors
/// [`SnapshotError::NoRoom`].
pub fn check(
    builder: Builder,
    heap: Heap,
    headroom: Option<f64>,
    dir: &Path,
    compression: Compression,
) -> Result<(), SnapshotError> {
    let container = os::cgroup::read();
    let together = container.as_ref().is_some_and(|container| container.oom_group);
    let needed = memory_needed(builder, heap, trusted(headroom, builder, together));
    let room = container.and_then(|container| container.room());
    check_memory(
        needed,
        [(Shortage::Container, room), (Shortage::Machine, os::memory::available())],
    )?;
    if let Some(limit) = os::limits::Memory::read().room() {
        let own = match builder {
            // The heap is there already, and so is its copy. A converter has a limit of its own.
            Builder::Image | Builder::Converter => IMAGE,
            Builder::Service => needed,
        };
        check_memory(own, [(Shortage::Limit, Some(limit.available))])?;
    }
    // Small: the part of the disk that others need is not ours to judge, a full disk is handled
    // where it happens. This only avoids seconds of work for a file that cannot fit.
    let file = match builder {
        Builder::Image => scale(heap.total, IMAGE_FILE.min(headroom.unwrap_or(IMAGE_FILE))),
        _ => scale(heap.used, FILE_FACTOR.min(headroom.unwrap_or(FILE_FACTOR))),
    };
    // How far a snapshot packs is not known ahead; the factor of an image is that of its packed file.
    let largest = match compression {
        Compression::None => Some(Shortage::FileSize),
        Compression::Image => Some(Shortage::ImageSize),
        _ => None,
    };
    let largest = largest.map(|place| (place, os::limits::file_size()));
    for (place, available) in [(Shortage::Disk, free_disk(dir))].into_iter().chain(largest) {
        if let Some(available) = available.filter(|&available| available < file) {
            return Err(SnapshotError::NoRoom { place, needed: file, available });
        }
    }
    Ok(())
}

#[allow(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "an estimate; the cast saturates"
)]
fn scale(bytes: u64, factor: f64) -> u64 {
    (bytes as f64 * factor) as u64
}

/// Bytes that an unprivileged process may still write on the file system of `dir`.
fn free_disk(dir: &Path) -> Option<u64> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        let path = std::ffi::CString::new(dir.as_os_str().as_bytes()).ok()?;
        // SAFETY: statvfs is plain data, for which all zeroes is a value.
        let mut answer: libc::statvfs = unsafe { std::mem::zeroed() };
        // SAFETY: a NUL-terminated path and a local that outlives the call.
        if unsafe { libc::statvfs(path.as_ptr(), &raw mut answer) } != 0 {
            return None;
        }
        #[allow(clippy::useless_conversion, reason = "the fields are narrower on other systems")]
        let blocks: u64 = answer.f_bavail.into();
        blocks.checked_mul(answer.f_frsize)
    }
    #[cfg(not(unix))]
    {
        let _ = dir;
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAP: Heap = Heap { used: 100, total: 120 };

    #[test]
    fn what_is_needed() {
        assert_eq!(memory_needed(Builder::Service, HEAP, None), 2400);
        assert_eq!(memory_needed(Builder::Converter, HEAP, None), 360 + NODE);
        assert_eq!(memory_needed(Builder::Converter, HEAP, Some(0.5)), 60 + NODE);
        assert_eq!(memory_needed(Builder::Image, HEAP, None), 30 + IMAGE);
        assert_eq!(memory_needed(Builder::Image, HEAP, Some(24.0)), 120 + IMAGE, "once more");
        let huge = Heap { used: u64::MAX, total: u64::MAX };
        assert_eq!(memory_needed(Builder::Converter, huge, None), u64::MAX);
    }

    /// The table of docs/snapshots.md, section "Kubernetes, in numbers".
    #[test]
    fn the_numbers_of_the_documentation() {
        let heap = Heap { used: 200 << 20, total: 220 << 20 };
        let needed = |builder, together| {
            memory_needed(builder, heap, trusted(None, builder, together)) >> 20
        };
        let both = |builder| (needed(builder, false), needed(builder, true));
        assert_eq!(both(Builder::Image), (71, 126));
        assert_eq!(both(Builder::Converter), (740, 740));
        assert_eq!(both(Builder::Service), (4800, 4800));
    }

    #[test]
    fn the_tightest_place_decides() {
        let check = |container, machine| {
            check_memory(100, [(Shortage::Container, container), (Shortage::Machine, machine)])
        };
        assert_eq!(check(None, None), Ok(()));
        assert_eq!(check(Some(100), Some(100)), Ok(()));
        let refused =
            |place, available| Err(SnapshotError::NoRoom { place, needed: 100, available });
        assert_eq!(check(Some(99), Some(1000)), refused(Shortage::Container, 99));
        assert_eq!(check(Some(99), Some(50)), refused(Shortage::Machine, 50));
        assert_eq!(check(None, Some(0)), refused(Shortage::Machine, 0));
    }

    /// The files of a container, with these texts in place of what the kernel says.
    #[derive(Debug)]
    struct Figures(Vec<(&'static str, String)>);

    impl Files for Figures {
        fn read(&mut self, path: &Path) -> std::io::Result<String> {
            let found = self.0.iter().find(|(name, _)| Path::new(name) == path);
            found.map(|(_, text)| text.clone()).ok_or_else(|| std::io::ErrorKind::NotFound.into())
        }
    }

    /// A watch over a container of `limit` bytes that uses `usage` of them, on a machine with so much memory left.
    fn watch(limit: u64, usage: u64, machine: u64) -> RoomWatch {
        with(limit, usage, machine, &[], RoomWatch::PARTS)
    }

    /// As [`watch`], with more files, where one of so many parts is to stay free.
    fn with(
        limit: u64,
        usage: u64,
        machine: u64,
        more: &[(&'static str, &str)],
        parts: u64,
    ) -> RoomWatch {
        const GROUP: [&str; 2] =
            ["/sys/fs/cgroup/memory.limit_in_bytes", "/sys/fs/cgroup/memory.usage_in_bytes"];
        let mounts = "30 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n";
        let mut files = vec![
            ("/proc/self/cgroup", "4:memory:/\n".to_owned()),
            ("/proc/self/mountinfo", mounts.to_owned()),
            (
                "/proc/meminfo",
                format!("MemTotal: {} kB\nMemAvailable: {} kB\n", 16 << 20, machine >> 10),
            ),
            (GROUP[0], limit.to_string()),
            (GROUP[1], usage.to_string()),
            ("/sys/fs/cgroup/memory.stat", "total_inactive_file 1048576\n".to_owned()),
        ];
        files.extend(more.iter().map(|&(name, text)| (name, text.to_owned())));
        let (files, cgroups) = (Box::new(Figures(files)), CgroupReader::default());
        RoomWatch { files, cgroups, machine: 16 << 30, parts, most: u64::MAX }
    }

    #[test]
    fn a_twentieth_of_the_memory_is_to_stay_free() {
        const MB: u64 = 1 << 20;
        let tight = |place, available, reserve| Some(Tight { place, available, reserve });
        let plenty = 8 << 30;
        assert_eq!(watch(400 * MB, 381 * MB, plenty).tight(), None, "page cache counts as free");
        let full = watch(400 * MB, 382 * MB, plenty).tight();
        assert_eq!(full, tight(Shortage::Container, 19 * MB, 20 * MB));
        assert_eq!(watch(40 * MB, 32 * MB, plenty).tight(), None, "8 MB of a small one");
        assert!(watch(40 * MB, 34 * MB, plenty).tight().is_some());
        let of_image = with(400 * MB, 391 * MB, plenty, &[], 40).tight();
        assert_eq!(of_image, None, "a fortieth suffices for an image");
        let together = ("/sys/fs/cgroup/memory.oom.group", "1\n");
        assert!(
            with(400 * MB, 391 * MB, plenty, &[together], 40).tight().is_some(),
            "one kill ends all"
        );
        let of_image = RoomWatch { most: 19 * MB, ..watch(400 * MB, 382 * MB, plenty) }.tight();
        assert_eq!(of_image, None, "a small image needs less");
        let full = watch(400 * MB, 0, 255 * MB).tight();
        assert_eq!(full, tight(Shortage::Machine, 255 * MB, 256 * MB));
    }

    #[test]
    fn an_image_that_may_begin_is_not_ended_at_once() {
        for headroom in [None, Some(0.0), Some(24.0)] {
            for used in [0, 100 << 10, 100 << 20, 1 << 40] {
                let heap = Heap { used, total: used };
                let needed = memory_needed(Builder::Image, heap, headroom);
                assert!(RoomWatch::of_image(heap, headroom).most < needed);
            }
        }
    }

    #[test]
    fn where_one_kill_ends_all_the_factor_is_only_raised() {
        assert_eq!(trusted(Some(0.5), Builder::Converter, true), Some(3.0));
        assert_eq!(trusted(Some(30.0), Builder::Converter, true), Some(30.0));
        assert_eq!(trusted(Some(0.5), Builder::Converter, false), Some(0.5));
        assert_eq!(trusted(Some(0.5), Builder::Service, true), Some(0.5));
        assert_eq!(trusted(None, Builder::Converter, true), None);
        assert_eq!(trusted(None, Builder::Image, true), Some(IMAGE_TOGETHER));
        assert_eq!(trusted(Some(0.1), Builder::Image, true), Some(0.1));
        assert_eq!(trusted(None, Builder::Image, false), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_disk_is_measured() {
        assert!(free_disk(&std::env::temp_dir()).is_some());
        assert_eq!(free_disk(Path::new("/nowhere/at/all")), None);
    }

    fn checked(
        builder: Builder,
        heap: Heap,
        compression: Compression,
    ) -> Result<(), SnapshotError> {
        check(builder, heap, None, &std::env::temp_dir(), compression)
    }

    #[test]
    fn what_no_machine_has_is_refused() {
        let heap = Heap { used: 1 << 60, total: 1 << 60 };
        for builder in [Builder::Converter, Builder::Service, Builder::Image] {
            let refused = checked(builder, heap, Compression::None);
            assert!(matches!(refused, Err(SnapshotError::NoRoom { .. })), "{builder:?}");
        }
        let small = Heap { used: 1000, total: 1000 };
        assert_eq!(checked(Builder::Converter, small, Compression::None), Ok(()));
        // The memory and the file of an image do not go by the live heap.
        let sparse = Heap { used: 1 << 60, total: 1000 };
        assert_eq!(checked(Builder::Image, sparse, Compression::None), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_on_address_space_counts_for_what_this_process_takes() {
        const MB: u64 = 1 << 20;
        let name = "snapshot::room::tests::\
                    a_limit_on_address_space_counts_for_what_this_process_takes";
        if !crate::snapshot::testing::is_alone(name, "ulimit -v 1000000") {
            return;
        }
        let heap = Heap { used: 40 * MB, total: 40 * MB };
        let refused = checked(Builder::Service, heap, Compression::None).unwrap_err();
        let is_limit =
            |place| matches!(place, SnapshotError::NoRoom { place: Shortage::Limit, .. });
        assert!(is_limit(refused), "24 times as much");
        let sparse = Heap { used: 1 << 60, total: 1000 };
        assert_eq!(checked(Builder::Image, sparse, Compression::None), Ok(()), "the heap is there");
        let available = os::limits::Memory::read().room().unwrap().available;
        assert!(spare().is_some_and(|spare| (10 * MB..=available + 10 * MB).contains(&spare)));
        let near = Heap { used: available + MB, total: available + MB };
        let is_refused_by_limit = |builder| {
            check(builder, near, Some(1.0), Path::new("/"), Compression::Zstd).is_err_and(is_limit)
        };
        assert!(!is_refused_by_limit(Builder::Converter), "it has a limit of its own");
        // Where the machine has not so much, that is said first.
        let has_room = os::memory::available().is_none_or(|machine| machine > 3 * available);
        assert_eq!(is_refused_by_limit(Builder::Service), has_room);
        // What the writer of the image takes, this process takes.
        let left = os::limits::Memory::read().room().unwrap().available - IMAGE / 2;
        let mut taken = Vec::<u8>::new();
        taken.try_reserve_exact(usize::try_from(left).unwrap()).unwrap();
        let small = |builder| checked(builder, Heap { used: 1000, total: 1000 }, Compression::None);
        for builder in [Builder::Converter, Builder::Image] {
            assert!(small(builder).is_err_and(is_limit), "{builder:?}");
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_on_the_size_of_a_file_counts_where_it_is_known_ahead() {
        let name = "snapshot::room::tests::\
                    a_limit_on_the_size_of_a_file_counts_where_it_is_known_ahead";
        if !crate::snapshot::testing::is_alone(name, "ulimit -f 100") {
            return;
        }
        let heap = Heap { used: 1 << 20, total: 1 << 20 };
        let refused = checked(Builder::Converter, heap, Compression::None).unwrap_err();
        assert!(matches!(refused, SnapshotError::NoRoom { place: Shortage::FileSize, .. }));
        assert_eq!(checked(Builder::Converter, heap, Compression::Zstd), Ok(()));
    }

    #[test]
    fn what_is_to_stay_free_of_an_image_is_half_of_its_need() {
        let heap = Heap { used: 1 << 30, total: 1 << 30 };
        let watch = RoomWatch::of_image(heap, None);
        assert_eq!((watch.most, watch.parts), (((1 << 29) + IMAGE) / 2, 40));
        let watch = RoomWatch::of_image(heap, Some(0.25));
        assert_eq!(watch.most, ((1 << 28) + IMAGE) / 2);
        assert_eq!(RoomWatch::of_converter().parts, 20);
    }
}
