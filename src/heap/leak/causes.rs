//! The causes of growth, and what is said apart within one.

/// An enum with the list of all its variants, so that a test can compare it with `lib/vocabulary.js`.
macro_rules! listed {
    (
        $(#[$about:meta])*
        pub enum $name:ident { $($(#[$each:meta])* $variant:ident,)* }
    ) => {
        $(#[$about])*
        pub enum $name { $($(#[$each])* $variant,)* }

        impl $name {
            /// All variants, in the order of the declaration.
            pub const ALL: &[Self] = &[$(Self::$variant,)*];
        }
    };
}

listed! {
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
}

/// What of a cause the advice depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::heap) enum Detail {
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
    /// Connections of an agent that were not given back.
    InUse,
    /// Connections that a server has accepted.
    Accepted,
    /// What settles promises that have waiters.
    Resolvers,
    /// Parts of strings that are longer.
    Slices,
    /// Objects that are linked to one another.
    Chain,
    /// Stores of an AsyncLocalStorage that are.
    Stores,
    /// Modules of the same files, loaded again and again.
    Modules,
    /// Subscribers of a diagnostics channel.
    Channel,
    /// Subscribers of an RxJS Subject or Observable.
    Subscriptions,
    /// Handles that native code holds.
    Open,
    /// A table that Node has for what programs make.
    OfNode,
    /// What a FinalizationRegistry keeps for its callback.
    HeldValues,
}

listed! {
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
}
