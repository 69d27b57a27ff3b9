//! Whether there is room for a snapshot before it is taken.
//!
//! V8 builds the whole snapshot in memory: by the number of objects and references, six to twelve
//! times the live heap in many services, twenty times where it is all tiny objects
//! (`bench/snapshot`). A child that needs more than was expected ends itself in time; the service
//! cannot, so for it the worst is assumed. Heaps of few big objects need far less, which
//! `headroom` can say.

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
    /// In a forked child.
    Child,
    /// In the service itself.
    Service,
    /// In a forked child that writes a heap image.
    Image,
}

impl Builder {
    /// Memory as a multiple of the live heap.
    #[must_use]
    pub fn factor(self) -> f64 {
        match self {
            Self::Child => 8.0,
            Self::Service => 24.0,
            // Copies of what the service rewrites meanwhile. A collection may rewrite more: the child is ended then.
            Self::Image => 0.25,
        }
    }
}

/// Size of the file as a multiple of the live heap (measured 1.6 to 2.0).
const FILE_FACTOR: f64 = 2.5;

/// Bytes of memory that a snapshot is expected to need. `headroom` replaces the factor.
///
/// A child needs more: until it is done, each page that the service writes to exists twice. A heap
/// is rewritten by its own collections, buffers and native memory are reused, so half of all that is
/// `resident` is assumed to be.
#[must_use]
pub fn memory_needed(builder: Builder, heap: Heap, resident: u64, headroom: Option<f64>) -> u64 {
    let built = scale(heap.used, headroom.unwrap_or(builder.factor()));
    match builder {
        Builder::Service => built,
        Builder::Image => {
            // A page exists twice at most, whatever V8 would need for its graph.
            let copied = headroom.unwrap_or(builder.factor()).min(1.0);
            scale(heap.total, copied).saturating_add(IMAGE)
        }
        Builder::Child => built.saturating_add(resident.max(heap.total) / 2),
    }
}

/// Size of an image as a multiple of the heap's committed size (measured 0.1 to 0.3, `bench/image`).
const IMAGE_FILE: f64 = 0.4;

/// Buffers and page tables of a child that writes an image.
const IMAGE: u64 = 16 << 20;
/// The factor of an image where the kernel kills the service with the child.
const IMAGE_TOGETHER: f64 = 0.5;

