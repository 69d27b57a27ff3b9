//! What kind of leak it is: the graph's signature of each cause.

use super::super::{Edge, EdgeKind, EdgeName, Node, NodeKind};
use super::route::{Step, is_global};
use super::scene::Scene;
use super::{anew, blocks};

/// Why memory grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Cause {
    /// Entries of a Map.
    Map,
    /// Entries of a Set.
    Set,
    /// Properties of an object used as a table, or a chain of objects.
    Object,
    /// Elements of an array.
    Array,
    /// Listeners of an EventEmitter or an EventTarget.
    Listeners,
    /// Intervals and timeouts that stay scheduled.
    Timers,
    /// Promises that never settle, and what waits for them.
    Promises,
    /// Functions that keep large data in their scope.
    Closure,
    /// Buffers, typed arrays and WebAssembly memory.
    Buffers,
    /// Streams that are not read, or written to faster than they drain.
    Streams,
    /// Connections, agents and requests that stay open.
    Sockets,
    /// Values under keys of a WeakMap that live on, held values of a FinalizationRegistry.
    Weak,
    /// Anything else.
    Other,
}

/// What of a cause the advice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// Nothing more.
    Plain,
    /// Listeners of an EventTarget, which has no `off`.
    EventTarget,
    /// Listeners that Node itself added: by pipe(), pipeline(), finished().
    AddedByNode,
    /// Signals that AbortSignal.any made of one that lives long.
    DerivedSignals,
    /// Connections that the program collects itself, not an agent.
    Connections,
    /// Connections of an agent that nobody has given back.
    InUse,
    /// What settles promises that somebody waits for.
    Resolvers,
    /// Parts of strings that are longer.
    Slices,
    /// Objects that are linked to one another.
    Chain,
    /// Modules of the same files, loaded again and again.
    Modules,
    /// Subscribers of a diagnostics channel.
    Channel,
    /// Handles that native code holds.
    Open,
    /// A table that Node has for what programs make.
    OfNode,
    /// What a FinalizationRegistry keeps for its callback.
    HeldValues,
}

/// A cause with what the route says about it.
#[derive(Debug)]
pub(super) struct Finding {
    pub cause: Cause,
    pub detail: Detail,
    /// How many steps of the route lead to the thing to name: the emitter of an event, the stream of a buffer.
    pub subject: usize,
    /// The event whose listeners grow.
    pub event: Option<String>,
    /// The variable that functions keep alive, and its share of the bytes.
    pub captured: Option<String>,
    /// The WeakMap whose value grows.
    pub weak_map: Option<Node>,
    /// What grows by so many, where the cause does not tell.
    pub unit: Option<Unit>,
    /// What the thing is, where it is a collection.
    pub collection: Option<Cause>,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// What waits in a stream.
    Chunks,
    /// Objects of a chain.
    Links,
    /// What hangs from a tree, or from the tables within one.
    Objects,
}

/// What the objects that are new consist of.
#[derive(Debug, Default)]
struct Composition {
    bytes: u64,
    buffers: u64,
    contexts: u64,
    timers: u64,
    sockets: u64,
    streams: u64,
    promises: u64,
    agents: u64,
    resolvers: u64,
    /// Of the variables that are heaviest in their scopes.
    variables: u64,
    slices: u64,
    captured: Option<(u64, String)>,
}

