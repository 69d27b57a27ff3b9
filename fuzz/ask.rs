//! What a target asks of each snapshot.

use plimsoll::heap::Snapshot;

pub fn ask(snapshot: &Snapshot) {
    for node in snapshot.nodes() {
        let _ = (snapshot.by_id(snapshot.id(node)), snapshot.name(node), snapshot.location(node));
        assert!(snapshot.retained(node) >= snapshot.shallow(node));
        let _ = (snapshot.dominator(node), snapshot.distance(node));
        for edge in snapshot.edges(node) {
            let _ = snapshot.edge_name(&edge);
        }
        let _ = snapshot.retainers(node).count();
    }
}
