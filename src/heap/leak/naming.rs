//! From a growth to a suspect: the rules find the cause, then name, place and advice.

use crate::heap::compare::attribution::Claim;
use crate::heap::explain::code_index::{CodeIndex, Function};
use crate::heap::explain::instance::{self, Instance};
use crate::heap::explain::modules::Loading;
use crate::heap::explain::names;
use crate::heap::explain::retaining_path::{self, PathStep};
use crate::heap::explain::route::RouteStep;
use crate::heap::explain::sites::{self, Seek, Site};
use crate::heap::leak::advice::{self, Use};
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::count::Count;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::rule::About;
use crate::heap::leak::rules::{self, RULES, timers};
use crate::heap::leak::suspect::{Adder, Suspect};
use crate::heap::snapshot::Node;
use crate::js_source::files::{self, Place};
use crate::js_source::lexer;

/// Growths that are named at all: the rest is small beside them.
pub(in crate::heap) const MAX_GROWTHS: usize = 64;

/// Names what grew; none where nothing can be said of it, or where it is no leak.
pub(in crate::heap) fn suspect(evidence: &mut Evidence, gained: Count) -> Option<Suspect> {
    if evidence.loading == Some(Loading::Once) {
        return None;
    }
    timers::extend_way(evidence, &gained);
    let index = evidence.index();
    if is_ours(index, &evidence.steps) {
        return None;
    }
    let finding = rules::find(evidence);
    let subject = finding.subject;
    let named = names::name(index, &evidence.steps[..subject]);
    let mut draft = Draft::new(finding, named, gained);
    RULES.iter().for_each(|rule| rule.replace_subject(evidence, &mut draft));
    draft.sites = sites::sites(&evidence.context, seek(draft.cause), evidence.sample());
    RULES.iter().for_each(|rule| rule.detail(evidence, &mut draft));
    if evidence.is_root() && draft.cause == Cause::Other && draft.detail != Detail::Open {
        return None;
    }
    // The source that has the place may not be there. The file is known all the same.
    if draft.place.is_none() {
        let file = names::file_on_way(index, &evidence.steps[..subject]);
        draft.file = file.filter(|file| !index.sources.has(file));
    }
    // Where Node itself retains it, what the program gave to Node is the place to look at.
    if let Some((function, _)) = draft.sites.first()
        && (draft.file().is_none() || draft.is_in_node())
    {
        draft.place = Some(function.place.clone());
    }
    if draft.name.is_empty() && draft.place.is_none() {
        return None;
    }
    let readable = evidence.snapshot().readable();
    draft.package = draft.file().and_then(|file| files::package_of(file, readable));
    RULES.iter().for_each(|rule| rule.in_package(&mut draft));
    Some(finish(draft, evidence))
}

/// Whether plimsoll's own modules hold it. What another module exports is that module's: `require.cache` leads from
/// each module to all of them.
fn is_ours(index: &CodeIndex, steps: &[RouteStep]) -> bool {
    let first = retaining_path::from_module(index, steps).first();
    first.is_some_and(|&RouteStep { from, .. }| match names::file_of_module(index, from) {
        Some(file) => index.is_our_file(&file),
        None => index.is_our_context(from),
    })
}

/// What leads to the code of the new objects.
fn seek(cause: Cause) -> Seek {
    Seek {
        // A function's own position says more than what its variables hold.
        through_contexts: matches!(cause, Cause::Promises | Cause::Closure),
        constructors: matches!(cause, Cause::Map | Cause::Set | Cause::Object | Cause::Array),
    }
}

/// What of it is the application's: the function that most of what is new leads to, or else the last variable of the
/// application on the route.
fn used(index: &CodeIndex, sites: &[(Function, f64)], steps: &[RouteStep]) -> Option<Use> {
    let is_own = |place: &Place| files::is_application(&place.file);
    let at = |place: &Place| format!("{}:{}", names::short(&place.file), place.line);
    if let Some((Function { name, place, .. }, _)) =
        sites.first().filter(|site| is_own(&site.0.place))
    {
        let named = if name.is_empty() { at(place) } else { format!("{name} ({})", at(place)) };
        return Some(Use::Adds(named));
    }
    let own = |step| names::variable(index, step).filter(|(_, place)| is_own(place));
    let (name, place) = steps.iter().rev().find_map(own)?;
    Some(Use::Holds(format!("`{name}` ({})", at(&place))))
}

