//! Keys: JS strings as bytes, none the same as another's.

/// A JS string as UTF-8, where a surrogate without its other half is encoded as if it were a character (WTF-8): UTF-8
/// proper would make all such strings the same key.
#[must_use]
pub fn encode(units: &[u16]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(units.len() + 8);
    for unit in char::decode_utf16(units.iter().copied()) {
        match unit {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Err(lone) => {
                let unit = lone.unpaired_surrogate();
                bytes.extend([
                    0xe0 | (unit >> 12) as u8,
                    0x80 | (unit >> 6 & 0x3f) as u8,
                    0x80 | (unit & 0x3f) as u8,
                ]);
            }
        }
    }
    bytes
}

/// The string that [`encode`] was given.
#[must_use]
pub fn decode(bytes: &[u8]) -> Vec<u16> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes.iter().copied();
    while let Some(first) = rest.next() {
        let (more, start) = match first {
            0..0x80 => (0, first),
            0x80..0xe0 => (1, first & 0x1f),
            0xe0..0xf0 => (2, first & 0x0f),
            0xf0.. => (3, first & 0x07),
        };
        let code = rest
            .by_ref()
            .take(more)
            .fold(u32::from(start), |code, byte| code << 6 | u32::from(byte & 0x3f));
        match char::from_u32(code) {
            Some(character) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            None => units.push(code as u16),
        }
    }
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unit() -> impl Strategy<Value = u16> {
        prop_oneof![any::<u16>(), 0xd7ffu16..0xe001, 0u16..0x80]
    }

    proptest! {
        #[test]
        fn a_string_comes_back_as_it_was(units in prop::collection::vec(unit(), 0..40)) {
            prop_assert_eq!(decode(&encode(&units)), units);
        }

        #[test]
        fn well_formed_strings_are_utf8(text in ".{0,40}") {
            prop_assert_eq!(encode(&text.encode_utf16().collect::<Vec<_>>()), text.as_bytes());
        }
    }
}
