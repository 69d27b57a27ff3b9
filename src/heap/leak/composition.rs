//! What the new objects of a growth consist of, by their bytes.

use crate::heap::compare::entries;
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