/// Finds the cause from what grew, the way that leads to it, and what is new in it.
pub(super) fn find(
    scene: &Scene,
    thing: Node,
    steps: &[Step],
    sample: &[Node],
    is_old: &dyn Fn(Node) -> bool,
) -> Finding {
    let mut finding = Finding {
        cause: Cause::Other,
        detail: Detail::Plain,
        subject: steps.len(),
        event: None,
        captured: None,
        weak_map: None,
        unit: None,
        collection: None,
    };
    if by_route(scene, thing, steps, is_old, &mut finding) {
        return finding;
    }
    let composition = Composition::of(scene, thing, sample, is_old);
    let most = |part: u64| part * 2 > composition.bytes;
    let container = container(scene, thing);
    // Where functions keep little beside themselves, their table is what grows.
    finding.collection = Some(container).filter(|_| anew::is_collection(scene.snapshot, thing));
    let keep_data = most(composition.contexts)
        && (finding.collection.is_none()
            || most(composition.resolvers)
            || composition.variables > composition.bytes / 3 * 2);
    finding.captured =
        composition.captured.as_ref().filter(|_| keep_data).map(|found| found.1.clone());
    finding.cause = if most(composition.timers) && container == Cause::Other {
        Cause::Timers
    } else if most(composition.sockets) {
        Cause::Sockets
    } else if most(composition.streams) {
        Cause::Streams
    } else if most(composition.promises) {
        Cause::Promises
    } else if most(composition.buffers) || container == Cause::Buffers {
        Cause::Buffers
    } else if keep_data {
        Cause::Closure
    } else {
        container
    };
    finding.detail = match finding.cause {
        Cause::Sockets if composition.agents == 0 => Detail::Connections,
        Cause::Map | Cause::Set | Cause::Object | Cause::Array | Cause::Closure
            if most(composition.resolvers) =>
        {
            Detail::Resolvers
        }
        Cause::Map | Cause::Set | Cause::Object | Cause::Array if most(composition.slices) => {
            Detail::Slices
        }
        _ => Detail::Plain,
    };
    // Functions that settle promises are kept for the promises' sake.
    if finding.detail == Detail::Resolvers && finding.cause == Cause::Closure {
        (finding.cause, finding.captured) = (Cause::Promises, None);
    }
    finding
}

/// What the thing itself is.
pub(super) fn container(scene: &Scene, thing: Node) -> Cause {
    let snapshot = scene.snapshot;
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
            name if name.ends_with(b"Array") && scene.internal(thing, "buffer").is_some() => {
                Cause::Buffers
            }
            // An instance of a class that extends a collection has the collection's table.
            _ if scene.internal(thing, "table").is_some() => {
                match super::entries::stride(scene.snapshot, thing) {
                    2 => Cause::Set,
                    _ => Cause::Map,
                }
            }
            _ if scene.internal(thing, "backing_store").is_some() => Cause::Buffers,
            _ => Cause::Object,
        },
        _ => Cause::Other,
    }
}

