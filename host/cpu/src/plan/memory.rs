//! The static memory plan: which buffers share memory, none while both are needed.

/// When a buffer is needed, in steps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetime {
    pub(crate) bytes: usize,
    /// The step that writes it.
    pub(crate) from: usize,
    /// The last step that reads it, at least `from`.
    pub(crate) until: usize,
}

/// For each buffer its slot, and for each slot its bytes.
///
/// Buffers come in the order of their first step; each takes the free slot whose size is nearest.
pub(crate) fn assign(lifetimes: &[Lifetime]) -> (Vec<usize>, Vec<usize>) {
    // Bytes, and the step until which the slot is taken.
    let mut slots: Vec<(usize, usize)> = Vec::new();
    let mut of = Vec::with_capacity(lifetimes.len());
    for life in lifetimes {
        let free = slots.iter().enumerate().filter(|(_, slot)| slot.1 < life.from);
        let nearest = free.min_by_key(|(_, slot)| {
            // A slot that is too small grows: that costs the difference, as waste would.
            (slot.0.abs_diff(life.bytes), slot.0)
        });
        let index = match nearest {
            Some((index, _)) => index,
            None => {
                slots.push((0, 0));
                slots.len() - 1
            }
        };
        slots[index] = (slots[index].0.max(life.bytes), life.until);
        of.push(index);
    }
    (of, slots.into_iter().map(|slot| slot.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_share_memory_only_when_the_first_is_no_longer_needed() {
        let life = |bytes, from, until| Lifetime { bytes, from, until };
        let lives = [life(10, 0, 1), life(20, 1, 2), life(8, 2, 3), life(30, 3, 4)];
        let (of, slots) = assign(&lives);
        assert_eq!(of, [0, 1, 0, 1]);
        assert_eq!(slots, [10, 30]);
    }
}
