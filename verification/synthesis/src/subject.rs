//! The blocks that are synthesised.

use std::sync::Arc;

use myelin_hdl::{Design, Module, module, u};
use myelin_isa::cuckoo::{Core, CoreError, Sip, Variant};
use myelin_isa::{Architecture, ArchitectureError, MultiplierStyle, Precision};
use myelin_rtl::cuckoo::chained_lane::chained_lane;
use myelin_rtl::cuckoo::plain_lane::plain_lane;
use myelin_rtl::cuckoo::sip_pipeline::{End, sip_pipeline};
use myelin_rtl::tensor::packed_pe::{Shape, packed_pe};
use myelin_rtl::tensor::packing::Packing;
use myelin_rtl::tensor::{array, cell, packed_array, pe, post_lane, post_unit};

/// One block with its parameters.
pub struct Subject {
    /// Which block: `pe`, `column`, `array`, `twin_array`, `cell`, `post_lane` or `post_unit`.
    pub block: &'static str,
    /// The cell or core that it is, or is a part of.
    pub of: String,
    /// Which multiplier it is written for.
    pub multiplier: &'static str,
    /// Multiply-accumulates per cycle; 0 for what has no multiplier.
    pub macs: u32,
    /// Multiplier blocks that the packing promises for them.
    pub promised: u32,
    /// The design.
    pub design: Design,
}

impl Subject {
    /// In words, for messages.
    pub fn describe(&self) -> String {
        format!("{} of {}, {}", self.block, self.of, self.multiplier)
    }
}

fn design(top: Arc<Module>) -> Design {
    Design::new(top).expect("invariant: the names of our blocks are identifiers")
}

/// The PE of a style, for as many columns as share its multiplier.
fn one_pe(architecture: Architecture, style: MultiplierStyle) -> Subject {
    let packing = Packing::of(style, architecture.precision(), architecture.rows());
    let macs = packing.as_ref().map_or(1, |packing| packing.products() as u32);
    let top = match packing {
        None => pe::pe(&architecture),
        Some(packing) => packed_pe(&Shape { packing, sum: pe::partial_sum_ty(&architecture) }),
    };
    Subject {
        block: "pe",
        of: architecture.to_string(),
        multiplier: style.name(),
        macs,
        promised: 1,
        design: design(top),
    }
}

/// The PE of two pixels and two columns.
fn quad_pe(architecture: Architecture) -> Subject {
    let packing = Packing::quad(architecture.rows());
    let top = packed_pe(&Shape { packing, sum: pe::partial_sum_ty(&architecture) });
    Subject {
        block: "pe",
        of: architecture.to_string(),
        multiplier: "dsp48e2-quad",
        macs: 4,
        promised: 1,
        design: design(top),
    }
}

/// Columns that share a multiplier.
fn group(architecture: Architecture, style: MultiplierStyle) -> u32 {
    Packing::of(style, architecture.precision(), architecture.rows()).map_or(1, |packing| packing.columns() as u32)
}

fn whole_array(architecture: Architecture, style: MultiplierStyle) -> Subject {
    let promised = architecture.rows() * architecture.columns().div_ceil(group(architecture, style));
    let design = design(array::array(&architecture.with_multiplier(style)));
    Subject {
        block: "array",
        of: architecture.to_string(),
        multiplier: style.name(),
        macs: architecture.macs(),
        promised,
        design,
    }
}

fn whole_cell(architecture: Architecture, style: MultiplierStyle) -> Subject {
    let design = design(cell::cell(&architecture.with_multiplier(style)));
    Subject { block: "cell", design, ..whole_array(architecture, style) }
}

fn twin(architecture: Architecture) -> Option<Subject> {
    let design = design(packed_array::twin_array(&architecture).ok()?);
    let promised = architecture.rows() * architecture.columns().div_ceil(2);
    let macs = 2 * architecture.macs();
    Some(Subject {
        block: "twin_array",
        of: architecture.to_string(),
        multiplier: "dsp48e2-quad",
        macs,
        promised,
        design,
    })
}

fn drain(architecture: Architecture) -> [Subject; 2] {
    [("post_lane", post_lane::post_lane(&architecture)), ("post_unit", post_unit::post_unit(&architecture))].map(
        |(block, top)| Subject {
            block,
            of: architecture.to_string(),
            multiplier: "-",
            macs: 0,
            promised: 0,
            design: design(top),
        },
    )
}

