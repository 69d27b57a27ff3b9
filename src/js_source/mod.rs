//! JavaScript source: its tokens, its declarations, its source maps, and a copy of it without its data.

#[cfg(feature = "analyzer")]
mod adding;
#[cfg(feature = "analyzer")]
pub(crate) mod declarations;
#[cfg(feature = "analyzer")]
pub(crate) mod files;
#[cfg(feature = "analyzer")]
pub(crate) mod given;
pub mod lexer;
pub mod mask;
#[cfg(feature = "analyzer")]
pub(crate) mod readable;
#[cfg(feature = "analyzer")]
mod registration;
#[cfg(feature = "analyzer")]
mod scopes;
#[cfg(feature = "analyzer")]
mod source_map;