/// The path to the thing that is named, and from there through what grew to a typical instance.
fn retained(mut path: Vec<PathStep>, evidence: &Evidence) -> (Vec<PathStep>, Option<Instance>) {
    let (index, steps) = (evidence.index(), &evidence.steps);
    let is_last = |node: Node| path.last().is_some_and(|last| last.id == index.snapshot.id(node));
    // What is named may stand before what grew: the emitter of a listener's array.
    let rest = match steps.iter().rposition(|step| is_last(step.edge.to)) {
        Some(at) => &steps[at + 1..],
        None => &[],
    };
    let above = path.last().map(|last| last.name.clone());
    path.extend(retaining_path::below(index, rest, above));
    match instance::typical(&evidence.context, evidence.thing(), evidence.sample()) {
        Some((steps, instance)) => {
            path.extend(steps);
            (path, Some(instance))
        }
        None => (path, None),
    }
}

/// The one function that adds to a collection or a text, in the file that declares it.
fn adder(draft: &Draft, evidence: &Evidence) -> Option<Adder> {
    let collections =
        [Cause::Map, Cause::Set, Cause::Object, Cause::Array, Cause::Buffers, Cause::Other];
    let place = draft.place.as_ref().filter(|_| collections.contains(&draft.cause))?;
    let name = match &draft.exported_as {
        Some(name) => name,
        None => draft.name.rsplit('.').next()?,
    };
    let is_name = name.bytes().all(|byte| lexer::is_part(byte) || byte == b'#') && !name.is_empty();
    let sources = &evidence.index().sources;
    let (function, at) = is_name.then(|| sources.adding_function(&place.file, name))??;
    Some(Adder { function, file: at.file, line: at.line, column: at.column })
}

fn finish(draft: Draft, evidence: &Evidence) -> Suspect {
    let used = || used(evidence.index(), &draft.sites, &evidence.steps);
    let about = About {
        detail: draft.detail,
        event: draft.event.as_deref(),
        captured: draft.captured.as_deref(),
    };
    let package = draft.package.as_ref().map(|package| (package, used()));
    let own = rules::advice(draft.cause, &about);
    let advice = advice::advice(draft.cause, draft.detail, own, package);
    let site = |(function, share): (Function, f64)| Site {
        function: function.name,
        file: function.place.file,
        line: function.place.line,
        column: function.place.column,
        share,
    };
    let adder = adder(&draft, evidence);
    let file = draft.file().map(str::to_owned);
    let (retaining_path, instance) = retained(draft.objects, evidence);
    let mut suspect = Suspect {
        adder,
        retaining_path,
        instance,
        cause: draft.cause,
        advice,
        delay: draft.delay,
        handles: 0,
        name: draft.name,
        file,
        line: draft.place.as_ref().map(|place| place.line),
        column: draft.place.as_ref().map(|place| place.column),
        proven: false,
        bytes: 0,
        count: draft.gained.number,
        unit: draft.unit,
        growth: Vec::new(),
        retained: Vec::new(),
        native_bytes: None,
        registered: false,
        ids: Vec::new(),
        is_other_end: draft.detail == Detail::Accepted,
        is_added_by_node: draft.detail == Detail::AddedByNode,
        path: draft.path,
        holder: draft.holder,
        captured: draft.captured,
        package: draft.package,
        cache: draft.cache,
        sites: draft.sites.into_iter().map(site).collect(),
        weight: evidence.growth.grown(),
        claim: Claim::of(evidence.growth),
    };
    suspect.measure(evidence.growth.bytes.clone());
    suspect
}

#[cfg(test)]
mod tests {
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::causes::Cause;
    use crate::heap::leak::rules::testing::{ids, suspect};

    /// A collection in a variable of a file, whose items are of a class of another file.
    fn list(class: &str) -> Graph {
        let mut graph = module();
        graph.in_file("/srv/app.js", 7);
        let script = graph.script("/srv/jobs.js");
        let list = graph.variable("jobs", class, 11);
        for job in graph.elements(list, "Job", 1001, 20) {
            graph.locate(job, script, 41);
        }
        graph
    }

