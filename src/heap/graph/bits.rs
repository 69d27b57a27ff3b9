//! One bit for each node or edge.

/// Bits by index: a fixed number, all clear at first.
#[derive(Debug, Clone)]
pub(in crate::heap) struct Bits(Vec<u64>);

impl Bits {
    pub fn new(count: usize) -> Self {
        Bits(vec![0; count.div_ceil(64)])
    }

    #[inline]
    pub fn has(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 != 0
    }

    #[inline]
    pub fn set(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    pub fn clear(&mut self, at: usize) {
        self.0[at / 64] &= !(1 << (at % 64));
    }

    /// Sets a bit; whether it was clear.
    #[inline]
    pub fn insert(&mut self, at: usize) -> bool {
        let fresh = !self.has(at);
        self.set(at);
        fresh
    }

    /// The set bits, ascending.
    pub fn iter(&self) -> impl Iterator<Item = usize> + '_ {
        self.0.iter().enumerate().flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_and_lists() {
        let mut bits = Bits::new(130);
        for at in [0, 63, 64, 129] {
            assert!(bits.insert(at));
            assert!(!bits.insert(at));
        }
        assert!(!bits.has(65));
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 129]);
    }
}
