//! What the new objects of a growth consist of, by their bytes.

use crate::heap::compare::entries;
use crate::heap::compare::replaced::TABLE;
use crate::heap::explain::blocks;
use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::context::GrowthContext;
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::Cause;
use crate::heap::snapshot::Node;

/// What the objects that are new consist of.
#[derive(Debug, Default)]
pub(super) struct Composition {
    pub bytes: u64,
    pub buffers: u64,
    pub contexts: u64,
    pub timers: u64,
    pub sockets: u64,
    pub streams: u64,
    pub promises: u64,
    pub agents: u64,
    pub resolvers: u64,
    /// Of the variables that are heaviest in their scopes.
    pub variables: u64,
    pub slices: u64,
    pub captured: Option<(u64, String)>,
}

impl Composition {
    /// Whether a part is more than half of the bytes.
    pub fn is_most(&self, part: u64) -> bool {
        part * 2 > self.bytes
    }

    pub fn of(context: &GrowthContext, thing: Node, sample: &[Node]) -> Self {
        let mut sum = Composition::default();
        // Every so many: a leak's items are alike, but the first may be warm-up.
        let stride = sample.len().div_ceil(256).max(1);
        for &top in sample.iter().step_by(stride) {
            sum.add(context, thing, top);
        }
        sum
    }

    fn add(&mut self, context: &GrowthContext, thing: Node, top: Node) {
        let index = context.index;
        let snapshot = index.snapshot;
        let bytes = snapshot.retained(top);
        self.bytes += bytes;
        let mut nodes = vec![top];
        let mut next = 0;
        let (mut buffers, mut contexts, mut settles) = (0, 0, false);
        while next < nodes.len() && next < 64 {
            let node = nodes[next];
            next += 1;
            settles |= next <= 8 && settles_a_promise(index, node);
            match snapshot.kind(node) {
                NodeKind::Native if snapshot.raw_name(node) == b"system / JSArrayBufferData" => {
                    buffers += snapshot.shallow(node);
                }
                NodeKind::SlicedString => {
                    self.slices += index
                        .internal(node, "parent")
                        .filter(|&whole| !context.survives(whole))
                        .map_or(0, |whole| snapshot.shallow(whole));
                }
                // Of a variable's own value the scopes of its methods count too.
                NodeKind::Closure if node == top || (top == thing && contexts == 0) => {
                    if let Some(scope) =
                        index.internal(node, "context").filter(|&scope| !context.survives(scope))
                    {
                        contexts = snapshot.retained(scope).min(bytes);
                        self.note_captured(index, scope);
                    }
                }
                // What an item has (a session its timer) is not what it is; a connection is, whatever wraps it.
                NodeKind::Object if next <= 4 => match kind_of(index, node) {
                    Some(Kind::Socket) => return self.sockets += bytes,
                    Some(Kind::Agent) => {
                        self.agents += bytes;
                        return self.sockets += bytes;
                    }
                    Some(Kind::Timer) if node == top => return self.timers += bytes,
                    Some(Kind::Promise) if node == top => return self.promises += bytes,
                    Some(Kind::Stream) if node == top => return self.streams += bytes,
                    // A request or a response has a connection, but the exchange is what is retained.
                    Some(Kind::Message) => return,
                    _ => {}
                },
                NodeKind::Hidden
                    if node == top && snapshot.raw_name(node) == b"system / PromiseReaction" =>
                {
                    return self.promises += bytes;
                }
                _ => {}
            }
            for edge in snapshot.edges(node) {
                let is_own = matches!(
                    edge.kind,
                    EdgeKind::Property | EdgeKind::Element | EdgeKind::Internal | EdgeKind::Context
                );
                if is_own
                    && !context.survives(edge.to)
                    && nodes.len() < 64
                    && !nodes.contains(&edge.to)
                {
                    nodes.push(edge.to);
                }
            }
        }
        self.buffers += buffers.min(bytes);
        self.contexts += contexts;
        self.resolvers += if settles { bytes } else { 0 };
    }

