//! The dominator tree over the edges that retain, by the semi-NCA algorithm (Georgiadis,
//! "Linear-Time Algorithms for Dominators and Related Problems", 2005), with DevTools' rules
//! for which edges retain (HeapSnapshot.ts: computeIsEssentialEdge, markPageOwnedNodes).

use super::columns::Columns;

const UNVISITED: u32 = u32::MAX;

/// Numbers are depth-first preorder numbers, 0 the root.
pub(super) struct Dominators {
    /// The node of each number.
    pub nodes: Vec<u32>,
    /// The number of each number's immediate dominator; smaller than itself but for the root.
    pub idoms: Vec<u32>,
}

/// Computes the dominator tree.
pub(super) fn dominators(columns: &Columns) -> Dominators {
    let order = Order::new(columns);
    let predecessors = Predecessors::new(columns, &order);
    let Order { nodes, parents, .. } = order;
    let idoms = semi_nca(parents, &predecessors);
    Dominators { nodes, idoms }
}

/// Which nodes belong to the page, as DevTools calls what the program's own roots reach; objects
/// of a debugger or of Node's embedder do not retain it.
struct Page {
    /// Numbers in `1..end` belong to it.
    end: u32,
    /// What belongs to it although no retaining edge leads there from it.
    weakly: Option<Vec<bool>>,
}

impl Page {
    #[inline]
    fn has(&self, node: usize, number: u32) -> bool {
        (number > 0 && number < self.end) || self.weakly.as_ref().is_some_and(|page| page[node])
    }
}

/// A depth-first spanning tree from the root.
struct Order {
    numbers: Vec<u32>,
    nodes: Vec<u32>,
    parents: Vec<u32>,
    page: Page,
    /// From here on nodes hang off the root one by one: cycles that nothing retains.
    stray: usize,
}

impl Order {
    fn new(columns: &Columns) -> Self {
        let count = columns.node_count();
        let mut order = Order {
            numbers: vec![UNVISITED; count],
            nodes: Vec::with_capacity(count),
            parents: Vec::with_capacity(count),
            page: Page { end: u32::MAX, weakly: None },
            stray: count,
        };
        let root = columns.root as usize;
        order.number(root, 0);
        let mut stack = Vec::new();
        // The root's shortcuts come first: what they reach is the page, so that whether a node
        // belongs to it can be read off its number.
        let children = columns.targets_of(root);
        for target in children.iter().filter(|target| is_shortcut(target.kind())) {
            order.visit(columns, target.node(), &mut stack);
        }
        order.page.end = order.nodes.len() as u32;
        order.page.weakly = order.weak_page(columns);
        for target in children.iter().filter(|target| target.is_strong()) {
            order.visit(columns, target.node(), &mut stack);
        }
        if order.nodes.len() < count {
            order.visit_orphans(columns, &mut stack);
        }
        order
    }

    fn number(&mut self, node: usize, parent: u32) -> u32 {
        let number = self.nodes.len() as u32;
        self.numbers[node] = number;
        self.nodes.push(node as u32);
        self.parents.push(parent);
        number
    }

    /// Whether an edge that is strong by its type retains: not from outside of the page into it.
    #[inline]
    fn retains(&self, from: usize, from_number: u32, to: usize) -> bool {
        from == to
            || from_number == 0
            || self.page.has(from, from_number)
            || !self.page.has(to, self.numbers[to])
    }

    /// Numbers what `start` retains, as a child of the root.
    fn visit(&mut self, columns: &Columns, start: usize, stack: &mut Vec<(u32, u32)>) {
        if self.numbers[start] != UNVISITED {
            return;
        }
        let number = self.number(start, 0);
        stack.push((number, columns.first_edges[start]));
        while let Some((number, edge)) = stack.last_mut() {
            let number = *number;
            let node = self.nodes[number as usize] as usize;
            let end = columns.first_edges[node + 1];
            let mut next = None;
            while *edge < end {
                let target = columns.targets[*edge as usize];
                *edge += 1;
                let to = target.node();
                if target.is_strong()
                    && self.numbers[to] == UNVISITED
                    && self.retains(node, number, to)
                {
                    next = Some(to);
                    break;
                }
            }
            match next {
                Some(to) => {
                    let child = self.number(to, number);
                    stack.push((child, columns.first_edges[to]));
                }
                None => {
                    stack.pop();
                }
            }
        }
    }

    /// The page is what all but weak edges reach, and only some of those retain: whatever the
    /// others reach beyond the numbered nodes belongs to it too. Rarely anything does.
    fn weak_page(&self, columns: &Columns) -> Option<Vec<bool>> {
        let mut page = Vec::new();
        let mut pending = Vec::new();
        let mut reach = |node: usize, pending: &mut Vec<usize>| {
            for target in columns.targets_of(node) {
                let to = target.node();
                if target.is_weak() || self.numbers[to] != UNVISITED {
                    continue;
                }
                if page.is_empty() {
                    page.resize(columns.node_count(), false);
                }
                if !page[to] {
                    page[to] = true;
                    pending.push(to);
                }
            }
        };
        for node in &self.nodes[1..] {
            reach(*node as usize, &mut pending);
        }
        while let Some(node) = pending.pop() {
            reach(node, &mut pending);
        }
        (!page.is_empty()).then_some(page)
    }

