//! The declared signals of one module, and which of their bits are read.

use super::text::Shape;

/// A declared signal: an index into [`Signals`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct SignalId(usize);

/// Bits of a declared signal, read as an integer of some sign: what a node of the IR is in the text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct Part {
    pub(super) signal: SignalId,
    pub(super) low: u32,
    pub(super) shape: Shape,
}

struct Signal {
    name: String,
    shape: Shape,
    read: Vec<bool>,
}

/// All signals declared so far, in order of declaration.
#[derive(Default)]
pub(super) struct Signals {
    signals: Vec<Signal>,
}

impl Signals {
    /// Adds a signal whose name is unique already.
    pub(super) fn declare(&mut self, name: String, shape: Shape) -> SignalId {
        self.signals.push(Signal { name, shape, read: vec![false; shape.width as usize] });
        SignalId(self.signals.len() - 1)
    }

    pub(super) fn name(&self, id: SignalId) -> &str {
        &self.signals[id.0].name
    }

    /// A part's text, and whether Verilog takes it for signed.
    pub(super) fn text(&self, part: Part) -> (String, bool) {
        let signal = &self.signals[part.signal.0];
        if part.low == 0 && part.shape.width == signal.shape.width {
            return (signal.name.clone(), signal.shape.signed);
        }
        let (low, high) = (part.low, part.low + part.shape.width - 1);
        let bits = if low == high { format!("[{low}]") } else { format!("[{high}:{low}]") };
        (format!("{}{bits}", signal.name), false)
    }

    /// The text of a part's highest bit.
    pub(super) fn sign_bit(&self, part: Part) -> String {
        let signal = &self.signals[part.signal.0];
        let high = part.low + part.shape.width - 1;
        if signal.shape.width == 1 { signal.name.clone() } else { format!("{}[{high}]", signal.name) }
    }

    /// A name for something derived from a part.
    pub(super) fn stem(&self, part: Part) -> String {
        let signal = &self.signals[part.signal.0];
        let (low, width) = (part.low, part.shape.width);
        match (low == 0 && width == signal.shape.width, width) {
            (true, _) => signal.name.clone(),
            (false, 1) => format!("{}_{low}", signal.name),
            (false, _) => format!("{}_{}_{low}", signal.name, low + width - 1),
        }
    }

    /// Notes that a part is read.
    pub(super) fn read(&mut self, part: Part) {
        let (low, width) = (part.low as usize, part.shape.width as usize);
        self.signals[part.signal.0].read[low..low + width].fill(true);
    }

    /// Notes that all of a signal is read.
    pub(super) fn read_all(&mut self, id: SignalId) {
        self.signals[id.0].read.fill(true);
    }

    /// Text of every stretch of bits that nothing has read, lowest bits last; from now on they are read.
    pub(super) fn take_unread(&mut self) -> Vec<String> {
        let mut stretches = Vec::new();
        for signal in &self.signals {
            if signal.read.iter().all(|&read| !read) {
                stretches.push(signal.name.clone());
                continue;
            }
            let mut high = signal.read.len();
            while high > 0 {
                let unread = !signal.read[high - 1];
                let low = signal.read[..high].iter().rposition(|&read| read == unread).map_or(0, |index| index + 1);
                if unread && high - low == 1 {
                    stretches.push(format!("{}[{low}]", signal.name));
                } else if unread {
                    stretches.push(format!("{}[{}:{low}]", signal.name, high - 1));
                }
                high = low;
            }
        }
        self.signals.iter_mut().for_each(|signal| signal.read.fill(true));
        stretches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unread_bits_are_listed_as_stretches() {
        let mut signals = Signals::default();
        let shape = |width| Shape { width, signed: false };
        let word = signals.declare("word".to_owned(), shape(8));
        signals.declare("bit".to_owned(), shape(1));
        signals.read(Part { signal: word, low: 2, shape: shape(3) });
        signals.read(Part { signal: word, low: 6, shape: shape(1) });
        assert_eq!(signals.take_unread(), ["word[7]", "word[5]", "word[1:0]", "bit"]);
        assert!(signals.take_unread().is_empty());
    }
}
