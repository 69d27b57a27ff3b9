//! The container's memory limit and use: cgroup v2, v1, and the hybrid of both (cgroups(7)).
//!
//! A limit may stand at any level above the process, so the files of every visible ancestor are
//! read and the level with the least room decides.

use std::io;
use std::path::{Path, PathBuf};

use super::pseudo_file::{Files, System};

/// Which hierarchy holds the memory controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// The legacy hierarchy with a memory controller of its own.
    V1,
    /// The unified hierarchy.
    V2,
}

/// The memory limit that the process lives under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Container {
    /// Where the figures are from.
    pub version: Version,
    /// The limit in bytes of the level with the least room; `None`: no level has one.
    pub limit: Option<u64>,
    /// What that level uses, in bytes, page cache included.
    pub usage: u64,
    /// Page cache that the kernel can drop at once (`inactive_file`), part of `usage`.
    pub reclaimable: u64,
    /// v2 `memory.oom.group`: one out-of-memory kill ends every process of the group.
    pub oom_group: bool,
}

impl Container {
    /// Bytes that may still be charged before the limit, page cache counted as free.
    #[must_use]
    pub fn room(&self) -> Option<u64> {
        let working_set = self.usage.saturating_sub(self.reclaimable);
        self.limit.map(|limit| limit.saturating_sub(working_set))
    }
}

/// How many processes of the current process' cgroup the kernel has killed for want of memory.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OomKills {
    /// The cgroup: figures of another one cannot be compared. The inode of its directory since this boot.
    pub group: String,
    /// Since the cgroup exists.
    pub count: u64,
}

/// Reads the kills once; `None` where the kernel does not count them, or the count cannot be read.
#[must_use]
pub fn oom_kills() -> Option<OomKills> {
    let mut reader = CgroupReader::default();
    reader.read(&mut System).ok()?;
    reader.oom_kills(&mut System)
}

/// Reads the figures of the current process once; `None` where there is no memory cgroup, or it cannot be read.
#[must_use]
pub fn read() -> Option<Container> {
    CgroupReader::default().read(&mut System).ok()?
}

/// Reads the figures repeatedly: the files are looked up only when the process' membership has changed, because the
/// list of mounts costs more than the figures.
#[derive(Debug)]
pub struct CgroupReader {
    /// `/proc` and `/sys` are below it: a fixture's folder in tests.
    root: PathBuf,
    membership: String,
    ceiling: u64,
    levels: Vec<Level>,
}

impl Default for CgroupReader {
    fn default() -> Self {
        Self::below(Path::new("/"))
    }
}

impl CgroupReader {
    /// Reads the files below `root` in place of `/`.
    #[must_use]
    pub fn below(root: &Path) -> Self {
        Self { root: root.to_owned(), membership: String::new(), ceiling: 0, levels: Vec::new() }
    }

    /// The figures; `None` where there is no memory cgroup.
    ///
    /// # Errors
    /// If one of the files exists and cannot be read now: no figure is derived from a part of them.
    pub fn read(&mut self, files: &mut dyn Files) -> io::Result<Option<Container>> {
        let Some(membership) = files.find(&self.root.join("proc/self/cgroup"))? else {
            return Ok(None);
        };
        if self.membership != membership {
            self.membership.clear();
            if self.look_up(files, &membership)?.is_none() {
                return Ok(None);
            }
            self.membership = membership;
        }
        let mut tightest: Option<Container> = None;
        for level in &self.levels {
            let limit = level.limit(files)?.filter(|&limit| limit < self.ceiling);
            if limit.is_some()
                && let Some(container) = level.read(files, limit)?
                && tightest.as_ref().is_none_or(|least| container.room() < least.room())
            {
                tightest = Some(container);
            }
        }
        if tightest.is_some() {
            return Ok(tightest);
        }
        // Without any limit only the first level that has figures is read: `memory.stat` costs the kernel a walk.
        for level in &self.levels {
            if let Some(container) = level.read(files, None)? {
                return Ok(Some(container));
            }
        }
        Ok(None)
    }

