//! Registers and memories.

use std::fmt::Write as _;

use crate::ir::{Collisions, Memory, MemoryStyle, NodeId, ReadKind, RegisterDef, WritePort};

use super::body::{Body, word_range};
use super::text::{Shape, range, wide_literal};

impl Body<'_> {
    pub(super) fn declare_state(&mut self) {
        let module = self.module;
        self.section(|body| {
            for register in &module.registers {
                let declaration = Shape::from(register.ty).declaration();
                body.line(&format!("reg {declaration}{};", register.name), register.location);
            }
        });
        for (memory, index) in module.memories.iter().zip(0..) {
            self.section(|body| body.declare_memory(memory, index));
        }
    }

    fn declare_memory(&mut self, memory: &Memory, index: usize) {
        let style = match memory.style {
            MemoryStyle::Auto => "",
            MemoryStyle::Block => "(* ram_style = \"block\" *) ",
            MemoryStyle::Ultra => "(* ram_style = \"ultra\" *) ",
            MemoryStyle::Distributed => "(* ram_style = \"distributed\" *) ",
        };
        let collisions = match memory.collisions {
            Collisions::ReadFirst => "",
            Collisions::Unused => "(* no_rw_check *) ",
        };
        let word = word_range(memory.lanes, memory.lane_ty);
        let Memory { name, depth, .. } = memory;
        self.line(&format!("{style}{collisions}reg {word}{name} [0:{}];", depth - 1), memory.location);
        for (port, read) in memory.reads.iter().enumerate() {
            if read.kind == ReadKind::Synchronous {
                let declaration = format!("reg {word}{};", self.signals.name(self.reads[index][port]));
                self.line(&declaration, memory.location);
            }
        }
        if let Some(init) = &memory.init {
            self.out.push_str("  initial begin\n");
            for (address, lanes) in init.chunks(memory.lanes).enumerate() {
                let value = match *lanes {
                    [only] => Shape::from(memory.lane_ty).literal(memory.lane_ty.value_of(only)),
                    _ => wide_literal(lanes, memory.lane_ty.width()),
                };
                _ = writeln!(self.out, "    {name}[{address}] = {value};");
            }
            self.out.push_str("  end\n");
        }
    }

    /// Writes what asynchronous ports answer that no value has needed.
    pub(super) fn asynchronous_reads(&mut self) {
        for (index, memory) in self.module.memories.iter().enumerate() {
            (0..memory.reads.len()).for_each(|port| self.asynchronous_read(index, port));
        }
    }

    /// Writes what an asynchronous port answers, unless it is synchronous or written already.
    pub(super) fn asynchronous_read(&mut self, memory: usize, port: usize) {
        let definition = &self.module.memories[memory];
        if definition.reads[port].kind == ReadKind::Synchronous || !self.answered.insert((memory, port)) {
            return;
        }
        let address = self.unsigned(definition.reads[port].address);
        let word = word_range(definition.lanes, definition.lane_ty);
        let answer = self.signals.name(self.reads[memory][port]);
        let text = format!("wire {word}{answer} = {}[{address}];", definition.name);
        self.line(&text, definition.location);
    }

    pub(super) fn clocked_registers(&mut self) {
        for register in &self.module.registers {
            self.clocked_register(register);
        }
    }

    fn clocked_register(&mut self, register: &RegisterDef) {
        let RegisterDef { name, ty, .. } = register;
        let clock = self.clock_text();
        let next = format!("{name} <= {};", self.same(register.next));
        let enable = register.enable.map(|enable| self.bits(enable));
        let reset = register.reset.map(|bits| (self.reset_text(), Shape::from(*ty).literal(ty.value_of(bits))));
        let taken = match &enable {
            Some(enable) => format!("if ({enable}) {next}{}", self.otherwise(register.enable, name)),
            None => next,
        };
        let Some((reset, value)) = reset else {
            return self.line(&format!("always @(posedge {clock}) {taken}"), register.location);
        };
        self.line(&format!("always @(posedge {clock}) begin"), register.location);
        _ = write!(self.out, "    if (!{reset}) {name} <= {value};\n    else {taken}\n  end\n");
    }

    /// One process for all clocked ports: reads see the old contents, the later of two writes wins.
    pub(super) fn clocked_memory(&mut self, index: usize) {
        let memory = &self.module.memories[index];
        let reads: Vec<_> =
            (0..memory.reads.len()).filter(|&port| memory.reads[port].kind == ReadKind::Synchronous).collect();
        if reads.is_empty() && memory.writes.is_empty() {
            return;
        }
        let addresses: Vec<String> = (0..memory.writes.len()).map(|port| self.write_address(memory, port)).collect();
        let clock = self.clock_text();
        self.line(&format!("always @(posedge {clock}) begin"), memory.location);
        for port in reads {
            let read = &memory.reads[port];
            let condition = self.condition(read.enable);
            let address = self.unsigned(read.address);
            let answer = self.signals.name(self.reads[index][port]);
            let otherwise = self.otherwise(read.enable, answer);
            let text = format!("    {condition}{answer} <= {}[{address}];{otherwise}\n", memory.name);
            self.out.push_str(&text);
        }
        for (write, address) in memory.writes.iter().zip(addresses) {
            self.clocked_write(memory, write, &address);
        }
        self.out.push_str("  end\n");
    }

    /// The address of a write port; a literal gets a name, because Yosys makes registers of a memory
    /// that is written at a literal.
    fn write_address(&mut self, memory: &Memory, port: usize) -> String {
        let address = memory.writes[port].address;
        let text = self.unsigned(address);
        if self.plan.constant(address).is_none() {
            return text;
        }
        let name = self.names.unique(&format!("{}_write{port}_address", memory.name));
        let word = range(memory.address_width());
        self.line(&format!("wire {word}{name} = {text};"), memory.location);
        name
    }

    fn clocked_write(&mut self, memory: &Memory, write: &WritePort, address: &str) {
        let name = &memory.name;
        let condition = self.condition(Some(write.enable));
        let Some(lane_enables) = &write.lane_enables else {
            let data = match *write.data {
                [only] => self.same(only),
                // Lane 0 is the lowest.
                ref lanes => {
                    let lanes: Vec<String> = lanes.iter().rev().map(|&lane| self.bits(lane)).collect();
                    format!("{{{}}}", lanes.join(", "))
                }
            };
            _ = writeln!(self.out, "    {condition}{name}[{address}] <= {data};");
            return;
        };
        let (open, indent, close) = match condition.is_empty() {
            true => (String::new(), "    ", ""),
            false => (format!("    {condition}begin\n"), "      ", "    end\n"),
        };
        self.out.push_str(&open);
        let width = memory.lane_ty.width() as usize;
        for (lane, (&enable, &data)) in lane_enables.iter().zip(&write.data).enumerate() {
            let condition = self.condition(Some(enable));
            let data = self.same(data);
            let (high, low) = ((lane + 1) * width - 1, lane * width);
            let bits = match (memory.lanes, width) {
                (1, _) => String::new(),
                (_, 1) => format!("[{low}]"),
                _ => format!("[{high}:{low}]"),
            };
            _ = writeln!(self.out, "{indent}{condition}{name}[{address}]{bits} <= {data};");
        }
        self.out.push_str(close);
    }

    /// What a register does otherwise, where it is never enabled: Yosys takes one that nothing writes
    /// for a wire without a driver.
    fn otherwise(&self, enable: Option<NodeId>, register: &str) -> String {
        let never = enable.is_some_and(|enable| self.plan.constant(enable) == Some(0));
        if never { format!(" else {register} <= {register};") } else { String::new() }
    }

    /// `if (enable) `, or nothing where it is always 1.
    fn condition(&mut self, enable: Option<NodeId>) -> String {
        match enable {
            Some(enable) if self.plan.constant(enable) != Some(1) => format!("if ({}) ", self.bits(enable)),
            _ => String::new(),
        }
    }
}