    fn note_captured(&mut self, index: &CodeIndex, context: Node) {
        let snapshot = index.snapshot;
        let heaviest = snapshot
            .edges(context)
            .filter(|edge| matches!(edge.kind, EdgeKind::Context | EdgeKind::Hidden))
            .max_by_key(|edge| snapshot.retained(edge.to));
        let Some(edge) = heaviest else { return };
        let name = match edge.kind {
            EdgeKind::Context => Some(snapshot.edge_name(&edge).into_owned()),
            _ => blocks::variable(index, context, &edge),
        };
        let bytes = snapshot.retained(edge.to);
        self.variables += bytes;
        if let Some(name) = name
            && self.captured.as_ref().is_none_or(|known| known.0 < bytes)
        {
            self.captured = Some((bytes, name));
        }
    }
}

/// Objects of Node's that say what an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Timer,
    Promise,
    Socket,
    Agent,
    Stream,
    Message,
}

/// A settled promise refers to its result, a pending one to what waits for it or to nothing.
fn is_pending(index: &CodeIndex, promise: Node) -> bool {
    index
        .internal(promise, "reactions_or_result")
        .is_none_or(|waits| index.snapshot.raw_name(waits) == b"system / PromiseReaction")
}

/// Whether it is one of the functions that `new Promise` gives to its executor: V8's own, in a scope that is the
/// promise's.
fn settles_a_promise(index: &CodeIndex, node: Node) -> bool {
    index.snapshot.kind(node) == NodeKind::Closure
        && index.snapshot.location(node).is_none()
        // A context of vm has all of V8's functions, and the class of promises.
        && index.internal(node, "context").filter(|&context| index.is_context(context)).is_some_and(|context| {
            index.snapshot.edges(context).any(|edge| {
                edge.kind != EdgeKind::Weak
                    && index.snapshot.raw_name(edge.to) == b"Promise"
                    && is_pending(index, edge.to)
            })
        })
}

fn kind_of(index: &CodeIndex, node: Node) -> Option<Kind> {
    let name = index.snapshot.raw_name(node);
    if name == b"Promise" {
        return is_pending(index, node).then_some(Kind::Promise);
    }
    let is_stream = ["_readableState", "_writableState"]
        .iter()
        .any(|state| index.property(node, state).is_some());
    match name {
        b"Socket"
        | b"TLSSocket"
        | b"Http2Session"
        | b"ClientHttp2Session"
        | b"ServerHttp2Session"
            if is_stream =>
        {
            Some(Kind::Socket)
        }
        b"IncomingMessage" | b"ServerResponse" | b"ClientRequest" | b"Http2ServerRequest" => {
            Some(Kind::Message)
        }
        b"Timeout" | b"Immediate" | b"TimersList" if index.is_internal_code(node) => {
            Some(Kind::Timer)
        }
        _ if is_agent(index, node) => Some(Kind::Agent),
        _ => is_stream.then_some(Kind::Stream),
    }
}

/// Whether it is an agent of Node's http or https.
pub(super) fn is_agent(index: &CodeIndex, node: Node) -> bool {
    ["freeSockets", "sockets", "maxFreeSockets"]
        .iter()
        .filter(|name| index.property(node, name).is_some())
        .count()
        >= 2
}