    /// The kills in the process' own cgroup, once the figures were read.
    pub fn oom_kills(&self, files: &mut dyn Files) -> Option<OomKills> {
        let level = self.levels.first()?;
        let file = match level.version {
            Version::V1 => "memory.oom_control",
            Version::V2 => "memory.events",
        };
        let text = level.text(files, file).ok()??;
        let count = text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())?;
        let boot = files.find(&self.root.join("proc/sys/kernel/random/boot_id")).ok()?;
        let boot = boot.unwrap_or_default();
        Some(OomKills { group: format!("{}:{}", boot.trim(), inode(&level.dir)?), count })
    }

    fn look_up(&mut self, files: &mut dyn Files, membership: &str) -> io::Result<Option<()>> {
        let Some(mounts) = files.find(&self.root.join("proc/self/mountinfo"))? else {
            return Ok(None);
        };
        let machine = files.find(&self.root.join("proc/meminfo"))?;
        // Both versions report "no limit" as more than the machine has, in several spellings.
        self.ceiling = machine.as_deref().and_then(machine_total).unwrap_or(1 << 60);
        // In a hybrid setup the memory controller is in v1 and the v2 tree is empty: v1 first.
        let found = levels(&self.root, membership, &mounts, Version::V1)
            .or_else(|| levels(&self.root, membership, &mounts, Version::V2));
        Ok(found.map(|levels| self.levels = levels))
    }
}

#[cfg(unix)]
fn inode(dir: &Path) -> Option<u64> {
    std::fs::metadata(dir).ok().map(|metadata| std::os::unix::fs::MetadataExt::ino(&metadata))
}

#[cfg(not(unix))]
fn inode(_: &Path) -> Option<u64> {
    None
}

fn machine_total(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[derive(Debug)]
struct Level {
    version: Version,
    dir: PathBuf,
}

/// The directories from the process' own cgroup up to the mount point.
fn levels(root: &Path, membership: &str, mounts: &str, version: Version) -> Option<Vec<Level>> {
    let path = membership.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
        let found = match version {
            Version::V1 => controllers.split(',').any(|c| c == "memory"),
            Version::V2 => id == "0" && controllers.is_empty(),
        };
        found.then_some(path)
    })?;
    let (mount_root, mount_point) = mounts.lines().find_map(|line| mount(line, version))?;
    // Inside a container without a cgroup namespace the mount shows a subtree of the host's path.
    let inside = path.strip_prefix(mount_root.trim_end_matches('/')).unwrap_or(path);
    let top = root.join(mount_point.trim_start_matches('/'));
    let mut dir = top.join(inside.trim_start_matches('/'));
    while !dir.is_dir() && dir != top {
        // The path of another namespace: what is visible starts further up.
        dir.pop();
    }
    let mut levels = Vec::new();
    loop {
        levels.push(Level { version, dir: dir.clone() });
        if dir == top || !dir.pop() {
            break;
        }
    }
    Some(levels)
}

/// Root and mount point of a mountinfo line, if it mounts the hierarchy (proc_pid_mountinfo(5)).
fn mount(line: &str, version: Version) -> Option<(&str, &str)> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ').skip(3);
    let (mount_root, mount_point) = (head.next()?, head.next()?);
    let mut tail = tail.split(' ');
    let (kind, options) = (tail.next()?, tail.nth(1)?);
    let found = match version {
        Version::V1 => kind == "cgroup" && options.split(',').any(|o| o == "memory"),
        Version::V2 => kind == "cgroup2",
    };
    found.then_some((mount_root, mount_point))
}

impl Level {
    fn limit(&self, files: &mut dyn Files) -> io::Result<Option<u64>> {
        let file = match self.version {
            Version::V1 => "memory.limit_in_bytes",
            Version::V2 => "memory.max",
        };
        self.number(files, file)
    }

    fn read(&self, files: &mut dyn Files, limit: Option<u64>) -> io::Result<Option<Container>> {
        let (usage, inactive) = match self.version {
            Version::V1 => ("memory.usage_in_bytes", "total_inactive_file"),
            Version::V2 => ("memory.current", "inactive_file"),
        };
        // The root of v2 has no such files: it is not a level of ours, and no error.
        let Some(usage) = self.number(files, usage)? else { return Ok(None) };
        let stat = self.text(files, "memory.stat")?.unwrap_or_default();
        let reclaimable = stat
            .lines()
            .find_map(|line| line.strip_prefix(inactive)?.strip_prefix(' ')?.trim().parse().ok())
            .unwrap_or(0);
        let group = self.text(files, "memory.oom.group")?;
        Ok(Some(Container {
            version: self.version,
            limit,
            usage,
            reclaimable,
            oom_group: group.is_some_and(|text| text.trim() == "1"),
        }))
    }