/// Causes that show on the way to the thing, within its last few steps.
fn by_route(
    scene: &Scene,
    thing: Node,
    steps: &[Step],
    is_old: &dyn Fn(Node) -> bool,
    finding: &mut Finding,
) -> bool {
    const NEAR: usize = 7;
    let snapshot = scene.snapshot;
    // Whatever fetch keeps is kept for a socket, however far down.
    if steps.iter().any(|step| is_dispatcher(scene, step)) {
        finding.cause = Cause::Sockets;
        return true;
    }
    let from = steps.len().saturating_sub(NEAR);
    for (at, step) in steps.iter().enumerate().skip(from).rev() {
        let EdgeName::String(name) = step.edge.name else { continue };
        let name = snapshot.raw_string(name);
        match (step.edge.kind, name) {
            (EdgeKind::Property, b"_events") if steps.len() - at <= 4 => {
                finding.cause = Cause::Listeners;
                finding.event =
                    steps.get(at + 1).map(|step| snapshot.edge_name(&step.edge).into_owned());
                finding.subject = at;
                return true;
            }
            (EdgeKind::Property, b"<symbol kEvents>") => {
                finding.cause = Cause::Listeners;
                finding.detail = Detail::EventTarget;
                finding.event = match steps.get(at + 1..) {
                    Some([]) | None => late_event(scene, thing, is_old),
                    Some(steps) => event_of_target(scene, steps),
                };
                finding.subject = at;
                return true;
            }
            (EdgeKind::Property, b"_subscribers") if scene.is_internal_code(step.from) => {
                finding.cause = Cause::Listeners;
                finding.detail = Detail::Channel;
                finding.event = scene.property(step.from, "name").and_then(|name| scene.text(name));
                finding.subject = at;
                return true;
            }
            (EdgeKind::Property, b"<symbol kDependantSignals>") => {
                finding.cause = Cause::Listeners;
                finding.detail = Detail::DerivedSignals;
                finding.event = Some("abort".to_owned());
                finding.subject = at;
                return true;
            }
            // Where Node keeps the signals that somebody listens to.
            (EdgeKind::Context, b"gcPersistentSignals") if scene.is_internal_context(step.from) => {
                finding.cause = Cause::Listeners;
                finding.detail = Detail::DerivedSignals;
                finding.event = Some("abort".to_owned());
                return true;
            }
            (EdgeKind::Context, b"timerListMap" | b"timerListQueue" | b"immediateQueue")
                if scene
                    .function_in(step.from)
                    .is_some_and(|code| code.script.starts_with("node:"))
                    && !is_below_timer(scene, &steps[at..]) =>
            {
                finding.cause = Cause::Timers;
                return true;
            }
            (EdgeKind::Property, b"_readableState" | b"_writableState")
                if steps.len() - at <= 6 =>
            {
                finding.cause = Cause::Streams;
                finding.subject = at;
                finding.unit = holds_chunks(scene, steps.get(at + 1)).then_some(Unit::Chunks);
                return true;
            }
            // A stream of the web's has its chunks in its controller.
            (EdgeKind::Property, b"<symbol kState>") if is_web_stream(scene, step.from) => {
                finding.cause = Cause::Streams;
                finding.subject = at;
                let is_queue = |step: &Step| snapshot.edge_name(&step.edge) == "queue";
                finding.unit = steps.get(at + 1).is_some_and(is_queue).then_some(Unit::Chunks);
                return true;
            }
            // What a settled promise resolved to is nobody's wait.
            (EdgeKind::Internal, b"reactions_or_result")
                if snapshot.raw_name(step.edge.to) == b"system / PromiseReaction" =>
            {
                finding.cause = Cause::Promises;
                finding.subject = at;
                return true;
            }
            (EdgeKind::Property, b"freeSockets" | b"sockets" | b"requests")
                if is_agent(scene, step.from) =>
            {
                finding.cause = Cause::Sockets;
                if name == b"sockets" {
                    finding.detail = Detail::InUse;
                }
                finding.subject = at;
                return true;
            }
            (EdgeKind::Internal, name)
                if steps.len() - at <= 1
                    && memchr::memmem::find(name, b" / part of key (").is_some() =>
            {
                // The value of a WeakMap entry that no variable names.
                finding.cause = Cause::Weak;
                finding.weak_map = weak_map_of(scene, name);
                return true;
            }
            _ => {}
        }
    }
    match snapshot.raw_name(thing) {
        b"system / PromiseReaction" => finding.cause = Cause::Promises,
        b"FinalizationRegistry" | b"system / WeakCell" => {
            (finding.cause, finding.detail) = (Cause::Weak, Detail::HeldValues);
        }
        b"TimersList" | b"Timeout" | b"Immediate" if scene.is_internal_code(thing) => {
            finding.cause = Cause::Timers;
        }
        _ => return false,
    }
    true
}

/// Whether a way through Node's lists of timers goes on into one of them: what that one keeps grows, not their number.
fn is_below_timer(scene: &Scene, steps: &[Step]) -> bool {
    steps.iter().any(|step| {
        matches!(scene.snapshot.raw_name(step.from), b"Timeout" | b"Immediate")
            && scene.is_internal_code(step.from)
            && !anew::is_list_of_timers(scene.snapshot, &step.edge)
    })
}

fn is_web_stream(scene: &Scene, node: Node) -> bool {
    let class = scene.snapshot.raw_name(node);
    scene.is_internal_code(node)
        && (class.starts_with(b"Readable") || class.starts_with(b"Writable"))
}

