//! When snapshots were taken, as far as their files' names tell: `Heap.20261121.081939.PID.THREAD.NUMBER.heapsnapshot`
//! as Node writes it, and `Heap-20261121T081939.heapsnapshot` as DevTools does, both in local time.

use std::path::Path;

/// Seconds from each to the next; empty where a name does not tell, or they are not in order.
pub(in crate::heap) fn intervals(paths: &[&Path]) -> Vec<u64> {
    let taken: Option<Vec<u64>> =
        paths.iter().map(|path| seconds(path.file_name()?.to_str()?)).collect();
    let taken = taken.unwrap_or_default();
    taken
        .windows(2)
        .map(|pair| pair[1].checked_sub(pair[0]))
        .collect::<Option<_>>()
        .unwrap_or_default()
}

/// For each file what its name tells of its place in time: seconds, and the number that Node counts the snapshots of a
/// process by.
pub(in crate::heap) fn keys(paths: &[&Path]) -> Vec<Option<(u64, u64)>> {
    let key = |path: &&Path| {
        let name = path.file_name()?.to_str()?;
        let number = numbers(name).map_or(0, |(_, number)| number);
        Some((seconds(name)?, number))
    };
    paths.iter().map(key).collect()
}

/// The processes that the files are of, by the names that have one.
pub(in crate::heap) fn processes(paths: &[&Path]) -> Vec<u64> {
    let process = |path: &&Path| Some(numbers(path.file_name()?.to_str()?)?.0);
    paths.iter().filter_map(process).collect()
}

/// The process and the number in a name of Node's.
fn numbers(name: &str) -> Option<(u64, u64)> {
    seconds(name)?;
    let mut parts = name.strip_prefix("Heap.")?.split('.').skip(2).map(|part| part.parse().ok());
    let (process, _, number) = (parts.next()??, parts.next()?, parts.next()??);
    Some((process, number))
}

/// Seconds since the beginning of year 0, for differences.
fn seconds(name: &str) -> Option<u64> {
    let stamp = name.strip_prefix("Heap")?.get(1..)?;
    let (date, time) = (stamp.get(..8)?, stamp.get(9..15)?);
    let two = |text: &str, at: usize| text.get(at..at + 2)?.parse::<u64>().ok();
    let year = date.get(..4)?.parse::<u64>().ok()?;
    let days = days(year, two(date, 4)?, two(date, 6)?);
    Some(((days * 24 + two(time, 0)?) * 60 + two(time, 2)?) * 60 + two(time, 4)?)
}

/// The day of a date of the Gregorian calendar, counted so that a year begins in March and ends with the leap day
/// (Hinnant, "chrono-compatible low-level date algorithms", `days_from_civil`).
fn days(year: u64, month: u64, day: u64) -> u64 {
    let year = year - u64::from(month <= 2 && year > 0);
    let since_march = (month + 9) % 12;
    year * 365 + year / 4 - year / 100 + year / 400 + (153 * since_march + 2) / 5 + day
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(names: &[&str]) -> Vec<u64> {
        intervals(&names.iter().map(Path::new).collect::<Vec<_>>())
    }

    #[test]
    fn names_of_node_and_of_devtools_tell_the_time() {
        let names = [
            "a/Heap.20261121.081939.19211.0.003.heapsnapshot",
            "b/Heap.20261121.082039.19211.0.004.heapsnapshot.gz",
            "Heap-20261122T082039.heapsnapshot",
        ];
        assert_eq!(between(&names), [60, 86_400]);
        let around = ["Heap.20240228.235959.1", "Heap.20240301.000000.1", "Heap.20250301.000000.1"];
        assert_eq!(between(&around), [86_401, 365 * 86_400]);
    }

    #[test]
    fn what_tells_no_time_is_unknown() {
        for odd in [
            "A.heapsnapshot",
            "Heap",
            "Heap.2026112é.081939",
            "Heap.20261121",
            "Heap.x0261121.081939",
            "-",
        ] {
            assert!(between(&[odd, "Heap.20261121.081939.1"]).is_empty(), "{odd}");
        }
        assert!(between(&["Heap.20261121.081940.1", "Heap.20261121.081939.1"]).is_empty());
    }
}