    fn text(&self, files: &mut dyn Files, file: &str) -> io::Result<Option<String>> {
        files.find(&self.dir.join(file))
    }

    /// "max", and anything else that is no number, is `None`.
    fn number(&self, files: &mut dyn Files, file: &str) -> io::Result<Option<u64>> {
        Ok(self.text(files, file)?.and_then(|text| text.trim().parse().ok()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::os::pseudo_file::testing::Failing;
    use std::fs;
    use std::sync::atomic::Ordering::Relaxed;

    struct Fixture(PathBuf);

    impl Fixture {
        fn new(name: &str, files: &[(&str, &str)]) -> Self {
            let dir =
                std::env::temp_dir().join(format!("plimsoll-cgroup-{}-{name}", std::process::id()));
            for (path, text) in files {
                let path = dir.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
            Self(dir)
        }
    }

    impl Drop for Fixture {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    const MEMINFO: (&str, &str) = ("proc/meminfo", "MemTotal: 8388608 kB\n");

    #[test]
    fn v2_takes_the_level_with_the_least_room() {
        let fixture = Fixture::new(
            "v2",
            &[
                MEMINFO,
                ("proc/self/cgroup", "0::/kube/pod/app\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
                ("sys/fs/cgroup/kube/pod/memory.max", "1000000\n"),
                ("sys/fs/cgroup/kube/pod/memory.current", "900000\n"),
                ("sys/fs/cgroup/kube/pod/memory.stat", "anon 5\ninactive_file 300000\n"),
                ("sys/fs/cgroup/kube/pod/memory.oom.group", "1\n"),
                ("sys/fs/cgroup/kube/pod/app/memory.max", "max\n"),
                ("sys/fs/cgroup/kube/pod/app/memory.current", "800000\n"),
            ],
        );
        let container = CgroupReader::below(&fixture.0).read(&mut System).unwrap().unwrap();
        assert_eq!(container.version, Version::V2);
        assert_eq!(container.limit, Some(1_000_000));
        assert_eq!(container.usage, 900_000);
        assert_eq!(container.room(), Some(400_000));
        assert!(container.oom_group);
    }

    #[test]
    fn v1_in_a_container_without_a_cgroup_namespace() {
        let fixture = Fixture::new(
            "v1",
            &[
                MEMINFO,
                ("proc/self/cgroup", "5:cpu,cpuacct:/x\n4:memory:/docker/abc\n0::/\n"),
                (
                    "proc/self/mountinfo",
                    "31 23 0:27 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu\n\
                     33 23 0:29 /docker/abc /sys/fs/cgroup/memory ro master:9 - cgroup cgroup rw,memory\n",
                ),
                ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n"),
                ("sys/fs/cgroup/memory/memory.usage_in_bytes", "100\n"),
                ("sys/fs/cgroup/memory/memory.stat", "total_inactive_file 40\ninactive_file 1\n"),
            ],
        );
        let container = CgroupReader::below(&fixture.0).read(&mut System).unwrap().unwrap();
        assert_eq!((container.version, container.limit), (Version::V1, Some(512 << 20)));
        assert_eq!(container.reclaimable, 40);
        assert!(!container.oom_group);
    }

    #[test]
    fn kills_are_counted_in_the_cgroup_of_the_process() {
        let mounts = [
            ("2", "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n", "0::/app\n"),
            ("1", "30 23 0:26 / /sys/fs/cgroup rw - cgroup cgroup rw,memory\n", "4:memory:/app\n"),
        ];
        for (version, mount, membership) in mounts {
            let fixture = Fixture::new(
                &format!("kills-{version}"),
                &[
                    MEMINFO,
                    ("proc/self/cgroup", membership),
                    ("proc/self/mountinfo", mount),
                    ("proc/sys/kernel/random/boot_id", "b00t\n"),
                    (
                        "sys/fs/cgroup/app/memory.events",
                        "low 0\noom 4\noom_kill 3\noom_group_kill 1\n",
                    ),
                    ("sys/fs/cgroup/app/memory.oom_control", "under_oom 0\noom_kill 3\n"),
                    ("sys/fs/cgroup/memory.events", "oom_kill 9\n"),
                    ("sys/fs/cgroup/memory.oom_control", "oom_kill 9\n"),
                ],
            );
            let mut reader = CgroupReader::below(&fixture.0);
            assert_eq!(reader.oom_kills(&mut System), None, "the cgroup is not known so far");
            reader.read(&mut System).unwrap();
            let kills = reader.oom_kills(&mut System).unwrap();
            assert_eq!(kills.count, 3);
            assert!(kills.group.starts_with("b00t:"), "{}", kills.group);
        }
    }

    #[test]
    fn no_limit_in_every_spelling() {
        for (limit, name) in [
            ("9223372036854771712", "page-counter-max"),
            ("18446744073709551615", "u64-max"),
            ("8589934592", "the machine"),
            ("-1", "negative"),
        ] {
            let fixture = Fixture::new(
                name,
                &[
                    MEMINFO,
                    ("proc/self/cgroup", "4:memory:/\n"),
                    ("proc/self/mountinfo", "33 23 0:29 / /cg rw - cgroup cgroup rw,memory\n"),
                    ("cg/memory.limit_in_bytes", limit),
                    ("cg/memory.usage_in_bytes", "1000"),
                ],
            );
            let container = CgroupReader::below(&fixture.0).read(&mut System).unwrap().unwrap();
            assert_eq!((container.limit, container.room()), (None, None), "{name}");
        }
    }

    #[test]
    fn a_path_of_another_namespace_falls_back_to_what_is_visible() {
        let fixture = Fixture::new(
            "namespace",
            &[
                MEMINFO,
                ("proc/self/cgroup", "0::/../../elsewhere\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"),
                ("cg/memory.max", "4096\n"),
                ("cg/memory.current", "1\n"),
            ],
        );
        assert_eq!(
            CgroupReader::below(&fixture.0).read(&mut System).unwrap().unwrap().limit,
            Some(4096)
        );
    }

    #[test]
    fn a_process_that_was_moved_is_followed() {
        let fixture = Fixture::new(
            "moved",
            &[
                MEMINFO,
                ("proc/self/cgroup", "0::/a\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"),
                ("cg/a/memory.max", "4096\n"),
                ("cg/a/memory.current", "1\n"),
                ("cg/b/memory.max", "8192\n"),
                ("cg/b/memory.current", "2\n"),
            ],
        );
        let mut reader = CgroupReader::below(&fixture.0);
        assert_eq!(reader.read(&mut System).unwrap().unwrap().limit, Some(4096));
        fs::write(fixture.0.join("cg/a/memory.max"), "5000\n").unwrap();
        assert_eq!(
            reader.read(&mut System).unwrap().unwrap().limit,
            Some(5000),
            "a limit that changes is seen"
        );
        fs::write(fixture.0.join("proc/self/cgroup"), "0::/b\n").unwrap();
        assert_eq!(reader.read(&mut System).unwrap().unwrap().limit, Some(8192));
    }

    #[test]
    fn nothing_to_read_is_none() {
        let fixture = Fixture::new("empty", &[MEMINFO, ("proc/self/cgroup", "0::/\n")]);
        assert_eq!(CgroupReader::below(&fixture.0).read(&mut System).unwrap(), None);
    }

    #[test]
    fn a_read_that_fails_gives_an_error_or_the_true_figures() {
        let fixture = Fixture::new(
            "failing",
            &[
                MEMINFO,
                ("proc/self/cgroup", "0::/pod/app\n"),
                ("proc/self/mountinfo", "30 23 0:26 / /cg rw - cgroup2 cgroup2 rw\n"),
                ("cg/pod/memory.max", "1000000\n"),
                ("cg/pod/memory.current", "900000\n"),
                ("cg/pod/memory.stat", "inactive_file 300000\n"),
                ("cg/pod/memory.oom.group", "1\n"),
                ("cg/pod/app/memory.max", "2000000\n"),
                ("cg/pod/app/memory.current", "1\n"),
                ("cg/pod/app/memory.stat", "inactive_file 0\n"),
            ],
        );
        let mut counting = Failing::default();
        let truth = CgroupReader::below(&fixture.0).read(&mut counting).unwrap().unwrap();
        let reads = counting.reads.load(Relaxed);
        assert!(reads > 8, "{reads}");
        for first in 0..reads {
            let mut reader = CgroupReader::below(&fixture.0);
            let mut files = Failing { failing: first..first + 1, ..Failing::default() };
            let failed = reader.read(&mut files);
            assert_eq!(failed.unwrap_err().raw_os_error(), Some(24), "read {first}");
            assert_eq!(reader.read(&mut files).unwrap(), Some(truth.clone()), "after {first}");
        }
    }
}
