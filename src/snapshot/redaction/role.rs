//! What the strings of a snapshot are to it. One string has several roles where a property, say,
//! is named like a text that the program holds: V8 writes equal strings once.

/// A set of roles.
pub type Role = u8;

/// The content of a string, a number, a regular expression.
pub const CONTENT: Role = 1;
/// A name that V8 gives, whatever the program does.
pub const FIXED: Role = 1 << 1;
/// The name of a function or of a script.
pub const CODE: Role = 1 << 2;
/// The name of a variable.
pub const VARIABLE: Role = 1 << 3;
/// The name of a class, which the program may choose as it runs.
pub const TYPE: Role = 1 << 4;
/// The name of a property: an identifier or the key of a dictionary.
pub const PROPERTY: Role = 1 << 5;
/// The name of a property that many objects of one shape have.
pub const SHAPE: Role = 1 << 6;

/// Every role but that of a content.
pub const NAME: Role = !CONTENT;
