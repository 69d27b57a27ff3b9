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

    /// Connections that native code holds are known by the server that accepted them.
    fn replace_subject(&self, evidence: &Evidence, draft: &mut Draft) {
        if draft.cause == Cause::Sockets
            && evidence.is_root()
            && let Some(server) = accepted_by(evidence)
        {
            let steps = route::route(&evidence.context, server);
            draft.rename(Cause::Sockets, names::name(evidence.index(), &steps));
            draft.detail = Detail::Accepted;
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

/// The server that the new connections belong to. Beside each of its handles and parsers are those of clients, and what
/// they refer to.
fn accepted_by(evidence: &Evidence) -> Option<Node> {
    const FEW: usize = 8;
    let index = evidence.index();
    let server_of =
        |&item: &Node| server_of(index, item).filter(|&server| evidence.context.survives(server));
    let sample = evidence.sample();
    let servers: Vec<Node> = sample.iter().filter_map(server_of).collect();
    let first = *servers.first()?;
    let alike = servers.iter().filter(|&&server| server == first).count();
    (alike * 2 > servers.len() && alike * FEW > sample.len()).then_some(first)
}

/// The server that accepted the connection of a handle, of a parser or of what has a `socket`.
pub(in crate::heap::leak) fn server_of(index: &CodeIndex, item: Node) -> Option<Node> {
    let property = |node, name: &str| index.property(node, name);
    let socket = property(item, "<symbol owner_symbol>").or_else(|| property(item, "socket"));
    // A client's connection has null there.
    property(socket.unwrap_or(item), "_server")
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