/// Whether this member of a stream's state is where its chunks wait (`buffer`, `buffered`, `kBufferedValue`).
fn holds_chunks(scene: &Scene, member: Option<&Step>) -> bool {
    member.is_some_and(|step| {
        scene.snapshot.edge_name(&step.edge).to_ascii_lowercase().contains("buffer")
    })
}

/// The WeakMap of an entry: V8 writes its table's id into the name of the edge.
fn weak_map_of(scene: &Scene, entry: &[u8]) -> Option<Node> {
    let entry = std::str::from_utf8(entry).ok()?;
    let id = entry.rsplit_once("(table @")?.1.trim_end_matches(')').parse().ok()?;
    let table = scene.snapshot.by_id(id)?;
    scene
        .snapshot
        .retainers(table)
        .find(|retainer| scene.snapshot.edge_name(&retainer.edge) == "table")
        .map(|retainer| retainer.from)
}

/// The property of the global object by which undici finds its agent, fetch's too.
fn is_dispatcher(scene: &Scene, step: &Step) -> bool {
    step.edge.kind == EdgeKind::Property
        && is_global(scene, step.from)
        && matches!(step.edge.name, EdgeName::String(name)
            if scene.snapshot.raw_string(name).starts_with(b"<symbol undici.globalDispatcher."))
}

fn is_agent(scene: &Scene, node: Node) -> bool {
    ["freeSockets", "sockets", "maxFreeSockets"]
        .iter()
        .filter(|name| scene.property(node, name).is_some())
        .count()
        >= 2
}

/// The listeners of an EventTarget hang in a Map by type.
fn event_of_target(scene: &Scene, steps: &[Step]) -> Option<String> {
    steps.iter().find_map(|step| event_of_entry(scene, step.from, &step.edge))
}

/// The key stands before the value in a Map's table.
fn event_of_entry(scene: &Scene, table: Node, value: &Edge) -> Option<String> {
    let snapshot = scene.snapshot;
    let at: u32 = snapshot.edge_name(value).parse().ok()?;
    let key = snapshot
        .edges(table)
        .find(|edge| snapshot.edge_name(edge).parse() == Ok(at.wrapping_sub(1)))?;
    scene.text(key.to)
}

/// The event of an EventTarget that got its first listeners after the first snapshot, and has most of what is new.
fn late_event(scene: &Scene, events: Node, is_old: &dyn Fn(Node) -> bool) -> Option<String> {
    let snapshot = scene.snapshot;
    let table = scene.internal(events, "table")?;
    let new = || snapshot.edges(table).filter(|edge| !is_old(edge.to));
    let total: u64 = new().map(|edge| snapshot.retained(edge.to)).sum();
    let heaviest = new().max_by_key(|edge| snapshot.retained(edge.to))?;
    let is_most = snapshot.retained(heaviest.to) > total / 2;
    is_most.then(|| event_of_entry(scene, table, &heaviest)).flatten()
}

impl Composition {
    fn of(scene: &Scene, thing: Node, sample: &[Node], is_old: &dyn Fn(Node) -> bool) -> Self {
        let mut sum = Composition::default();
        // Every so many: a leak's items are alike, but the first may be warm-up.
        let stride = sample.len().div_ceil(256).max(1);
        for &top in sample.iter().step_by(stride) {
            sum.add(scene, thing, top, is_old);
        }
        sum
    }

