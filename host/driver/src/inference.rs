//! What an inference answers and what the device's counters say about it.

use myelin_compile::{LayerKind, Program};
use myelin_isa::{Architecture, register};

/// One head of the network.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Output {
    /// Name of the node it comes from, as in the model.
    pub name: String,
    /// The elements, row-major in the shape that the model gives it.
    pub values: Vec<i32>,
}

/// The answer to one input.
#[derive(Clone, PartialEq, Debug)]
pub struct Inference {
    /// The heads, in the model's order.
    pub outputs: Vec<Output>,
    /// What the counters say; `None` from a device that has none, as the reference, or if nobody wants to know ([`crate::Session::set_reports`]).
    pub report: Option<CycleReport>,
}

/// The device's counters after one inference.
#[derive(Clone, PartialEq, Debug)]
pub struct CycleReport {
    /// The device's whole time, from start to halt: of all cells together, see [`Counters::total`].
    pub counters: Counters,
    /// The same of each cell.
    pub cells: Vec<Counters>,
    /// Cycle numbers the program took, in order, counted from start.
    pub stamps: Vec<u32>,
    /// One entry for each layer, in the order of execution.
    pub layers: Vec<LayerReport>,
    /// Cycles the compiler predicted for the whole.
    pub predicted_cycles: u64,
    /// Multiply-accumulates of the whole network that its definition asks for.
    pub macs: u64,
    /// Multiply-accumulates a cycle can do.
    pub macs_per_cycle: u32,
}

impl CycleReport {
    /// From what the device counted while it ran `program`.
    pub fn new(program: &Program, cells: Vec<Counters>, stamps: Vec<u32>) -> CycleReport {
        let macs_per_cycle = program.architecture.macs();
        // The end of the layer before, where that is known.
        let mut before = Some(0u32);
        let layers = program.layers.iter().map(|layer| {
            let end = layer.stamp.and_then(|stamp| stamps.get(stamp as usize).copied());
            let cycles = end.zip(before).map(|(end, before)| end.wrapping_sub(before));
            // A layer that the first cell has no part in takes no stamp: its cycles count for the next.
            before = end.or(before);
            LayerReport {
                name: layer.name.clone(),
                kind: layer.kind,
                cycles,
                predicted_cycles: layer.cycles,
                macs: layer.macs,
                utilisation: cycles.map(|cycles| utilisation(layer.macs, cycles, macs_per_cycle)),
            }
        });
        CycleReport {
            layers: layers.collect(),
            counters: Counters::total(&cells),
            cells,
            stamps,
            predicted_cycles: program.prediction.cycles,
            macs: program.macs(),
            macs_per_cycle,
        }
    }

    /// This run and then another on the same device: layers and stamps follow each other, all else adds up.
    pub fn then(mut self, next: CycleReport) -> CycleReport {
        let add = |a: &Counters, b: &Counters| Counters::from_registers(a.added(b));
        self.counters = add(&self.counters, &next.counters);
        self.cells = self.cells.iter().zip(&next.cells).map(|(a, b)| add(a, b)).collect();
        self.stamps.extend(next.stamps);
        self.layers.extend(next.layers);
        self.predicted_cycles += next.predicted_cycles;
        self.macs += next.macs;
        self
    }

    /// Cycles from start to halt.
    pub fn cycles(&self) -> u32 {
        self.counters.cycles
    }

    /// Share of the multipliers' time that did the network's work; see [`utilisation`].
    pub fn utilisation(&self) -> f64 {
        utilisation(self.macs, self.counters.cycles, self.macs_per_cycle)
    }

    /// The convolution layers together, pools in their drains included; `None` without any, or when
    /// the cycles of one are not known.
    pub fn convolutions(&self) -> Option<LayerReport> {
        let mut layers = self.layers.iter().filter(|layer| layer.kind == LayerKind::Convolution);
        let mut sum = LayerReport { name: "convolutions".to_owned(), ..layers.next()?.clone() };
        for layer in layers {
            sum.cycles = sum.cycles.zip(layer.cycles).map(|(sum, cycles)| sum + cycles);
            sum.predicted_cycles += layer.predicted_cycles;
            sum.macs += layer.macs;
        }
        sum.utilisation = Some(utilisation(sum.macs, sum.cycles?, self.macs_per_cycle));
        Some(sum)
    }
}

/// One layer's share of an inference.
#[derive(Clone, PartialEq, Debug)]
pub struct LayerReport {
    /// Name, as in the model.
    pub name: String,
    /// What it does.
    pub kind: LayerKind,
    /// Cycles between the end of the layer before (or the start) and its own end; `None` for a
    /// layer beyond the device's stamps.
    pub cycles: Option<u32>,
    /// The same as the compiler predicted it.
    pub predicted_cycles: u64,
    /// Multiply-accumulates that the layer's definition asks for, padding counted as work.
    pub macs: u64,
    /// Share of the multipliers' time that did them, where the cycles are known; see [`utilisation`].
    pub utilisation: Option<f64>,
}

/// `macs / (cycles * macs_per_cycle)`: 0 for no cycles. For people; nothing is computed from it.
pub fn utilisation(macs: u64, cycles: u32, macs_per_cycle: u32) -> f64 {
    match u64::from(cycles) * u64::from(macs_per_cycle) {
        0 => 0.0,
        slots => macs as f64 / slots as f64,
    }
}

