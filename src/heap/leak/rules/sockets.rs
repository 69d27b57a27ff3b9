//! Connections, agents and requests that stay open.

use crate::heap::explain::code_index::CodeIndex;
use crate::heap::explain::names;
use crate::heap::explain::route::{self, RouteStep, is_global};
use crate::heap::graph::kind::{EdgeKind, NodeKind};
use crate::heap::leak::causes::{Cause, Detail};
use crate::heap::leak::composition::is_agent;
use crate::heap::leak::draft::Draft;
use crate::heap::leak::evidence::Evidence;
use crate::heap::leak::finding::Finding;
use crate::heap::leak::rule::{About, Rule};
use crate::heap::snapshot::{EdgeName, Node};

pub(in crate::heap) struct Sockets;

impl Rule for Sockets {
    /// Whatever fetch keeps is kept for a socket, however far down.
    fn match_route(&self, evidence: &Evidence) -> Option<Finding> {
        let is_fetch = evidence.steps.iter().any(|step| is_dispatcher(evidence.index(), step));
        is_fetch.then(|| Finding::new(Cause::Sockets, evidence))
    }

    fn match_step(
        &self,
        evidence: &Evidence,
        at: usize,
        reference: (EdgeKind, &[u8]),
    ) -> Option<Finding> {
        let detail = match reference {
            (EdgeKind::Property, b"sockets") => Detail::InUse,
            (EdgeKind::Property, b"freeSockets" | b"requests") => Detail::Plain,
            _ => return None,
        };
        let is_agent = is_agent(evidence.index(), evidence.steps[at].from);
        is_agent.then(|| Finding::at(Cause::Sockets, at).with_detail(detail))
    }

    fn match_contents(&self, evidence: &Evidence) -> Option<Finding> {
        let composition = &evidence.contents().composition;
        let detail = if composition.agents == 0 { Detail::Connections } else { Detail::Plain };
        let is_accepted = || evidence.is_root() && accepted_by(evidence).is_some();
        (composition.is_most(composition.sockets) || is_accepted())
            .then(|| Finding::of_contents(Cause::Sockets, evidence).with_detail(detail))
    }

    /// Connections that native code holds are known by the server that accepted them, and so are the timers that Node
    /// itself has for their timeouts.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        let server = match draft.cause {
            Cause::Sockets if evidence.is_root() => accepted_by(evidence),
            Cause::Timers => timed_by(evidence),
            _ => None,
        };
        let Some(server) = server else { return };
        draft.detail = Detail::Accepted;
        let steps = route::route(&evidence.context, server);
        let named = names::name(evidence.index(), &steps);
        // Timers have a name of their own, if only new objects lead to the server.
        let is_named = || {
            !named.name.is_empty() && steps.iter().all(|step| evidence.context.survives(step.from))
        };
        if draft.cause == Cause::Sockets || is_named() {
            draft.rename(Cause::Sockets, named);
        }
    }

    /// The timer by which Node watches a connection is no name of a server that no variable has.
    fn in_package(&self, draft: &mut Draft) {
        let is_timers = |module: &String| module == "module node:internal/timers";
        if draft.cause == Cause::Sockets && draft.path.first().is_some_and(is_timers) {
            draft.name.clear();
        }
    }

    fn advice_by_detail(&self, detail: Detail) -> Option<&'static str> {
        match detail {
            Detail::Accepted => Some(
                "find out why clients keep these connections open; let the server close idle ones (keepAliveTimeout, requestTimeout, socket.setTimeout)",
            ),
            Detail::Connections => Some(
                "remove the connection when it emits 'close', and destroy connections without activity (socket.setTimeout)",
            ),
            Detail::InUse => Some(
                "read each response to its end (resume, arrayBuffer) or destroy it: its connection is in use until then; set timeouts and the agent's maxSockets",
            ),
            _ => None,
        }
    }

    fn advice(&self, cause: Cause, _about: &About) -> Option<String> {
        (cause == Cause::Sockets).then(|| {
            "share one http.Agent with maxSockets and maxFreeSockets, set timeouts, and destroy idle connections".to_owned()
        })
    }
}

/// Of what is new at least one in so many is a connection, with its timer.
const FEW: usize = 8;

/// The server that the new connections belong to. Beside each of its handles and parsers are those of clients, and what
/// they refer to.
fn accepted_by(evidence: &Evidence) -> Option<Node> {
    let of_survivor = |&item: &Node| {
        server_of(evidence.index(), item).filter(|&server| evidence.context.survives(server))
    };
    most(evidence.sample(), of_survivor).map(|(server, _)| server)
}

/// The server that accepted the connections whose timeouts the new timers are. Without ids a server that no variable
/// leads to has no counterpart in earlier snapshots: it is known by the many connections that refer to it.
fn timed_by(evidence: &Evidence) -> Option<Node> {
    let (server, count) = most(evidence.sample(), |&item| server_of_timer(evidence.index(), item))?;
    (count >= FEW || evidence.context.survives(server)).then_some(server)
}