/// What the thing itself is.
pub(in crate::heap) fn container(index: &CodeIndex, thing: Node) -> Cause {
    let snapshot = index.snapshot;
    match snapshot.kind(thing) {
        // A function may be used as a table: `parse[text] ??= ...`.
        NodeKind::Closure if entries::count(snapshot, thing) >= TABLE => Cause::Object,
        NodeKind::Closure => Cause::Closure,
        NodeKind::Native if snapshot.raw_name(thing) == b"system / JSArrayBufferData" => {
            Cause::Buffers
        }
        NodeKind::WasmObject => Cause::Buffers,
        NodeKind::Object => match snapshot.raw_name(thing) {
            b"Array" | b"(array)" => Cause::Array,
            b"Map" => Cause::Map,
            b"Set" => Cause::Set,
            b"WeakMap" | b"WeakSet" | b"WeakRef" => Cause::Weak,
            b"Promise" => Cause::Promises,
            b"ArrayBuffer" | b"SharedArrayBuffer" | b"Buffer" | b"FastBuffer" | b"Memory"
            | b"DataView" => Cause::Buffers,
            name if name.starts_with(b"system / Context") => Cause::Closure,
            name if name.ends_with(b"Array") && index.internal(thing, "buffer").is_some() => {
                Cause::Buffers
            }
            // An instance of a class that extends a collection has the collection's table.
            _ if index.internal(thing, "table").is_some() => {
                match entries::stride(index.snapshot, thing) {
                    2 => Cause::Set,
                    _ => Cause::Map,
                }
            }
            _ if index.internal(thing, "backing_store").is_some() => Cause::Buffers,
            _ => Cause::Object,
        },
        _ => Cause::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::compare::survivors::Survivors;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{ids, of_growth};

    /// What the items of an array, each of 64 bytes and what `add` gives it, consist of. The numbers from the second
    /// argument on are free for ids.
    fn of(class: &str, count: u32, add: impl Fn(&mut Graph, usize, u32)) -> Composition {
        let mut graph = module();
        let node = graph.script("node:internal/all");
        assert_eq!(node, 2);
        let list = graph.variable("list", "Array", 11);
        for (at, item) in graph.elements(list, class, 1001, count).into_iter().enumerate() {
            add(&mut graph, item, 1002 + 100 * at as u32);
        }
        of_growth(&graph, 11, &ids(1001, count), |evidence| {
            Composition::of(&evidence.context, evidence.thing(), evidence.sample())
        })
    }

    fn native(graph: &mut Graph, of: usize, name: &str, id: u32, size: u64) {
        let data = graph.node("native", name, id, size);
        graph.edge(of, "internal", "backing_store", data);
    }

    #[test]
    fn the_bytes_are_what_the_items_retain() {
        let all = of("Item", 20, |graph, item, id| {
            graph.member(item, "part", "Part", id);
        });
        assert_eq!(all.bytes, 20 * (64 + 32));
        assert!(all.is_most(all.bytes / 2 + 1) && !all.is_most(all.bytes / 2));
        let many = of("Item", 600, |_, _, _| {});
        assert_eq!(many.bytes, 200 * 64, "every third of 600");
    }

    #[test]
    fn buffers_are_the_memory_of_array_buffers_and_of_nothing_else() {
        let buffers = |name: &str| {
            of("Item", 10, |graph, item, id| native(graph, item, name, id, 1000)).buffers
        };
        assert_eq!(buffers("system / JSArrayBufferData"), 10 * 1000);
        assert_eq!(buffers("system / Foreign"), 0);
    }

    #[test]
    fn a_timer_a_stream_or_a_promise_within_an_item_is_a_part_of_it() {
        let timers = |top: bool, file: u32| {
            let class = if top { "Timeout" } else { "Session" };
            let all = of(class, 10, |graph, item, id| {
                let timer = if top { item } else { graph.member(item, "timer", "Timeout", id) };
                graph.locate(timer, file, 1);
            });
            all.timers
        };
        assert_eq!((timers(true, 2), timers(false, 2), timers(true, 1)), (640, 0, 0));
        let streams = |top: bool| {
            let class = if top { "Readable" } else { "Session" };
            of(class, 10, |graph, item, id| {
                let stream = if top { item } else { graph.member(item, "body", "Readable", id) };
                graph.member(stream, "_readableState", "ReadableState", id + 1);
            })
            .streams
        };
        assert_eq!((streams(true), streams(false)), (10 * 96, 0));
        let promises = |top: bool, waits: &str| {
            let class = if top { "Promise" } else { "Session" };
            of(class, 10, |graph, item, id| {
                let promise = if top { item } else { graph.member(item, "done", "Promise", id) };
                let reaction = graph.node("object", waits, id + 1, 32);
                graph.edge(promise, "internal", "reactions_or_result", reaction);
            })
            .promises
        };
        let reaction = "system / PromiseReaction";
        assert_eq!((promises(true, reaction), promises(false, reaction)), (10 * 96, 0));
        assert_eq!(promises(true, "Row"), 0, "it is settled");
    }

    #[test]
    fn a_connection_is_what_an_item_is_whatever_wraps_it() {
        let wrapped = |between: u32, class: &str, state: bool| {
            of("Session", 10, |graph, item, id| {
                let mut at = item;
                for depth in 0..between {
                    at = graph.member(at, "inner", "Inner", id + 2 * depth);
                }
                let socket = graph.member(at, "socket", class, id + 20);
                if state {
                    graph.member(socket, "_readableState", "ReadableState", id + 22);
                }
            })
        };
        let near = wrapped(1, "Socket", true);
        assert_eq!((near.sockets, near.streams, near.agents), (near.bytes, 0, 0));
        assert_eq!(wrapped(2, "Socket", true).sockets, 10 * (64 + 4 * 32));
        assert_eq!(wrapped(3, "Socket", true).sockets, 0, "too far within");
        assert_eq!(wrapped(0, "Socket", false).sockets, 0, "a class of the program's");
        assert_eq!(wrapped(0, "Body", true).sockets, 0);
    }

    #[test]
    fn a_request_has_a_connection_and_is_none() {
        for (class, sockets) in [("ClientRequest", 0), ("Exchange", 10 * (64 + 2 * 32))] {
            let all = of(class, 10, |graph, item, id| {
                let socket = graph.member(item, "socket", "Socket", id);
                graph.member(socket, "_writableState", "WritableState", id + 1);
            });
            assert_eq!(all.sockets, sockets, "{class}");
        }
    }

    #[test]
    fn an_agent_has_two_of_its_tables() {
        let with = |members: &[&str]| {
            of("Agent", 10, |graph, item, id| {
                for (at, name) in (0..).zip(members) {
                    graph.member(item, name, "Object", id + at);
                }
            })
        };
        let agent = with(&["freeSockets", "sockets"]);
        assert_eq!((agent.agents, agent.sockets), (agent.bytes, agent.bytes));
        assert_eq!(with(&["sockets", "maxFreeSockets"]).agents, 10 * (64 + 2 * 32));
        assert_eq!(with(&["sockets", "others"]).agents, 0);
    }

    #[test]
    fn a_function_keeps_its_scope_and_the_heaviest_variable_is_named() {
        let with = |at_top: bool| {
            let mut graph = module();
            let list = graph.variable("list", "Array", 11);
            for at in 0..10u32 {
                let id = 1001 + 100 * at;
                let top = if at_top {
                    graph.function("handle", id, 5)
                } else {
                    graph.node("object", "Session", id, 64)
                };
                graph.edge(list, "element", &at.to_string(), top);
                let closure = if at_top {
                    top
                } else {
                    let closure = graph.function("handle", id + 1, 5);
                    graph.edge(top, "property", "handle", closure);
                    closure
                };
                let scope = graph.node("object", "system / Context", id + 2, 32);
                graph.edge(closure, "internal", "context", scope);
                for (name, size, part) in
                    [("small", 100, 3), ("large", 5000, 4), ("middle", 300, 5)]
                {
                    let value = graph.node("object", "Value", id + part, size);
                    graph.edge(scope, "context", name, value);
                }
            }
            of_growth(&graph, 11, &ids(1001, 10), |evidence| {
                Composition::of(&evidence.context, evidence.thing(), evidence.sample())
            })
        };
        let own = with(true);
        assert_eq!(own.contexts, 10 * (32 + 5400));
        assert_eq!((own.variables, own.captured), (10 * 5000, Some((5000, "large".into()))));
        let within = with(false);
        assert_eq!((within.contexts, within.captured), (0, None), "a method of an item");
    }

    #[test]
    fn what_settles_a_promise_counts_with_all_that_it_is_in() {
        let with = |located: bool, class: &str, waits: &str| {
            of("Job", 10, |graph, item, id| {
                let resolve = graph.node("closure", "", id, 64);
                if located {
                    graph.locate(resolve, 1, 5);
                }
                graph.edge(item, "property", "resolve", resolve);
                let scope = graph.node("object", "system / Context", id + 1, 32);
                graph.edge(resolve, "internal", "context", scope);
                let promise = graph.node("object", class, id + 2, 32);
                graph.edge(scope, "internal", "extension", promise);
                let reaction = graph.node("object", waits, id + 3, 32);
                graph.edge(promise, "internal", "reactions_or_result", reaction);
            })
        };
        let settles = with(false, "Promise", "system / PromiseReaction");
        assert_eq!(settles.resolvers, settles.bytes);
        assert_eq!(with(true, "Promise", "system / PromiseReaction").resolvers, 0, "its own code");
        assert_eq!(with(false, "Row", "system / PromiseReaction").resolvers, 0);
        assert_eq!(with(false, "Promise", "Row").resolvers, 0, "it is settled");
    }

    #[test]
    fn what_a_thing_is() {
        let of = |kind: &'static str, name: &str, inner: &[(&str, &str)]| {
            let mut graph = module();
            let thing = graph.node(kind, name, 11, 32);
            graph.edge(2, "context", "thing", thing);
            for (at, (field, class)) in (0..).zip(inner) {
                let value = graph.node("object", class, 13 + at, 32);
                graph.edge(thing, "internal", field, value);
            }
            let snapshot = graph.snapshot();
            snapshot.index_retainers();
            let index = CodeIndex::new(&snapshot);
            container(&index, snapshot.by_id(11).unwrap())
        };
        for (name, cause) in [
            ("Array", Cause::Array),
            ("Map", Cause::Map),
            ("Set", Cause::Set),
            ("WeakMap", Cause::Weak),
            ("WeakRef", Cause::Weak),
            ("Promise", Cause::Promises),
            ("ArrayBuffer", Cause::Buffers),
            ("DataView", Cause::Buffers),
            ("system / Context", Cause::Closure),
            ("Session", Cause::Object),
            ("Uint8Array", Cause::Object),
        ] {
            assert_eq!(of("object", name, &[]), cause, "{name}");
        }
        assert_eq!(of("closure", "handle", &[]), Cause::Closure);
        assert_eq!(of("wasm object", "WasmStruct", &[]), Cause::Buffers);
        assert_eq!(of("native", "system / JSArrayBufferData", &[]), Cause::Buffers);
        assert_eq!(of("native", "system / Foreign", &[]), Cause::Other);
        assert_eq!(of("string", "text", &[]), Cause::Other);
        let buffer = [("buffer", "ArrayBuffer")];
        assert_eq!(of("object", "Uint8Array", &buffer), Cause::Buffers);
        assert_eq!(of("object", "Session", &buffer), Cause::Object);
        assert_eq!(of("object", "Session", &[("backing_store", "data")]), Cause::Buffers);
    }

    #[test]
    fn a_function_with_sixteen_properties_of_its_own_is_a_table() {
        let of = |count: u32| {
            let mut graph = module();
            let parse = graph.node("closure", "parse", 11, 64);
            graph.edge(2, "context", "parse", parse);
            for at in 0..count {
                graph.member(parse, &format!("text {at}"), "Parsed", 1001 + 2 * at);
            }
            let snapshot = graph.snapshot();
            snapshot.index_retainers();
            container(&CodeIndex::new(&snapshot), snapshot.by_id(11).unwrap())
        };
        assert_eq!((of(16), of(15)), (Cause::Object, Cause::Closure));
    }

    #[test]
    fn what_waits_for_a_promise_is_one_itself_and_other_things_of_v8_are_none() {
        let with = |name: &str, within: bool| {
            let mut graph = module();
            let list = graph.variable("list", "Array", 11);
            for at in 0..10u32 {
                let waits = graph.node("hidden", name, 1001 + 100 * at, 32);
                let handler = graph.node("object", "Handler", 1005 + 100 * at, 64);
                graph.edge(waits, "internal", "fulfill_handler", handler);
                if within {
                    let item = graph.node("object", "Session", 1003 + 100 * at, 64);
                    graph.edge(list, "element", &at.to_string(), item);
                    graph.edge(item, "internal", "waits", waits);
                } else {
                    graph.edge(list, "element", &at.to_string(), waits);
                }
            }
            let new = ids(if within { 1003 } else { 1001 }, 10);
            of_growth(&graph, 11, &new, |evidence| {
                Composition::of(&evidence.context, evidence.thing(), evidence.sample()).promises
            })
        };
        assert_eq!(with("system / PromiseReaction", false), 640);
        assert_eq!(with("system / PromiseReaction", true), 0, "a session has it");
        assert_eq!(with("system / Managed", false), 0);
    }

    #[test]
    fn memory_that_an_item_refers_to_weakly_or_that_survives_is_not_a_part_of_it() {
        let with = |kind: &'static str, survives: bool| {
            let mut graph = module();
            let list = graph.variable("list", "Array", 11);
            let shared = graph.node("native", "system / JSArrayBufferData", 13, 1000);
            graph.edge(2, "context", "shared", shared);
            for (at, item) in graph.elements(list, "Item", 1001, 10).into_iter().enumerate() {
                let own = graph.node("native", "system / JSArrayBufferData", 1003 + at as u32, 7);
                graph.edge(list, "hidden", &(500 + at).to_string(), own);
                graph.edge(item, kind, "data", if survives { shared } else { own });
            }
            let snapshot = graph.snapshot();
            snapshot.index_retainers();
            let index = CodeIndex::new(&snapshot);
            let marked: Vec<bool> = snapshot.nodes().map(|at| snapshot.id(at) < 1001).collect();
            let survivors = Survivors::Marked(&marked);
            let context = GrowthContext { index: &index, survivors };
            let sample: Vec<Node> =
                ids(1001, 10).iter().map(|&id| snapshot.by_id(id).unwrap()).collect();
            Composition::of(&context, snapshot.by_id(11).unwrap(), &sample).buffers
        };
        assert_eq!(with("internal", false), 10 * 7);
        assert_eq!(with("weak", false), 0);
        assert_eq!(with("internal", true), 0);
    }

    /// A function with a scope that has one variable of a size.
    fn closure(graph: &mut Graph, of: usize, (name, size): (&str, u64), id: u32) {
        let closure = graph.function("handle", id, 5);
        graph.edge(of, "property", &format!("handle{id}"), closure);
        let scope = graph.node("object", "system / Context", id + 1, 32);
        graph.edge(closure, "internal", "context", scope);
        let value = graph.node("object", "Value", id + 2, size);
        graph.edge(scope, "context", name, value);
    }

    #[test]
    fn of_the_variables_of_all_functions_the_heaviest_is_named_and_of_equal_ones_the_first() {
        let mut graph = module();
        let list = graph.variable("list", "Array", 11);
        for (at, variable) in (0..).zip([("a", 100), ("b", 5000), ("c", 5000), ("d", 300)]) {
            closure(&mut graph, list, variable, 1001 + 100 * at);
        }
        let captured = of_growth(&graph, 11, &ids(1001, 4), |evidence| {
            Composition::of(&evidence.context, evidence.thing(), evidence.sample()).captured
        });
        assert_eq!(captured, Some((5000, "b".to_owned())));
    }

    #[test]
    fn the_scope_of_the_first_method_is_that_of_a_variables_own_value() {
        let mut graph = module();
        let session = graph.variable("session", "Session", 11);
        closure(&mut graph, session, ("first", 1000), 101);
        closure(&mut graph, session, ("second", 9000), 201);
        let all = of_growth(&graph, 11, &[11], |evidence| {
            Composition::of(&evidence.context, evidence.thing(), evidence.sample())
        });
        assert_eq!((all.contexts, all.captured), (1032, Some((1000, "first".to_owned()))));
    }
}
