//! Names that V8's heap snapshots have and an image has not, by version. `scripts/v8-names.js` writes them.

use super::decode::{ImageHeap, target};
use super::layout::ObjectShape;

/// Each version is written as the difference to the one before.
const BUILTINS: &str = include_str!("known/builtins.txt");
const NATIVE_CONTEXT: &str = include_str!("known/native_context.txt");

/// The first field of a native context that has a name of these.
const FIRST_FIELD: u64 = 3;

/// The names of builtins, in the order of their numbers.
pub fn builtins(v8: (u32, u32)) -> Vec<&'static str> {
    of(BUILTINS, v8)
}

/// The fields of a native context, each with its name.
pub fn native_context(v8: (u32, u32)) -> impl Iterator<Item = (u64, &'static str)> {
    (FIRST_FIELD..).zip(of(NATIVE_CONTEXT, v8))
}

/// Addresses and names of the code of builtins. The isolate has a table of all of it; without a table of as many
/// references to code as the version has builtins there are no names.
pub fn code_of_builtins(heap: &ImageHeap<'_>) -> Vec<(u64, &'static str)> {
    let names = builtins(heap.pages.layout.v8);
    let mut table: Vec<u64> = Vec::new();
    for &word in heap.pages.isolate.iter().chain([&0]) {
        let code = target(word).and_then(|at| heap.object(at));
        match code.filter(|code| code.shape == ObjectShape::Code) {
            Some(code) => table.push(code.at),
            None if table.len() == names.len() => return table.into_iter().zip(names).collect(),
            None => table.clear(),
        }
    }
    Vec::new()
}

/// The names of a version: a line is one, or `=from count` names of the version before.
fn of(file: &'static str, v8: (u32, u32)) -> Vec<&'static str> {
    let wanted = format!("{}.{}", v8.0, v8.1);
    let (mut before, mut names) = (Vec::new(), Vec::new());
    let mut version = "";
    for line in file.lines() {
        if let Some(next) = line.strip_prefix("# ") {
            if version == wanted {
                break;
            }
            version = next;
            before = std::mem::take(&mut names);
        } else if let Some(run) = line.strip_prefix('=') {
            let mut numbers = run.split(' ').filter_map(|number| number.parse::<usize>().ok());
            if let (Some(from), Some(count)) = (numbers.next(), numbers.next()) {
                names.extend(before.iter().skip(from).take(count));
            }
        } else {
            names.push(line);
        }
    }
    if version == wanted { names } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::heap_layout::LAYOUTS;

    #[test]
    fn each_version_has_its_names() {
        let counts = |v8| (builtins(v8).len(), native_context(v8).count());
        let all: Vec<_> = LAYOUTS.iter().map(|layout| counts(layout.v8)).collect();
        assert_eq!(all, [(2182, 276), (2304, 283), (2384, 298), (2415, 302)]);
        assert_eq!(counts((99, 1)), (0, 0));
        for layout in LAYOUTS {
            let names = builtins(layout.v8);
            assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
            assert!(names.iter().all(|name| name.is_ascii() && !name.contains([' ', '='])));
            assert_eq!(names[0], "DeoptimizationEntry_Eager");
            let first = native_context(layout.v8).next();
            assert_eq!(first, Some((3, "global_proxy_object")));
        }
    }

    #[test]
    fn runs_are_of_the_version_before() {
        let file = "# 1.0\na\nb\nc\n# 1.1\n=1 2\nd\n=0 1\n# 1.2\n=2 9\n";
        assert_eq!(of(file, (1, 0)), ["a", "b", "c"]);
        assert_eq!(of(file, (1, 1)), ["b", "c", "d", "a"]);
        assert_eq!(of(file, (1, 2)), ["d", "a"]);
        assert!(of(file, (1, 3)).is_empty());
    }
}