    /// Nodes that nothing retains hang off the root, with what they retain; so does, one by one,
    /// what is left, which is cycles.
    fn visit_orphans(&mut self, columns: &Columns, stack: &mut Vec<(u32, u32)>) {
        let mut retained = vec![false; columns.node_count()];
        for node in 0..columns.node_count() {
            // What a numbered node retains is numbered.
            if self.numbers[node] == UNVISITED {
                for target in columns.targets_of(node) {
                    let to = target.node();
                    if target.is_strong() && to != node && self.retains(node, UNVISITED, to) {
                        retained[to] = true;
                    }
                }
            }
        }
        for (node, retained) in retained.iter().enumerate() {
            if !retained {
                self.visit(columns, node, stack);
            }
        }
        self.stray = self.nodes.len();
        for node in 0..columns.node_count() {
            if self.numbers[node] == UNVISITED {
                self.number(node, 0);
            }
        }
    }
}

fn is_shortcut(kind: super::EdgeKind) -> bool {
    kind == super::EdgeKind::Shortcut
}

/// For each number those from which a retaining edge comes, but its parent in the tree.
struct Predecessors {
    firsts: Vec<u32>,
    sources: Vec<u32>,
}

impl Predecessors {
    fn new(columns: &Columns, order: &Order) -> Self {
        let mut firsts = vec![0u32; order.nodes.len() + 1];
        each_edge(columns, order, |_, to| firsts[to + 1] += 1);
        for number in 1..firsts.len() {
            firsts[number] += firsts[number - 1];
        }
        let mut sources = vec![0u32; firsts.last().copied().unwrap_or(0) as usize];
        // Filling moves each start to its end, which is the next one's start.
        each_edge(columns, order, |from, to| {
            sources[firsts[to] as usize] = from;
            firsts[to] += 1;
        });
        firsts.rotate_right(1);
        firsts[0] = 0;
        Predecessors { firsts, sources }
    }

    #[inline]
    fn of(&self, number: usize) -> &[u32] {
        &self.sources[self.firsts[number] as usize..self.firsts[number + 1] as usize]
    }
}

/// Calls `with` the numbers of both ends of each retaining edge outside of the tree.
#[inline(always)]
fn each_edge(columns: &Columns, order: &Order, mut with: impl FnMut(u32, usize)) {
    for (number, node) in order.nodes[..order.stray].iter().enumerate() {
        let (node, number) = (*node as usize, number as u32);
        for target in columns.targets_of(node) {
            let strong = target.is_strong() || (number == 0 && is_shortcut(target.kind()));
            let to = target.node();
            let to_number = order.numbers[to];
            // The root is nobody's child, and a child of the root has the root for its dominator.
            if strong
                && to_number != number
                && order.parents[to_number as usize] != number
                && order.parents[to_number as usize] != 0
                && order.retains(node, number, to)
            {
                with(number, to_number as usize);
            }
        }
    }
}

/// The immediate dominators by number.
fn semi_nca(parents: Vec<u32>, predecessors: &Predecessors) -> Vec<u32> {
    let count = parents.len();
    // `ancestors` forgets the tree as paths are compressed; `labels` holds the least semidominator
    // on the compressed path.
    let mut ancestors = parents.clone();
    let mut labels: Vec<u32> = (0..count as u32).collect();
    let mut semis = labels.clone();
    let mut path = Vec::new();
    for w in (1..count).rev() {
        let mut semi = parents[w];
        for &v in predecessors.of(w) {
            semi = semi.min(least_label(v, w as u32, &mut ancestors, &mut labels, &mut path));
        }
        semis[w] = semi;
        labels[w] = semi;
    }
    // A node's dominator is the nearest ancestor not below its semidominator; those of smaller
    // numbers are final, so they take the semidominators' place.
    let mut idoms = semis;
    for w in 1..count {
        let mut candidate = parents[w];
        while candidate > idoms[w] {
            candidate = idoms[candidate as usize];
        }
        idoms[w] = candidate;
    }
    idoms
}

/// The least label on the tree path from `v` up to, but without, the first ancestor that is not
/// above `last` yet.
fn least_label(
    v: u32,
    last: u32,
    ancestors: &mut [u32],
    labels: &mut [u32],
    path: &mut Vec<u32>,
) -> u32 {
    if v < last {
        return v;
    }
    let mut top = v;
    while ancestors[top as usize] > last {
        path.push(top);
        top = ancestors[top as usize];
    }
    while let Some(below) = path.pop() {
        let above = ancestors[below as usize] as usize;
        labels[below as usize] = labels[below as usize].min(labels[above]);
        ancestors[below as usize] = ancestors[above];
    }
    labels[v as usize]
}
