//! Names inside one emitted module: declared ones are kept, derived ones made unique.

use std::collections::HashSet;
use std::sync::LazyLock;

use crate::ir::{Memory, Module, ReadKind};

/// Hands out names, each once.
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// Reserves what the module declares: ports, state and instances keep their names.
    pub(super) fn of(module: &Module) -> Names {
        let declared = module
            .inputs
            .iter()
            .map(|port| &port.name)
            .chain(module.outputs.iter().map(|port| &port.name))
            .chain(module.registers.iter().map(|register| &register.name))
            .chain(module.memories.iter().map(|memory| &memory.name))
            .chain(module.instances.iter().map(|instance| &instance.name));
        Names { taken: declared.cloned().chain(["clk_i".to_owned(), "rst_ni".to_owned()]).collect() }
    }

    /// `wanted`, or `wanted_2`, `wanted_3`, ... where it is taken or reserved.
    pub(super) fn unique(&mut self, wanted: &str) -> String {
        let mut name = wanted.to_owned();
        let mut suffix = 1;
        while is_reserved(&name) || self.taken.contains(&name) {
            suffix += 1;
            name = format!("{wanted}_{suffix}");
        }
        self.taken.insert(name.clone());
        name
    }
}

/// The name wanted for what read port `port` of `memory` answers: a register (`_q`) on synchronous ports.
///
/// It is the emitted name unless something declared has it already.
pub fn memory_read_name(memory: &Memory, port: usize) -> String {
    let suffix = match memory.reads[port].kind {
        ReadKind::Synchronous => "_q",
        ReadKind::Asynchronous => "",
    };
    format!("{}_read{port}{suffix}", memory.name)
}

/// The name wanted for an output of an instance that nobody reads.
pub fn instance_output_unused_name(instance: &str, output: &str) -> String {
    format!("unused_{instance}_{output}")
}

/// Whether `name` is a keyword of Verilog-2005 or SystemVerilog-2017.
pub fn is_reserved(name: &str) -> bool {
    KEYWORDS.contains(name)
}

/// IEEE 1800-2017, annex B.
static KEYWORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "
    accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before begin bind
    bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class clocking cmos config
    const constraint context continue cover covergroup coverpoint cross deassign default defparam design disable
    dist do edge else end endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup
    endinterface endmodule endpackage endprimitive endprogram endproperty endsequence endspecify endtable endtask
    enum event eventually expect export extends extern final first_match for force foreach forever fork forkjoin
    function generate genvar global highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import
    incdir include initial inout input inside instance int integer interconnect interface intersect join join_any
    join_none large let liblist library local localparam logic longint macromodule matches medium modport module
    nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or output package packed
    parameter pmos posedge primitive priority program property protected pull0 pull1 pulldown pullup
    pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg
    reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always s_eventually s_nexttime
    s_until s_until_with scalared sequence shortint shortreal showcancelled signed small soft solve specify
    specparam static string strong strong0 strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table
    tagged task this throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg
    type typedef union unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait
    wait_order wand weak weak0 weak1 while wildcard wire with within wor xnor xor
    "
    .split_whitespace()
    .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_keywords_of_the_standard_are_reserved() {
        assert_eq!(KEYWORDS.len(), 248);
        for name in ["wire", "always", "xor", "accept_on", "endmodule"] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("count_q"));
    }
}
