//! Arrays: one child placed many times in a row or a grid, wired as arrays in hardware are.

use std::sync::Arc;

use myelin_hdl::{InstanceHandle, Module, Signal, Ty, mux, select, tree_reduce, u};
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::body::Body;
use super::convert::{pick, random_value};
use super::values::Pool;

/// Nodes of a body and all below it.
pub(super) fn values_in(module: &Module) -> usize {
    module.nodes.len() + module.instances.iter().map(|instance| values_in(&instance.module)).sum::<usize>()
}

/// Where an input of the lanes comes from.
#[derive(Clone, Copy)]
enum Source {
    /// One value for all lanes.
    Broadcast(Signal),
    /// A constant of its own for each lane.
    Constants,
    /// Any value for each lane.
    Anything,
    /// A value for the first lane, delayed by one register more for each of the next.
    Skewed,
    /// The output of a neighbour, a register or more away; what is at the border follows [`Border`].
    Neighbour { direction: Direction, output: usize, border: Border },
    /// The output of any lane, a register or more away.
    Scattered(usize),
    /// Any output of the lane connected last: a path through all lanes within the cycle.
    Before,
}

#[derive(Clone, Copy)]
enum Direction {
    Left,
    Right,
    Above,
    Below,
}

/// What the lanes at the border of an array take instead of a neighbour's output.
#[derive(Clone, Copy)]
enum Border {
    /// One value.
    Value(Signal),
    /// The values of a skewed input.
    Skewed,
    /// Any value.
    Anything,
    /// The output of the lane at the other end.
    Wrapped,
}

/// An array whose lanes are there and being connected.
struct Lanes {
    module: Arc<Module>,
    handles: Vec<InstanceHandle>,
    columns: usize,
    /// A value delayed by ever more registers.
    skewed: Vec<Signal>,
    /// Lanes are connected from the first to the last, or the other way.
    forward: bool,
}

impl Lanes {
    fn output(&self, lane: usize, output: usize) -> Signal {
        self.handles[lane].output(&self.module.outputs[output].name)
    }

    fn skewed(&self, lane: usize) -> Signal {
        let place = if self.handles.len() > self.columns { lane / self.columns } else { lane };
        self.skewed[place % self.skewed.len()]
    }

    /// The neighbour, and whether it is one: else the lane at the other end of row or column.
    fn neighbour(&self, lane: usize, direction: Direction) -> (usize, bool) {
        let (count, columns) = (self.handles.len(), self.columns);
        let column = lane % columns;
        match direction {
            Direction::Left if column > 0 => (lane - 1, true),
            Direction::Left => (lane + columns - 1, false),
            Direction::Right if column + 1 < columns => (lane + 1, true),
            Direction::Right => (lane + 1 - columns, false),
            Direction::Above if lane >= columns => (lane - columns, true),
            Direction::Above => (lane + count - columns, false),
            Direction::Below if lane + columns < count => (lane + columns, true),
            Direction::Below => (lane + columns - count, false),
        }
    }
}