/// The server of more than half of what has one, and of how many.
fn most(sample: &[Node], server_of: impl Fn(&Node) -> Option<Node>) -> Option<(Node, usize)> {
    let servers: Vec<Node> = sample.iter().filter_map(server_of).collect();
    let first = *servers.first()?;
    let alike = servers.iter().filter(|&&server| server == first).count();
    (alike * 2 > servers.len() && alike * FEW > sample.len()).then_some((first, alike))
}

/// The server that accepted the connection of a handle, of a parser or of what has a `socket`.
pub(in crate::heap::leak) fn server_of(index: &CodeIndex, item: Node) -> Option<Node> {
    let property = |node, name: &str| index.property(node, name);
    let socket = property(item, "<symbol owner_symbol>").or_else(|| property(item, "socket"));
    server_of_socket(index, socket.unwrap_or(item))
}

/// The same of a timer: `socket.setTimeout()` has it call a function that is bound to the socket, since Node 24 one
/// with the socket as its argument.
fn server_of_timer(index: &CodeIndex, timer: Node) -> Option<Node> {
    let callback = index.property(timer, "_onTimeout")?;
    if let Some(socket) = index.internal(callback, "bound_this") {
        return server_of_socket(index, socket);
    }
    let arguments = index.snapshot.edges(index.property(timer, "_timerArgs")?);
    let mut values = arguments.filter(|edge| edge.kind == EdgeKind::Element).map(|edge| edge.to);
    values.find_map(|value| server_of_socket(index, value))
}

/// A client's connection has null there.
fn server_of_socket(index: &CodeIndex, socket: Node) -> Option<Node> {
    index
        .property(socket, "_server")
        .filter(|&server| index.snapshot.kind(server) == NodeKind::Object)
}