    #[test]
    fn the_retaining_path_goes_on_to_a_typical_object_of_what_is_new() {
        let found = suspect(&list("Array"), 11, &ids(1001, 20)).unwrap();
        let instance = found.instance.unwrap();
        assert_eq!((instance.class.as_str(), instance.shallow), ("Job", 64));
        let path: Vec<_> = found.retaining_path.iter().map(|step| step.class.as_str()).collect();
        assert_eq!(path[path.len() - 2..], ["Array", "Job"]);
        let names: Vec<_> = found.retaining_path.iter().map(|step| step.name.as_str()).collect();
        assert_eq!(names.iter().filter(|name| **name == "jobs").count(), 1, "{names:?}");
    }

    #[test]
    fn the_class_of_what_a_collection_has_is_a_site() {
        let found = suspect(&list("Array"), 11, &ids(1001, 20)).unwrap();
        let [site] = &found.sites[..] else { panic!("{:?}", found.sites) };
        assert_eq!((site.file.as_str(), site.line, site.share), ("/srv/jobs.js", 42, 1.0));
    }

    #[test]
    fn the_code_of_a_scopes_variable_is_a_site_of_functions_alone() {
        let with = |top: &'static str| {
            let mut graph = module();
            graph.in_file("/srv/app.js", 7);
            let script = graph.script("/srv/hooks.js");
            let list = graph.variable("hooks", "Array", 11);
            for at in 0..20 {
                let id = |part: u32| 1001 + 100 * at + part;
                let item = graph.node(top, "hook", id(0), 64);
                graph.edge(list, "element", &at.to_string(), item);
                let scope = graph.node("object", "system / Context", id(2), 40);
                graph.edge(item, "internal", "context", scope);
                let body = graph.node("string", "body", id(4), 10_000);
                graph.edge(scope, "context", "body", body);
                let callback = graph.function_in(script, "made", id(6), 12);
                graph.edge(scope, "context", "callback", callback);
            }
            let found = suspect(&graph, 11, &ids(1001, 20)).unwrap();
            (found.cause, found.sites.len())
        };
        assert_eq!(with("closure"), (Cause::Closure, 1));
        assert_eq!(with("object"), (Cause::Array, 0));
    }

    #[test]
    fn what_plimsoll_itself_keeps_is_no_suspect() {
        let of = |file: &str| {
            let mut graph = module();
            graph.script("/srv/node_modules/plimsoll/lib/native.js");
            graph.script("/srv/node_modules/plimsoll/lib/watch/watcher.js");
            graph.in_file(file, 7);
            let list = graph.variable("records", "Array", 11);
            graph.elements(list, "Record", 1001, 20);
            suspect(&graph, 11, &ids(1001, 20)).is_some()
        };
        assert!(!of("/srv/node_modules/plimsoll/lib/watch/watcher.js"));
        assert!(!of("/srv/node_modules/plimsoll/lib/track/timers.js"));
        assert!(of("/srv/app.js"));
        assert!(of("/srv/node_modules/plimsoll/lib/cache/shared-cache.js"), "the program opens it");
    }

    #[test]
    fn what_a_module_of_the_program_loads_again_is_its_own_though_our_require_leads_to_it() {
        let of = |file: &str| {
            let mut graph = module();
            graph.script("/srv/node_modules/plimsoll/lib/native.js");
            graph.script("/srv/node_modules/plimsoll/lib/watch/watcher.js");
            graph.in_file("/srv/node_modules/plimsoll/lib/native.js", 7);
            let require = graph.variable("require", "Function", 11);
            let cache = graph.member(require, "cache", "Object", 13);
            let views = graph.member(cache, file, "Module", 15);
            let loader = graph.script("node:internal/modules/cjs/loader");
            graph.locate(views, loader, 1);
            graph.member(views, "exports", "Object", 17);
            let name = graph.node("string", file, 19, 32);
            graph.edge(views, "property", "filename", name);
            let children = graph.member(views, "children", "Array", 21);
            graph.elements(children, "Module", 1001, 20);
            suspect(&graph, 21, &ids(1001, 20)).map(|found| found.path.join(" > "))
        };
        assert_eq!(of("/srv/views.js").as_deref(), Some("module views.js > children"));
        assert_eq!(of("/srv/node_modules/plimsoll/lib/watch/watcher.js"), None);
    }
}