    fn add(&mut self, scene: &Scene, thing: Node, top: Node, is_old: &dyn Fn(Node) -> bool) {
        let snapshot = scene.snapshot;
        let bytes = snapshot.retained(top);
        self.bytes += bytes;
        let mut nodes = vec![top];
        let mut next = 0;
        let (mut buffers, mut contexts, mut settles) = (0, 0, false);
        while next < nodes.len() && next < 64 {
            let node = nodes[next];
            next += 1;
            settles |= next <= 8 && settles_a_promise(scene, node);
            match snapshot.kind(node) {
                NodeKind::Native if snapshot.raw_name(node) == b"system / JSArrayBufferData" => {
                    buffers += snapshot.shallow(node);
                }
                NodeKind::SlicedString => {
                    self.slices += scene
                        .internal(node, "parent")
                        .filter(|&whole| !is_old(whole))
                        .map_or(0, |whole| snapshot.shallow(whole));
                }
                // Of a variable's own value the scopes of its methods count too.
                NodeKind::Closure if node == top || (top == thing && contexts == 0) => {
                    if let Some(context) =
                        scene.internal(node, "context").filter(|&context| !is_old(context))
                    {
                        contexts = snapshot.retained(context).min(bytes);
                        self.note_captured(scene, context);
                    }
                }
                // What an item has (a session its timer) is not what it is; a connection is, whoever wraps it.
                NodeKind::Object if next <= 4 => match kind_of(scene, node) {
                    Some(Kind::Socket) => return self.sockets += bytes,
                    Some(Kind::Agent) => {
                        self.agents += bytes;
                        return self.sockets += bytes;
                    }
                    Some(Kind::Timer) if node == top => return self.timers += bytes,
                    Some(Kind::Promise) if node == top => return self.promises += bytes,
                    Some(Kind::Stream) if node == top => return self.streams += bytes,
                    // A request or a response has a connection, but somebody kept the exchange.
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
                if is_own && !is_old(edge.to) && nodes.len() < 64 && !nodes.contains(&edge.to) {
                    nodes.push(edge.to);
                }
            }
        }
        self.buffers += buffers.min(bytes);
        self.contexts += contexts;
        self.resolvers += if settles { bytes } else { 0 };
    }

    fn note_captured(&mut self, scene: &Scene, context: Node) {
        let snapshot = scene.snapshot;
        let heaviest = snapshot
            .edges(context)
            .filter(|edge| matches!(edge.kind, EdgeKind::Context | EdgeKind::Hidden))
            .max_by_key(|edge| snapshot.retained(edge.to));
        let Some(edge) = heaviest else { return };
        let name = match edge.kind {
            EdgeKind::Context => Some(snapshot.edge_name(&edge).into_owned()),
            _ => blocks::variable(scene, context, &edge),
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
fn is_pending(scene: &Scene, promise: Node) -> bool {
    scene
        .internal(promise, "reactions_or_result")
        .is_none_or(|waits| scene.snapshot.raw_name(waits) == b"system / PromiseReaction")
}

/// Whether it is one of the functions that `new Promise` gives to its executor: V8's own, in a scope that is the promise's.
fn settles_a_promise(scene: &Scene, node: Node) -> bool {
    scene.snapshot.kind(node) == NodeKind::Closure
        && scene.snapshot.location(node).is_none()
        // A context of vm has all of V8's functions, and the class of promises.
        && scene.internal(node, "context").filter(|&context| scene.is_context(context)).is_some_and(|context| {
            scene.snapshot.edges(context).any(|edge| {
                edge.kind != EdgeKind::Weak
                    && scene.snapshot.raw_name(edge.to) == b"Promise"
                    && is_pending(scene, edge.to)
            })
        })
}

fn kind_of(scene: &Scene, node: Node) -> Option<Kind> {
    let name = scene.snapshot.raw_name(node);
    if name == b"Promise" {
        return is_pending(scene, node).then_some(Kind::Promise);
    }
    let is_stream = ["_readableState", "_writableState"]
        .iter()
        .any(|state| scene.property(node, state).is_some());
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
        b"Timeout" | b"Immediate" | b"TimersList" if scene.is_internal_code(node) => {
            Some(Kind::Timer)
        }
        _ if is_agent(scene, node) => Some(Kind::Agent),
        _ => is_stream.then_some(Kind::Stream),
    }
}