impl Body<'_> {
    /// Places an array that is still to come and connects all of it.
    pub(super) fn place_some_array(&mut self) {
        let Some((kind, child)) = self.arrays.pop() else {
            return;
        };
        let (rows, columns) = self.shape(&child);
        let skewed = self.skew(kind, if rows > 1 { rows } else { columns });
        let handles: Vec<InstanceHandle> = (0..rows * columns)
            .map(|lane| self.m.instance(&format!("lane_{kind}_{}_{}", lane / columns, lane % columns), &child))
            .collect();
        let lanes = Lanes { module: child, handles, columns, skewed, forward: self.random.random_bool(0.5) };
        self.connect_lanes(&lanes);
        self.show_lanes(&lanes);
    }

    /// Rows and columns: counts below, at and above those that are packed, whole vectors and not.
    fn shape(&mut self, child: &Module) -> (usize, usize) {
        let random = &mut *self.random;
        let (mut rows, mut columns) = match random.random_range(0..6) {
            0 => (1, random.random_range(2..8)),
            1 => (1, random.random_range(4..34)),
            2 => (random.random_range(2..8), random.random_range(2..8)),
            3 => (random.random_range(3..17), 16),
            4 => (random.random_range(1..4), 8),
            _ => (random.random_range(2..33), 1),
        };
        while rows * columns > 4 && rows * columns * values_in(child) > self.config.array_values {
            if rows > columns {
                rows -= 1;
            } else {
                columns -= 1;
            }
        }
        (rows, columns)
    }

    fn skew(&mut self, kind: usize, count: usize) -> Vec<Signal> {
        let mut value = self.pool.draw(self.random);
        let mut taps = vec![value];
        if self.random.random_bool(0.5) {
            for stage in 1..count {
                value = self.m.delay(&format!("skew_{kind}_{stage}_q"), value);
                taps.push(value);
            }
        }
        taps
    }

    fn connect_lanes(&mut self, lanes: &Lanes) {
        let module = &lanes.module;
        // Outputs that no input reaches within the cycle can be used before the inputs are connected.
        let state_outputs: Vec<usize> =
            (0..module.outputs.len()).filter(|&output| module.combinational_inputs[output].is_empty()).collect();
        let sources: Vec<Source> =
            module.inputs.iter().map(|port| Source::pick(self.random, &self.pool, port.ty, &state_outputs)).collect();
        let count = lanes.handles.len();
        for turn in 0..count {
            let lane = if lanes.forward { turn } else { count - 1 - turn };
            for (port, &source) in module.inputs.iter().zip(&sources) {
                let driver = self.driver(lanes, lane, port.ty, source);
                // The same for all lanes, as one generator would write it.
                let driver = if driver.ty() == port.ty { driver } else { plainly(driver, port.ty) };
                lanes.handles[lane].input(&port.name, driver);
            }
        }
    }

    fn driver(&mut self, lanes: &Lanes, lane: usize, ty: Ty, source: Source) -> Signal {
        match source {
            Source::Broadcast(value) => value,
            Source::Constants => {
                let value = random_value(self.random, ty);
                self.m.constant(ty, value)
            }
            Source::Anything => self.pool.draw_as(self.random, ty),
            Source::Skewed => lanes.skewed(lane),
            Source::Scattered(output) => {
                let from = self.random.random_range(0..lanes.handles.len());
                lanes.output(from, output)
            }
            Source::Before => {
                let before = if lanes.forward { lane.checked_sub(1) } else { Some(lane + 1) };
                match before.filter(|&before| before < lanes.handles.len()) {
                    Some(before) => {
                        let output = self.random.random_range(0..lanes.module.outputs.len());
                        lanes.output(before, if self.random.random_bool(0.9) { 0 } else { output })
                    }
                    None => self.pool.draw_as(self.random, ty),
                }
            }
            Source::Neighbour { direction, output, border } => match (lanes.neighbour(lane, direction), border) {
                ((neighbour, true), _) | ((neighbour, false), Border::Wrapped) => lanes.output(neighbour, output),
                (_, Border::Value(value)) => value,
                (_, Border::Skewed) => lanes.skewed(lane),
                (_, Border::Anything) => self.pool.draw_as(self.random, ty),
            },
        }
    }

    /// Takes outputs of some lanes, and of all lanes together.
    fn show_lanes(&mut self, lanes: &Lanes) {
        let (count, outputs) = (lanes.handles.len(), lanes.module.outputs.len());
        for _ in 0..self.random.random_range(1..6) {
            let (lane, output) = (self.random.random_range(0..count), self.random.random_range(0..outputs));
            self.pool.values.push(lanes.output(lane, output));
        }
        let output = self.random.random_range(0..outputs);
        let all: Vec<Signal> = (0..count).map(|lane| lanes.output(lane, output)).collect();
        let index = self.pool.draw_as(self.random, u(64 - (count as u64).leading_zeros()));
        let narrow = all[0].width() <= 31;
        let joined = match self.random.random_range(0..5) {
            0 => tree_reduce(&all, |a, b| a ^ b),
            1 => tree_reduce(&all, |a, b| a.wrapping_add(b)),
            // A chain, as long as the array.
            2 => all.iter().skip(1).fold(all[0], |sum, &value| mux(sum.bit(0), sum, value).wrapping_sub(value)),
            3 if narrow => tree_reduce(&all, |a, b| a + b),
            _ => select(index, &all),
        };
        self.pool.values.push(joined);
    }
}

impl Source {
    fn pick(random: &mut ChaCha8Rng, pool: &Pool, ty: Ty, state_outputs: &[usize]) -> Source {
        if ty == Ty::BIT && random.random_bool(0.4) {
            return Source::Broadcast(pool.condition(random));
        }
        let choice = random.random_range(0..if state_outputs.is_empty() { 6 } else { 14 });
        match choice {
            0 | 1 => Source::Broadcast(pool.draw_as(random, ty)),
            2 => Source::Constants,
            3 => Source::Anything,
            4 => Source::Skewed,
            5 => Source::Before,
            6 => Source::Scattered(*pick(random, state_outputs)),
            _ => {
                let direction = *pick(
                    random,
                    // Data mostly moves right and down.
                    &[
                        Direction::Left,
                        Direction::Left,
                        Direction::Above,
                        Direction::Above,
                        Direction::Right,
                        Direction::Below,
                    ],
                );
                let border = match random.random_range(0..4) {
                    0 => Border::Skewed,
                    1 => Border::Anything,
                    2 => Border::Wrapped,
                    _ => Border::Value(pool.draw_as(random, ty)),
                };
                Source::Neighbour { direction, output: *pick(random, state_outputs), border }
            }
        }
    }
}

/// `value` in `ty` by the same conversion for every lane.
fn plainly(value: Signal, ty: Ty) -> Signal {
    if ty.contains(value.ty()) {
        value.extend(ty)
    } else if value.width() >= ty.width() {
        value.truncate(ty.width()).cast(ty)
    } else {
        value.cast_unsigned().extend(u(ty.width())).cast(ty)
    }
}