/// The property of the global object by which undici finds its agent, fetch's too.
fn is_dispatcher(index: &CodeIndex, step: &RouteStep) -> bool {
    step.edge.kind == EdgeKind::Property
        && is_global(index, step.from)
        && matches!(step.edge.name, EdgeName::String(name)
            if index.snapshot.raw_string(name).starts_with(b"<symbol undici.globalDispatcher."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::heap::graphs::{Graph, module};
    use crate::heap::leak::rules::testing::{finding, ids, suspect};

    fn holder(members: &[&str]) -> Graph {
        let mut graph = module();
        let agent = graph.variable("agent", "Agent", 11);
        for (at, name) in members.iter().enumerate() {
            let list = graph.member(agent, name, "Object", 13 + 2 * at as u32);
            graph.elements(list, "Connection", 1001 + 10_000 * at as u32, 20);
        }
        graph
    }

    #[test]
    fn sockets_of_an_agent_are_in_use_or_free() {
        let graph = holder(&["sockets", "freeSockets"]);
        let found = finding(&graph, 13, &ids(1001, 20));
        assert_eq!((found.cause, found.detail, found.subject), (Cause::Sockets, Detail::InUse, 1));
        let free = finding(&graph, 15, &ids(11_001, 20));
        assert_eq!((free.cause, free.detail), (Cause::Sockets, Detail::Plain));
        let named = suspect(&graph, 13, &ids(1001, 20)).unwrap();
        assert!(named.advice.starts_with("read each response to its end"), "{}", named.advice);
    }

    /// What accepted the connections of timers.
    #[derive(Debug, Clone, Copy)]
    enum Server {
        /// One that the module has in a variable.
        Named,
        /// One that only its connections lead to.
        Nameless,
        /// None: the program opened them.
        None,
    }

    /// So many timers of Node's lists that call a function bound to a connection, or one that is called with it.
    fn timeouts(of: Server, count: u32, is_bound: bool) -> Graph {
        let mut graph = module();
        let node = graph.script("node:internal/timers");
        let server = match of {
            Server::Named => graph.variable("server", "Server", 9),
            _ => graph.node("object", "Server", 9, 32),
        };
        let queue = graph.node("hidden", "system / Managed", 11, 32);
        graph.edge(2, "context", "queue", queue);
        for (at, timer) in graph.elements(queue, "Timeout", 1001, count).into_iter().enumerate() {
            let id = |part: u32| 1001 + 100 * at as u32 + part;
            graph.locate(timer, node, 1);
            let callback = graph.member(timer, "_onTimeout", "native_bind", id(2));
            let socket = graph.node("object", "Socket", id(4), 32);
            if is_bound {
                graph.edge(callback, "internal", "bound_this", socket);
            } else {
                let arguments = graph.member(timer, "_timerArgs", "Array", id(6));
                graph.edge(arguments, "element", "0", socket);
            }
            if !matches!(of, Server::None) {
                graph.edge(socket, "property", "_server", server);
            }
        }
        graph
    }

    #[test]
    fn timers_of_accepted_connections_are_the_connections_of_the_server() {
        for is_bound in [true, false] {
            let of = |server, count| {
                suspect(&timeouts(server, count, is_bound), 11, &ids(1001, count)).unwrap()
            };
            let found = of(Server::Named, 20);
            assert_eq!((found.cause, found.name.as_str()), (Cause::Sockets, "server"));
            assert!(found.is_other_end);
            assert!(found.advice.starts_with("find out why clients keep"), "{}", found.advice);
            let nameless = of(Server::Nameless, 20);
            assert_eq!((nameless.cause, nameless.name.as_str()), (Cause::Timers, "setInterval"));
            assert!(nameless.is_other_end);
            assert!(
                nameless.advice.starts_with("find out why clients keep"),
                "{}",
                nameless.advice
            );
            let own = of(Server::None, 20);
            assert_eq!((own.cause, own.is_other_end), (Cause::Timers, false));
        }
    }

    #[test]
    fn a_property_of_that_name_makes_no_agent() {
        let found = finding(&holder(&["sockets"]), 13, &ids(1001, 20));
        assert_eq!(found.cause, Cause::Object);
    }

    #[test]
    fn connections_that_a_program_collects_are_no_streams() {
        let mut graph = module();
        let open = graph.variable("open", "Array", 11);
        for (at, socket) in graph.elements(open, "Socket", 1001, 20).into_iter().enumerate() {
            graph.member(socket, "_readableState", "ReadableState", 1003 + 100 * at as u32);
        }
        let found = finding(&graph, 11, &ids(1001, 20));
        assert_eq!((found.cause, found.detail), (Cause::Sockets, Detail::Connections));
        let advice = suspect(&graph, 11, &ids(1001, 20)).unwrap().advice;
        assert!(advice.starts_with("remove the connection when it emits 'close'"), "{advice}");
    }

    #[test]
    fn what_the_dispatcher_of_fetch_keeps_is_kept_for_a_socket() {
        const DISPATCHER: &str = "<symbol undici.globalDispatcher.1>";
        for (name, kind, cause) in [
            (DISPATCHER, "property", Cause::Sockets),
            (DISPATCHER, "internal", Cause::Object),
            ("dispatcher", "property", Cause::Object),
        ] {
            let mut graph = module();
            let agent = graph.node("object", "Dispatcher", 11, 32);
            graph.edge(1, kind, name, agent);
            let mut at = agent;
            for depth in 0..12 {
                at = graph.member(at, &format!("inner{depth}"), "Object", 13 + 2 * depth);
            }
            graph.elements(at, "Client", 1001, 20);
            let found = finding(&graph, 35, &ids(1001, 20));
            assert_eq!((found.cause, found.subject), (cause, 13), "{kind} {name}");
        }
        let mut graph = module();
        let other = graph.variable("other", "Object", 9);
        let agent = graph.member(other, DISPATCHER, "Dispatcher", 11);
        graph.elements(agent, "Client", 1001, 20);
        assert_eq!(finding(&graph, 11, &ids(1001, 20)).cause, Cause::Object);
    }

    /// Handles of native code: so many of them are connections of one server, so many of another, the rest of none.
    fn accepted(first: u32, second: u32, none: u32) -> Option<(String, Detail)> {
        let mut graph = module();
        let servers = [graph.variable("api", "Server", 9), graph.variable("admin", "Server", 15)];
        let root = graph.node("synthetic", "(Global handles)", 11, 0);
        graph.edge(0, "element", "9", root);
        let count = first + second + none;
        for (at, handle) in (0..).zip(graph.elements(root, "TCP", 1001, count)) {
            let socket = graph.member(handle, "<symbol owner_symbol>", "Row", 1003 + 100 * at);
            if at < first + second {
                graph.edge(socket, "property", "_server", servers[usize::from(at >= first)]);
            }
        }
        let suspect = suspect(&graph, 11, &ids(1001, count))?;
        let is_accepted = suspect.advice.starts_with("find out why clients keep");
        assert_eq!(suspect.is_other_end, is_accepted, "{}", suspect.advice);
        Some((suspect.name, if is_accepted { Detail::Accepted } else { Detail::Plain }))
    }

    #[test]
    fn connections_belong_to_the_server_that_accepted_most_of_them() {
        let api = || Some(("api".to_owned(), Detail::Accepted));
        assert_eq!(accepted(20, 0, 0), api());
        assert_eq!(accepted(11, 9, 0), api());
        assert_eq!(accepted(10, 10, 0), None, "half are another's");
        assert_eq!(accepted(3, 0, 20), api());
        assert_eq!(accepted(2, 0, 14), None, "few are known");
    }
}
