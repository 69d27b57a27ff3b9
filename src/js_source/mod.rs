//! JavaScript source as text: its tokens, and a copy of it without its data.

pub mod lexer;
pub mod mask;
