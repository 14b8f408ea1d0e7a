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

    /// Names what the read ports of memories answer.
    pub(super) fn memory_reads(&mut self, module: &Module) -> Vec<Vec<String>> {
        let answer = |memory: &Memory, port: usize| match memory.reads[port].kind {
            ReadKind::Synchronous => format!("{}_read{port}_q", memory.name),
            ReadKind::Asynchronous => format!("{}_read{port}", memory.name),
        };
        let memories = module.memories.iter();
        memories
            .map(|memory| (0..memory.reads.len()).map(|port| self.unique(&answer(memory, port))).collect())
            .collect()
    }
}

/// For each memory and read port, the emitted name of what the port answers: a register
/// (`<memory>_read<port>_q`) on synchronous ports.
pub fn memory_read_names(module: &Module) -> Vec<Vec<String>> {
    Names::of(module).memory_reads(module)
}

/// Whether `name` is a keyword of SystemVerilog (Verilog-2005 included) or of C++, into whose names
/// Verilator turns ports.
pub fn is_reserved(name: &str) -> bool {
    KEYWORDS.contains(name) || CXX_KEYWORDS.contains(name)
}

/// C++20, those that are not keywords of SystemVerilog.
static CXX_KEYWORDS: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    "
    alignas alignof and_eq asm auto bitand bitor bool catch char char16_t char32_t char8_t co_await co_return
    co_yield compl concept const_cast consteval constexpr constinit decltype delete double dynamic_cast explicit
    false float friend goto inline long mutable namespace noexcept not_eq nullptr operator or_eq private public
    register reinterpret_cast requires short sizeof static_assert static_cast switch template thread_local throw
    true try typeid typename volatile wchar_t xor_eq
    "
    .split_whitespace()
    .collect()
});

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
        for name in ["wire", "always", "xor", "accept_on", "endmodule", "template"] {
            assert!(is_reserved(name), "{name}");
        }
        assert!(!is_reserved("count_q"));
    }
}