/// Hash lanes of the edge-trimming core, keys and blocks in by a port that a package has pins for.
///
/// # Errors
/// If the parameters are not legal.
pub fn lanes() -> Result<Vec<Subject>, CoreError> {
    const EDGE_BITS: u32 = 29;
    let cores = [
        ("sip_pipeline", Core::new(Variant::Cuckatoo, Sip::TwoFour, EDGE_BITS, 1)?),
        ("plain_lane", Core::new(Variant::Cuckatoo, Sip::TwoFour, EDGE_BITS, 1)?),
        ("chained_lane", Core::new(Variant::Cuckaroo, Sip::TwoFour, EDGE_BITS, 1)?),
        ("chained_lane", Core::new(Variant::Cuckaroo, Sip::FourEight, EDGE_BITS, 1)?),
    ];
    let subject = |(block, core): (&'static str, Core)| {
        let lane = match block {
            "plain_lane" => plain_lane(&core),
            "chained_lane" => chained_lane(&core),
            _ => sip_pipeline(core.sip(), core.variant().last_rotation(), EDGE_BITS + 1, 1, End::Hash),
        };
        let of = format!("SipHash-{}, {EDGE_BITS} edge bits", core.sip().name());
        Subject { block, of, multiplier: "-", macs: 0, promised: 0, design: design(with_few_pins(&lane)) }
    };
    Ok(cores.into_iter().map(subject).collect())
}

/// What the ports of a lane's keys begin with.
const KEYS: [&str; 2] = ["key_", "state_"];

/// A lane whose keys are shifted in by the port of the edges alive: 256 flip-flops more than the lane.
fn with_few_pins(lane: &Arc<Module>) -> Arc<Module> {
    module(format!("{}_with_few_pins", lane.name), |m| {
        m.doc("Hash lane with its keys in a shift register.");
        let shift = m.input("shift_i", u(1));
        let child = m.instance("lane", lane);
        for port in &lane.inputs {
            if !KEYS.iter().any(|key| port.name.starts_with(key)) {
                child.input(&port.name, m.input(&port.name, port.ty));
            }
        }
        let mut word = m.input("key_i", u(64));
        for key in 0..4 {
            let register = m.register(&format!("key_{key}_q"), u(64));
            register.next_when(shift, word);
            word = register.q;
            let keys = lane.inputs.iter().find(|port| KEYS.iter().any(|name| port.name == format!("{name}{key}_i")));
            let port = keys.expect("invariant: every lane has four keys");
            child.input(&port.name, word);
        }
        for port in &lane.outputs {
            m.output(&port.name, child.output(&port.name));
        }
    })
}

/// What is counted for a family: PE, array, cell and drain, in both precisions and all its styles.
///
/// `side` is that of arrays and drains, `cell_side` that of cells; a cell has the memories of a stick
/// (4 Ki activations, 16 Ki weights or a little more).
///
/// # Errors
/// If a side is not in 4..=32.
pub fn resource_subjects(
    styles: &[MultiplierStyle],
    side: u32,
    cell_side: u32,
) -> Result<Vec<Subject>, ArchitectureError> {
    let mut subjects = Vec::new();
    for precision in [Precision::Int8, Precision::Int6] {
        let architecture = Architecture::new(side, side, precision)?;
        let small = Architecture::new(cell_side, cell_side, precision)?;
        let words = (16 << 10) / (small.weight_ports() * small.columns());
        let small = small.with_activation_lanes(4 << 10)?.with_weight_words(words.next_power_of_two())?;
        for &style in styles {
            subjects.push(one_pe(architecture, style));
        }
        let quad = styles.contains(&MultiplierStyle::Dsp48e2Dense) && precision == Precision::Int6;
        if quad {
            subjects.push(quad_pe(architecture));
        }
        for &style in styles {
            subjects.push(whole_array(architecture, style));
        }
        subjects.extend(quad.then(|| twin(architecture)).flatten());
        for &style in styles {
            subjects.push(whole_cell(small, style));
        }
        subjects.extend(drain(architecture));
    }
    Ok(subjects)
}

/// What is simulated as a netlist for a family: its PEs, and arrays of 4 rows and 7 columns, in which
/// PEs stand below and beside each other and the last group is narrower.
///
/// # Panics
/// Never: the sizes are legal.
pub fn netlist_subjects(styles: &[MultiplierStyle]) -> Vec<Subject> {
    let mut subjects = Vec::new();
    for precision in [Precision::Int8, Precision::Int6] {
        let column = Architecture::new(16, 4, precision).expect("invariant: legal sides");
        let small = Architecture::new(4, 7, precision).expect("invariant: legal sides");
        for &style in styles {
            subjects.push(one_pe(column, style));
            subjects.push(whole_array(small, style));
        }
        if styles.contains(&MultiplierStyle::Dsp48e2Dense) && precision == Precision::Int6 {
            subjects.push(quad_pe(column));
            subjects.extend(twin(small));
        }
    }
    subjects
}
