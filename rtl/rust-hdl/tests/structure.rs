//! What a lowered design looks like: names, shared modules, and Verilog that no tool complains about.

use myelin_conformance::lint::lint;
use myelin_conformance::tools::{Tool, available};
use myelin_hdl::Design;
use myelin_hdl::rust_hdl::{lower, lower_named};
use rust_hdl_core::prelude::*;
use rust_hdl_widgets::prelude::*;

fn design<B: Block>(block: &B) -> Design {
    Design::new(lower(block).expect("the block is lowered")).expect("names are kept")
}

#[derive(LogicBlock)]
struct Blinkers {
    clock: Signal<In, Clock>,
    enable: Signal<In, Bits<3>>,
    lights: Signal<Out, Bits<3>>,
    reg_clk: Signal<Local, Bit>,
    slow: Strobe<8>,
    quick: Strobe<8>,
    row: [Strobe<8>; 2],
}

impl Default for Blinkers {
    fn default() -> Self {
        let strobe = || Strobe::new(1000, 50.0);
        Self {
            clock: Default::default(),
            enable: Default::default(),
            lights: Default::default(),
            reg_clk: Default::default(),
            slow: strobe(),
            quick: Strobe::new(1000, 200.0),
            row: [strobe(), strobe()],
        }
    }
}

impl Logic for Blinkers {
    #[hdl_gen]
    fn update(&mut self) {
        clock!(self, clock, slow, quick);
        for i in 0..2 {
            self.row[i].clock.next = self.clock.val();
            self.row[i].enable.next = self.enable.val().get_bit(i);
        }
        self.slow.enable.next = self.enable.val().get_bit(0);
        self.quick.enable.next = self.enable.val().get_bit(1);
        self.reg_clk.next = self.row[0].strobe.val() | self.row[1].strobe.val();
        self.lights.next = bit_cast::<3, 1>(self.slow.strobe.val().into())
            | bit_cast::<3, 1>(self.quick.strobe.val().into()) << 1
            | bit_cast::<3, 1>(self.reg_clk.val().into()) << 2;
    }
}

#[test]
fn equal_children_share_one_module_whatever_they_are_called() {
    let design = design(&Blinkers::default());
    // `slow` and both of `row` are one body, `quick` has another threshold.
    assert_eq!(design.modules().len(), 3);
    let top = design.top();
    let instances: Vec<(&str, &str)> =
        top.instances.iter().map(|instance| (instance.name.as_str(), instance.module.name.as_str())).collect();
    assert_eq!(instances, [("slow", "slow"), ("quick", "quick"), ("row_0", "slow"), ("row_1", "slow")]);
}

#[test]
fn names_are_those_of_the_fields() {
    let design = design(&Blinkers::default());
    let top = design.top();
    assert_eq!(top.name, "blinkers");
    assert_eq!(top.inputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["enable"]);
    assert_eq!(top.outputs.iter().map(|port| port.name.as_str()).collect::<Vec<_>>(), ["lights"]);
    assert_eq!(top.instances[0].module.registers[0].name, "counter_q");
    assert!(top.nodes.iter().any(|node| node.name.as_deref() == Some("reg_clk")));
    let renamed = lower_named("lamp", &Blinkers::default()).expect("the block is lowered");
    assert_eq!(renamed.name, "lamp");
}

#[test]
fn power_up_values_become_reset_values() {
    let design = design(&DFFWithInit::<Bits<8>>::new(0x5a.into()));
    assert_eq!(design.top().registers[0].reset, Some(0));
    let edge = rust_hdl_widgets::edge_ff::EdgeDFF::<Signed<8>>::new((-3).into());
    let module = lower(&edge).expect("a leaf can be the top");
    assert_eq!(module.registers[0].reset, Some(0xfd));
    assert_eq!(module.name, "edge_dff");
}

#[test]
fn a_clock_output_of_the_top_is_named_in_its_comment() {
    let module = lower(&SDRAMOnChipBuffer::<16>::default()).expect("the block is lowered");
    assert_eq!(module.doc, "Lowered from rust-hdl. Clock outputs left out, connect clk_i: buf_out.clk.");
}

#[test]
fn no_tool_complains_about_the_verilog() {
    let config = SPIConfig {
        clock_speed: 48_000_000,
        cs_off: true,
        mosi_off: false,
        speed_hz: 1_000_000,
        cpha: true,
        cpol: false,
    };
    let designs = [
        design(&Blinkers::default()),
        design(&SynchronousFIFO::<Bits<8>, 4, 5, 1>::default()),
        design(&SPIMaster::<16>::new(config)),
        design(&SPISlave::<16>::new(config)),
        design(&DelayLine::<Bits<8>, 8, 3>::default()),
        design(&MultiplyAccumulateSymmetricFiniteImpulseResponseFilter::<3>::new(&[1, -2, 3, -2, 1])),
        design(&I2CTestTarget::new(0x53)),
    ];
    for tool in [Tool::Verilator, Tool::Icarus, Tool::Yosys] {
        if !available("lint of lowered rust-hdl", &[tool]) {
            continue;
        }
        for design in &designs {
            lint(design, tool).unwrap_or_else(|error| panic!("{tool} on {}: {error}", design.top().name));
        }
    }
}
