//! The bus end of a block of registers: one access for each request, answered in the next cycle.

use std::cell::RefCell;
use std::collections::BTreeMap;

use myelin_hdl::{ModuleBuilder, Register, Signal, choose, concat, mux, tree_reduce, u};

use super::{Answer, Cut, Request};

/// Which register a request is for.
pub struct Decode<'a> {
    m: &'a ModuleBuilder,
    cut: Cut,
    address: Signal,
    /// What is known of the address of the cycle before.
    known: RefCell<BTreeMap<u32, Signal>>,
}

impl Decode<'_> {
    /// Whether the request is for the register at this byte address: known a cycle ahead where the bus' paths are cut both ways.
    pub fn is(&self, address: u32) -> Signal {
        self.of(self.address.slice(2, self.address.width() - 2), address)
    }

    /// As [`Decode::is`], given the word address of the request.
    pub fn of(&self, word: Signal, address: u32) -> Signal {
        let now = || word.eq(i64::from(address / 4));
        match self.cut {
            Cut::Requests => now(),
            Cut::Both => {
                let register = || self.m.delay(&format!("is_{address:03x}_q"), now());
                *self.known.borrow_mut().entry(address).or_insert_with(register)
            }
        }
    }
}

/// The subordinate end `bus` of the open module.
///
/// **Timing.** An access happens in one cycle, the first in which the request is valid and the block does not wait; the
/// answer is registered: ready and data in the cycle after it.
pub struct Port<'a> {
    decode: Decode<'a>,
    request: Request,
    answered: Register,
    /// One bit: a register is written in this cycle.
    pub write: Signal,
    /// One bit: a register is read in this cycle.
    pub read: Signal,
    /// Data to write.
    pub data: Signal,
}

impl<'a> Port<'a> {
    /// Declares the ports, with so many address bits, on a bus whose paths are cut so. No access happens while `wait` is 1.
    #[track_caller]
    pub fn new(
        m: &'a ModuleBuilder,
        address_bits: u32,
        cut: Cut,
        wait: impl FnOnce(&Decode, &Request) -> Signal,
    ) -> Port<'a> {
        let request = Request::input(m, "bus", address_bits);
        let answered = m.register("answered_q", u(1)).reset(0);
        let decode = Decode { m, cut, address: request.address, known: RefCell::default() };
        let access = (request.valid & !answered.q & !wait(&decode, &request)).named("access");
        answered.next(access);
        let write = (access & request.write).named("write");
        let read = (access & !request.write).named("read");
        Port { decode, request, answered, write, read, data: request.data }
    }

    /// Whether the request is for the register at this byte address.
    pub fn is(&self, address: u32) -> Signal {
        self.decode.is(address)
    }

    /// The word address of the request.
    pub fn address(&self) -> Signal {
        self.request.address
    }

    /// One bit: the register at this byte address is written.
    pub fn writes(&self, address: u32) -> Signal {
        self.write & self.is(address)
    }

    /// As [`Port::writes`], for a register for which no access waits: known earlier where the bus' paths are cut both ways.
    pub fn writes_at_once(&self, address: u32) -> Signal {
        match self.decode.cut {
            Cut::Requests => self.writes(address),
            Cut::Both => self.request.valid & !self.answered.q & self.request.write & self.is(address),
        }
    }

    /// A register that the core reads and writes: the low bits of the word, `reset` after reset.
    #[track_caller]
    pub fn register(&self, m: &ModuleBuilder, name: &str, address: u32, width: u32, reset: i64) -> Signal {
        let register = m.register(name, u(width)).reset(reset);
        register.next_when(self.writes(address), self.data.truncate(width));
        register.q
    }

    /// The address of DMA: a register that the core reads and writes, and that moves by one where `steps` is 1. It holds
    /// bits 31 to 28 and the low `offset_bits`, as many as the largest memory has; the others are 0.
    #[track_caller]
    pub fn pointer(&self, m: &ModuleBuilder, name: &str, address: u32, offset_bits: u32, steps: Signal) -> Signal {
        let region = m.register(&format!("{name}_region_q"), u(4)).reset(0);
        region.next_when(self.writes(address), self.data.slice(28, 4));
        let offset = m.register(&format!("{name}_offset_q"), u(offset_bits)).reset(0);
        let written = self.data.truncate(offset_bits);
        offset.next(choose(offset.q).when(self.writes(address), written).when(steps, offset.q.wrapping_add(1)).end());
        concat(&[region.q, m.constant(u(28 - offset_bits), 0), offset.q])
    }

    /// Answers: the values of the registers that can be read; 0 elsewhere.
    #[track_caller]
    pub fn answer(self, m: &ModuleBuilder, registers: &[(u32, Signal)]) {
        let none = m.constant(u(32), 0);
        let value = match self.decode.cut {
            Cut::Requests => {
                let mut value = choose(none);
                for &(address, register) in registers {
                    value = value.when(self.is(address), register.extend(u(32)));
                }
                value.end()
            }
            // At most one is it.
            Cut::Both => {
                let of = |&(address, register): &(u32, Signal)| mux(self.is(address), register.extend(u(32)), none);
                tree_reduce(&registers.iter().map(of).collect::<Vec<_>>(), |a, b| a | b)
            }
        };
        self.answer_with(m, value);
    }

    /// As [`Port::answer`], with the word that is read in the cycle of the access.
    #[track_caller]
    pub fn answer_with(self, m: &ModuleBuilder, value: Signal) {
        let never = m.constant(u(1), 0);
        self.answer_late(m, value, never, m.constant(u(32), 0));
    }

    /// As [`Port::answer_with`]; where `is_late` is 1, with `late` instead: both in the cycle after the access.
    #[track_caller]
    pub fn answer_late(self, m: &ModuleBuilder, value: Signal, is_late: Signal, late: Signal) {
        let data = m.register("answer_q", u(32));
        data.next(value.extend(u(32)));
        let data = mux(is_late, late, data.q);
        Answer { ready: self.answered.q, data }.output(m, "bus");
    }
}
