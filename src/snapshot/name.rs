//! File names as Node gives them: `Heap.YYYYMMDD.HHMMSS.pid.thread.seq.heapsnapshot`
//! (node, `src/util.cc`, `DiagnosticFilename`), local time.

use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::os::system;

/// How the file is packed, which its name ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum Compression {
    /// Plain JSON.
    #[default]
    None,
    /// `.gz`
    Gzip,
    /// `.zst`
    Zstd,
    /// `.heapimage`: a heap image, which has its own packing.
    Image,
}

const ALL: [Compression; 4] =
    [Compression::None, Compression::Gzip, Compression::Zstd, Compression::Image];

impl Compression {
    /// What the names of files end with.
    pub(super) fn suffix(self) -> &'static str {
        match self {
            Self::None => ".heapsnapshot",
            Self::Gzip => ".heapsnapshot.gz",
            Self::Zstd => ".heapsnapshot.zst",
            Self::Image => ".heapimage",
        }
    }
}

/// What a file that is not finished ends with.
pub const PARTIAL: &str = ".partial";

/// The name of a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Name {
    /// `YYYYMMDD`
    pub date: u32,
    /// `HHMMSS`
    pub time: u32,
    /// The process.
    pub pid: u32,
    /// The thread as Node counts them: 0 is the main one.
    pub thread: u32,
    /// Counts the snapshots of the process from 1.
    pub seq: u32,
    /// How the file is packed.
    pub compression: Compression,
}

impl Name {
    /// The name of a snapshot that this process takes at `now`.
    #[must_use]
    pub fn new(now: SystemTime, thread: u32, seq: u32, compression: Compression) -> Self {
        let (date, time) = local(now);
        Self { date, time, pid: system::pid(), thread, seq, compression }
    }

    /// Reads a name, with or without `.partial`; `None` for any other file.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let name = name.strip_suffix(PARTIAL).unwrap_or(name);
        let (stem, compression) =
            ALL.into_iter().find_map(|c| Some((name.strip_suffix(c.suffix())?, c)))?;
        let mut fields = stem.strip_prefix("Heap.")?.split('.');
        let mut number = |digits: std::ops::RangeInclusive<usize>| {
            let field = fields.next()?;
            let valid = digits.contains(&field.len()) && field.bytes().all(|b| b.is_ascii_digit());
            valid.then(|| field.parse::<u32>().ok())?
        };
        let parsed = Self {
            date: number(8..=8)?,
            time: number(6..=6)?,
            pid: number(1..=10)?,
            thread: number(1..=10)?,
            seq: number(3..=10)?,
            compression,
        };
        // What does not print as it was read is not ours: leading zeroes, a sixth field.
        (parsed.to_string() == name).then_some(parsed)
    }

    /// The name while the file is being written.
    #[must_use]
    pub fn partial(&self) -> String {
        format!("{self}{PARTIAL}")
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { date, time, pid, thread, seq, compression } = self;
        let suffix = compression.suffix();
        write!(f, "Heap.{date:08}.{time:06}.{pid}.{thread}.{seq:03}{suffix}")
    }
}

/// Date and time of day in the local time zone, UTC where that is unknown.
fn local(now: SystemTime) -> (u32, u32) {
    let seconds = now.duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    #[cfg(unix)]
    {
        let clock = libc::time_t::try_from(seconds).unwrap_or(0);
        // SAFETY: tm is plain data, for which all zeroes is a value.
        let mut parts: libc::tm = unsafe { std::mem::zeroed() };
        // SAFETY: both pointers are to locals that outlive the call.
        if !unsafe { libc::localtime_r(&raw const clock, &raw mut parts) }.is_null() {
            let field = |value: i32| u32::try_from(value).unwrap_or(0);
            return (
                field(parts.tm_year + 1900) * 10_000
                    + field(parts.tm_mon + 1) * 100
                    + field(parts.tm_mday),
                field(parts.tm_hour) * 10_000 + field(parts.tm_min) * 100 + field(parts.tm_sec),
            );
        }
    }
    utc(seconds)
}

/// The civil calendar from days since the epoch (Hinnant, "chrono-compatible low-level date
/// algorithms", `civil_from_days`).
fn utc(seconds: u64) -> (u32, u32) {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    let number = |value: u64| u32::try_from(value).unwrap_or(0);
    (
        number(year * 10_000 + month * 100 + day),
        number(rest / 3600 * 10_000 + rest / 60 % 60 * 100 + rest % 60),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_nodes_own_names_and_nothing_else() {
        let name = Name::parse("Heap.20261121.081939.19211.0.003.heapsnapshot").unwrap();
        assert_eq!((name.date, name.time), (20_261_121, 81_939));
        assert_eq!((name.pid, name.thread, name.seq), (19_211, 0, 3));
        assert_eq!(Name::parse(&name.partial()), Some(name));
        for foreign in [
            "Heap.20261121.081939.19211.0.003.heapsnapshot.bak",
            "Heap.20261121.081939.19211.0.003.1.heapsnapshot",
            "Heap.20261121.081939.019211.0.003.heapsnapshot",
            "Heap.20261121.081939.19211.0.+03.heapsnapshot",
            "../Heap.20261121.081939.19211.0.003.heapsnapshot",
            "CPU.20261121.081939.19211.0.003.cpuprofile",
            "Heap.heapsnapshot",
            "",
        ] {
            assert_eq!(Name::parse(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn the_calendar() {
        assert_eq!(utc(0), (19_700_101, 0));
        assert_eq!(utc(3_723), (19_700_101, 10_203));
        assert_eq!(utc(951_782_399), (20_000_228, 235_959));
        assert_eq!(utc(951_782_400), (20_000_229, 0));
        assert_eq!(utc(1_795_248_000), (20_261_121, 80_000));
    }

    proptest! {
        #[test]
        fn names_read_back(date in 0u32..=99_999_999, time in 0u32..=999_999, pid: u32, thread: u32, seq: u32, packed in 0u8..4) {
            let compression = ALL[usize::from(packed)];
            let name = Name { date, time, pid, thread, seq, compression };
            prop_assert_eq!(Name::parse(&name.to_string()), Some(name));
        }

        #[test]
        fn no_text_panics(text in ".{0,80}") {
            let _ = Name::parse(&text);
        }
    }

    #[test]
    fn each_day_of_the_calendar_follows_the_day_before() {
        const LENGTHS: [u64; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let (mut year, mut month, mut day) = (1970u32, 1u32, 1u32);
        for days in 0..150_000 {
            assert_eq!(utc(days * 86_400 + 86_399).0, year * 10_000 + month * 100 + day);
            let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
            let last = LENGTHS[month as usize - 1] + u64::from(month == 2 && is_leap);
            day += 1;
            if u64::from(day) > last {
                (month, day) = (month + 1, 1);
            }
            if month > 12 {
                (year, month) = (year + 1, 1);
            }
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_name_has_the_local_time() {
        // Nepal's, which no table of time zones is needed for.
        let name = "snapshot::name::tests::a_name_has_the_local_time";
        if crate::snapshot::testing::is_alone(name, "export TZ=NPT-5:45") {
            let at = |seconds| local(UNIX_EPOCH + std::time::Duration::from_secs(seconds));
            assert_eq!(at(1_795_248_000), (20_261_121, 134_500));
            assert_eq!(at(1_795_248_000 + 10 * 3600 + 15 * 60 + 1), (20_261_122, 1));
            assert_eq!(at(1_798_696_799), (20_261_231, 114_459));
        }
    }
}