/// The factor to go by. Where the kernel kills the service `together` with a child (v2,
/// `memory.oom.group`), a child that outgrows its expectation is no small matter: it is judged as
/// the service is, and the caller can only raise that. An image, whose child the service ends in time, takes twice as
/// much room there.
fn trusted(headroom: Option<f64>, builder: Builder, together: bool) -> Option<f64> {
    match builder {
        Builder::Child if together => {
            let worst = Builder::Service.factor();
            Some(headroom.map_or(worst, |factor| factor.max(worst)))
        }
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
    limits: os::limits::Memory,
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
        let most = memory_needed(Builder::Image, heap, 0, headroom.or(Some(IMAGE_TOGETHER))) / 2;
        Self { limits: os::limits::Memory::default(), parts: 40, most, ..Self::own() }
    }

    /// Looks at the container, the machine and the limits of the calling process.
    #[must_use]
    pub fn own() -> Self {
        Self {
            files: Box::new(System),
            cgroups: CgroupReader::default(),
            machine: os::memory::total().unwrap_or(0),
            limits: os::limits::Memory::read(),
            parts: Self::PARTS,
            most: u64::MAX,
        }
    }

    /// The first place that is tight now. One that cannot be read is not.
    pub fn tight(&mut self) -> Option<Tight> {
        let container = self.cgroups.read(&mut *self.files).ok().flatten();
        // Where the kernel kills the service with the child, more is to stay free.
        let together = container.as_ref().is_some_and(|container| container.oom_group);
        let parts = if together { Self::PARTS } else { self.parts };
        let container = container.and_then(|container| Some((container.room()?, container.limit?)));
        let machine = os::memory::read_available(&mut *self.files).ok().flatten();
        let own = self.limits.room().map(|room| (room.available, room.limit));
        [
            (Shortage::Container, container),
            (Shortage::Machine, machine.map(|available| (available, self.machine))),
            (Shortage::Limit, own),
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

/// Address space of a child beside the snapshot: its second thread has a stack and an arena of malloc.
const THREAD: u64 = 160 << 20;

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
    let resident = os::process::rss().unwrap_or(0);
    let headroom_trusted = trusted(headroom, builder, together);
    let needed = memory_needed(builder, heap, resident, headroom_trusted);
    let room = container.and_then(|container| container.room());
    check_memory(
        needed,
        [(Shortage::Container, room), (Shortage::Machine, os::memory::available())],
    )?;
    // A child has the address space of the service, shared pages included, and adds what it builds.
    if let Some(limit) = os::limits::Memory::read().room() {
        let built = match builder {
            // The heap is there already, and so is its copy.
            Builder::Image => IMAGE,
            _ => scale(heap.used, headroom_trusted.unwrap_or(builder.factor())),
        };
        let needed = built.saturating_add(if builder == Builder::Child { THREAD } else { 0 });
        check_memory(needed, [(Shortage::Limit, Some(limit.available))])?;
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
        assert_eq!(memory_needed(Builder::Service, HEAP, 150, None), 2400);
        assert_eq!(memory_needed(Builder::Child, HEAP, 150, None), 875);
        assert_eq!(memory_needed(Builder::Child, HEAP, 0, None), 860, "where it is not known");
        assert_eq!(memory_needed(Builder::Child, HEAP, 150, Some(0.5)), 125);
        assert_eq!(memory_needed(Builder::Image, HEAP, 150, None), 30 + IMAGE);
        assert_eq!(memory_needed(Builder::Image, HEAP, 150, Some(24.0)), 120 + IMAGE, "once more");
        let huge = Heap { used: u64::MAX, total: u64::MAX };
        assert_eq!(memory_needed(Builder::Child, huge, 0, None), u64::MAX);
    }

    #[test]
    fn memory_outside_of_the_heap_may_be_rewritten_too() {
        let needed = memory_needed(Builder::Child, HEAP, 10_000, None);
        assert_eq!(needed, 5800, "not only the heap's 860");
        assert_eq!(memory_needed(Builder::Service, HEAP, 10_000, None), 2400);
    }

    /// The table of docs/snapshots.md, section "Kubernetes, in numbers".
    #[test]
    fn the_numbers_of_the_documentation() {
        let heap = Heap { used: 200 << 20, total: 300 << 20 };
        let needed = |builder, together| {
            memory_needed(builder, heap, 350 << 20, trusted(None, builder, together)) >> 20
        };
        assert_eq!(needed(Builder::Child, false), 1775);
        assert_eq!(needed(Builder::Child, true), 4975);
        assert_eq!(needed(Builder::Service, false), 4800);
        assert_eq!(needed(Builder::Service, true), 4800);
        let heap = Heap { used: 200 << 20, total: 220 << 20 };
        let image = |together| {
            memory_needed(Builder::Image, heap, 0, trusted(None, Builder::Image, together)) >> 20
        };
        assert_eq!((image(false), image(true)), (71, 126));
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
        let (limits, most) = (os::limits::Memory::default(), u64::MAX);
        let (files, cgroups) = (Box::new(Figures(files)), CgroupReader::default());
        RoomWatch { files, cgroups, machine: 16 << 30, limits, parts, most }
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
                let needed = memory_needed(Builder::Image, heap, 0, headroom);
                assert!(RoomWatch::of_image(heap, headroom).most < needed);
            }
        }
    }

    #[test]
    fn where_one_kill_ends_all_the_factor_is_only_raised() {
        assert_eq!(trusted(Some(0.5), Builder::Child, true), Some(24.0));
        assert_eq!(trusted(Some(30.0), Builder::Child, true), Some(30.0));
        assert_eq!(trusted(Some(0.5), Builder::Child, false), Some(0.5));
        assert_eq!(trusted(Some(0.5), Builder::Service, true), Some(0.5));
        assert_eq!(trusted(None, Builder::Child, true), Some(24.0));
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
        for builder in [Builder::Child, Builder::Service, Builder::Image] {
            let refused = checked(builder, heap, Compression::None);
            assert!(matches!(refused, Err(SnapshotError::NoRoom { .. })), "{builder:?}");
        }
        let small = Heap { used: 1000, total: 1000 };
        assert_eq!(checked(Builder::Child, small, Compression::None), Ok(()));
        // The memory and the file of an image do not go by the live heap.
        let sparse = Heap { used: 1 << 60, total: 1000 };
        assert_eq!(checked(Builder::Image, sparse, Compression::None), Ok(()));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_limit_on_address_space_counts_for_the_service_and_not_for_the_watch_of_an_image() {
        const MB: u64 = 1 << 20;
        let name = "snapshot::room::tests::\
                    a_limit_on_address_space_counts_for_the_service_and_not_for_the_watch_of_an_image";
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
        let available = RoomWatch::own().limits.room().unwrap().available;
        assert!(spare().is_some_and(|spare| (10 * MB..=available + 10 * MB).contains(&spare)));
        // What is built fits by half of what a child needs beside it.
        let used = available - THREAD / 2;
        let near = Heap { used, total: used };
        let checked_by =
            |builder| check(builder, near, Some(1.0), Path::new("/"), Compression::Zstd);
        let is_refused_by_limit = |builder| checked_by(builder).is_err_and(is_limit);
        assert!(!is_refused_by_limit(Builder::Service), "it has no second thread");
        // Where the machine has not so much, that is said first.
        let has_room = os::memory::available().is_none_or(|machine| machine > 3 * used);
        assert_eq!(is_refused_by_limit(Builder::Child), has_room);
        assert!(RoomWatch::own().limits.room().is_some());
        assert!(RoomWatch::of_image(heap, None).limits.room().is_none());
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
        let refused = checked(Builder::Child, heap, Compression::None).unwrap_err();
        assert!(matches!(refused, SnapshotError::NoRoom { place: Shortage::FileSize, .. }));
        assert_eq!(checked(Builder::Child, heap, Compression::Zstd), Ok(()));
    }

    #[test]
    fn what_is_to_stay_free_of_an_image_is_half_of_its_need() {
        let heap = Heap { used: 1 << 30, total: 1 << 30 };
        let watch = RoomWatch::of_image(heap, None);
        assert_eq!((watch.most, watch.parts), (((1 << 29) + IMAGE) / 2, 40));
        let watch = RoomWatch::of_image(heap, Some(0.25));
        assert_eq!(watch.most, ((1 << 28) + IMAGE) / 2);
        assert_eq!(RoomWatch::own().parts, 20);
    }
}