/// The performance counters of the register map, in cycles unless their name says otherwise.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
#[expect(missing_docs, reason = "each is documented where it is defined, in myelin_isa::register")]
pub struct Counters {
    pub cycles: u32,
    pub array_busy: u32,
    pub stall_weights: u32,
    pub stall_data: u32,
    pub post_busy: u32,
    pub post_stall: u32,
    pub load_busy: u32,
    pub store_busy: u32,
    pub instructions: u32,
}

impl Counters {
    /// From the registers, [`register::COUNTER_CYCLES`] first.
    pub fn from_registers(values: [u32; register::COUNTER_COUNT as usize]) -> Counters {
        let at = |index: u32| values[index as usize];
        Counters {
            cycles: at(register::COUNTER_CYCLES),
            array_busy: at(register::COUNTER_ARRAY_BUSY),
            stall_weights: at(register::COUNTER_STALL_WEIGHTS),
            stall_data: at(register::COUNTER_STALL_DATA),
            post_busy: at(register::COUNTER_POST_BUSY),
            post_stall: at(register::COUNTER_POST_STALL),
            load_busy: at(register::COUNTER_LOAD_BUSY),
            store_busy: at(register::COUNTER_STORE_BUSY),
            instructions: at(register::COUNTER_INSTRUCTIONS),
        }
    }

    fn added(&self, other: &Counters) -> [u32; register::COUNTER_COUNT as usize] {
        let (a, b) = (self.named(), other.named());
        core::array::from_fn(|index| a[index].1.saturating_add(b[index].1))
    }

    /// Of cells that ran together: the longest time, and the sum of all else (at most `u32::MAX`).
    pub fn total(cells: &[Counters]) -> Counters {
        let mut values = [0u32; register::COUNTER_COUNT as usize];
        for cell in cells {
            for (index, (total, (_, value))) in (0..).zip(values.iter_mut().zip(cell.named())) {
                let is_time = index == register::COUNTER_CYCLES;
                *total = if is_time { value.max(*total) } else { total.saturating_add(value) };
            }
        }
        Counters::from_registers(values)
    }

    /// Name and value of each, in the order of the register map.
    pub fn named(&self) -> [(&'static str, u32); register::COUNTER_COUNT as usize] {
        [
            ("cycles", self.cycles),
            ("array_busy", self.array_busy),
            ("stall_weights", self.stall_weights),
            ("stall_data", self.stall_data),
            ("post_busy", self.post_busy),
            ("post_stall", self.post_stall),
            ("load_busy", self.load_busy),
            ("store_busy", self.store_busy),
            ("instructions", self.instructions),
        ]
    }
}

/// What the SHAPE register says of a cell: the part of its [`Architecture`] that can be read back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceShape {
    /// Rows of the array.
    pub rows: u32,
    /// Columns of the array.
    pub columns: u32,
    /// Bits of an activation or weight.
    pub precision_bits: u32,
    /// Bytes of a beat.
    pub lanes: u32,
    /// Cells.
    pub cells: u32,
}

impl DeviceShape {
    /// From the register's value; `None` if no cell could have it.
    pub fn from_register(value: u32) -> Option<DeviceShape> {
        let [rows, columns, precision_bits, logarithms] = value.to_le_bytes().map(u32::from);
        let (lanes, cells) = (1 << (logarithms & 0xf), 1 << (logarithms >> 4));
        let possible = (1..=Architecture::SIDE_MAX).contains(&rows) && cells <= Architecture::CELLS_MAX;
        possible.then_some(DeviceShape { rows, columns, precision_bits, lanes, cells })
    }
}

impl From<&Architecture> for DeviceShape {
    fn from(cell: &Architecture) -> DeviceShape {
        DeviceShape {
            rows: cell.rows(),
            columns: cell.columns(),
            precision_bits: cell.precision().bits(),
            lanes: cell.lanes(),
            cells: cell.cells(),
        }
    }
}

impl std::fmt::Display for DeviceShape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let DeviceShape { rows, columns, precision_bits, lanes, cells } = self;
        if *cells > 1 {
            write!(f, "{cells} cells of ")?;
        }
        write!(f, "{rows}x{columns} int{precision_bits} with {lanes} lanes")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_register() {
        let values = std::array::from_fn(|index| 100 + index as u32);
        let counters = Counters::from_registers(values);
        assert_eq!(counters.named().map(|(_, value)| value), values);
        assert_eq!(counters.cycles, 100);
        assert_eq!(counters.instructions, 100 + register::COUNTER_INSTRUCTIONS);
    }

    #[test]
    fn cells_that_run_together_take_the_longest_time() {
        let cells = [10, 30, 20].map(|cycles| Counters { cycles, array_busy: 7, ..Counters::default() });
        assert_eq!(Counters::total(&cells), Counters { cycles: 30, array_busy: 21, ..Counters::default() });
    }

    #[test]
    fn utilisation_is_the_share_of_multiplier_slots_used() {
        assert_eq!(utilisation(640, 10, 64), 1.0);
        assert_eq!(utilisation(160, 10, 64), 0.25);
        assert_eq!(utilisation(5, 0, 64), 0.0);
    }

    #[test]
    fn an_impossible_shape_register_is_none() {
        assert_eq!(DeviceShape::from_register(0xffff_ffff), None);
        let shape = DeviceShape::from_register(0x0408_0a0c).unwrap();
        assert_eq!(shape.to_string(), "12x10 int8 with 16 lanes");
    }
}
