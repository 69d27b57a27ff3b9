//! Objects of known contents that the service makes, to verify the layout of its V8 before an image is taken.

/// Makes the canaries but the buffer, in the order of [`Canaries`]. It uses nothing that a program can replace.
pub const SCRIPT: &str = "(() => {
  const text = 'plimsoll canary';
  const held = { number: 20177, text };
  const array = [20177, held];
  return [held, array, () => array, text, /plimsoll canary/, 2n ** 64n, (function* () {})()];
})()";

/// The size of the buffer, and the number that other canaries have.
pub const NUMBER: usize = 20177;

/// Tagged addresses of the canaries, and the address of the buffer's bytes.
#[derive(Debug, Clone, Copy)]
pub struct Canaries {
    /// With the properties `number` and `text`.
    pub object: usize,
    /// Of the number and the object.
    pub array: usize,
    /// Its context has the array.
    pub function: usize,
    /// A string of its own characters.
    pub text: usize,
    /// Its source is the text.
    pub regexp: usize,
    /// Of two digits.
    pub big_int: usize,
    /// Not started.
    pub generator: usize,
    /// Of [`NUMBER`] bytes.
    pub buffer: usize,
    /// Where the bytes of the buffer are.
    pub bytes: usize,
}
