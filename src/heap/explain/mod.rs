//! What an object is called, how it is retained, and the code that allocated it.

pub(in crate::heap) mod blocks;
pub(in crate::heap) mod code_index;
pub(in crate::heap) mod context;
pub(in crate::heap) mod holders;
pub(in crate::heap) mod instance;
pub(in crate::heap) mod modules;
pub(in crate::heap) mod names;
mod reference;
pub(in crate::heap) mod retaining_path;
pub(in crate::heap) mod route;
pub(in crate::heap) mod sites;
