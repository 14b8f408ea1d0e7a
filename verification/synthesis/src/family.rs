//! The families: how Yosys synthesises for them, and what their cells are.

use myelin_isa::MultiplierStyle;

/// A family that Yosys synthesises for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Family {
    /// Xilinx UltraScale+.
    Xcup,
    /// Xilinx 7 series.
    Xc7,
    /// Lattice ECP5.
    Ecp5,
    /// Lattice iCE40 UltraPlus.
    Ice40,
    /// Intel Cyclone V.
    CycloneV,
}

/// What a cell of a netlist is, as far as it is counted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// A multiplier or DSP block.
    Multiplier,
    /// A look-up table.
    Lut,
    /// A carry or arithmetic cell.
    Carry,
    /// A flip-flop.
    FlipFlop,
    /// Block memory.
    BlockMemory,
    /// Memory or shift registers made of look-up tables.
    LutMemory,
    /// Anything else: multiplexers, buffers, constants.
    Other,
}

impl Family {
    /// All of them.
    pub const ALL: [Family; 5] = [Family::Xcup, Family::Xc7, Family::Ecp5, Family::Ice40, Family::CycloneV];

    /// Its name on the command line and in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Family::Xcup => "xcup",
            Family::Xc7 => "xc7",
            Family::Ecp5 => "ecp5",
            Family::Ice40 => "ice40",
            Family::CycloneV => "cyclonev",
        }
    }

    /// The pass that synthesises a whole design for it, without buffers at the ports.
    ///
    /// iCE40: `-dsp` on a flat design loses sums of chains of PEs (0.23, 0.70), and ends in a fault on a whole cell (0.23).
    pub const fn script(self) -> &'static str {
        match self {
            Family::Xcup => "synth_xilinx -family xcup -flatten -noiopad",
            Family::Xc7 => "synth_xilinx -family xc7 -flatten -noiopad",
            Family::Ecp5 => "synth_ecp5",
            Family::Ice40 => "synth_ice40 -device u -dsp -noflatten",
            Family::CycloneV => "synth_intel_alm -family cyclonev -noiopad",
        }
    }

    /// Passes before [`Family::script`], once the hierarchy is known.
    ///
    /// Cyclone V: Yosys 0.23 and 0.70 map a product of a narrow and a wide operand (6 x 18) onto several 9x9
    /// multipliers, wrongly (found by the simulation of netlists); here it gets one of 18x18 first.
    pub const fn before(self) -> &'static str {
        match self {
            Family::CycloneV => {
                "proc; opt_expr; opt_clean; wreduce; opt_clean; techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH=18 -D \
                 DSP_B_MAXWIDTH=18 -D DSP_A_MINWIDTH=10 -D DSP_B_MINWIDTH=4 -D DSP_SIGNEDONLY -D DSP_NAME=__MUL18X18; \
                 chtype -set $mul t:$__soft_mul; techmap -map +/mul2dsp.v -D DSP_A_MAXWIDTH=18 -D DSP_B_MAXWIDTH=18 -D \
                 DSP_A_MINWIDTH=4 -D DSP_B_MINWIDTH=10 -D DSP_SIGNEDONLY -D DSP_NAME=__MUL18X18; chtype -set $mul \
                 t:$__soft_mul; techmap -map +/intel_alm/common/dsp_map.v; "
            }
            // No memory of look-up tables here: what asks for one, queues, becomes flip-flops.
            Family::Ice40 => "setattr -unset ram_style m:*; ",
            _ => "",
        }
    }

    /// The multiplier styles that are meant for it.
    pub const fn styles(self) -> &'static [MultiplierStyle] {
        use MultiplierStyle::*;
        match self {
            Family::Xcup => &[Plain, Dsp48e2, Dsp48e2Dense],
            Family::Xc7 => &[Plain, Dsp48e1],
            Family::Ecp5 => &[Plain, Mult18x18],
            Family::Ice40 => &[Plain, Mac16],
            Family::CycloneV => &[Plain, Mult18x18],
        }
    }

    /// What a cell is. Cells that are wires in disguise count as [`Kind::Other`].
    pub fn kind(self, cell: &str) -> Kind {
        let begins = |names: &[&str]| names.iter().any(|name| cell.starts_with(name));
        match self {
            Family::Xcup | Family::Xc7 => match cell {
                _ if begins(&["DSP48"]) => Kind::Multiplier,
                _ if begins(&["RAMB", "URAM"]) => Kind::BlockMemory,
                _ if begins(&["RAM", "SRL"]) => Kind::LutMemory,
                _ if begins(&["LUT", "INV"]) => Kind::Lut,
                _ if begins(&["CARRY"]) => Kind::Carry,
                _ if begins(&["FD"]) => Kind::FlipFlop,
                _ => Kind::Other,
            },
            Family::Ecp5 => match cell {
                _ if begins(&["MULT18X18D", "ALU54B"]) => Kind::Multiplier,
                "LUT4" => Kind::Lut,
                "CCU2C" => Kind::Carry,
                "TRELLIS_FF" => Kind::FlipFlop,
                "DP16KD" | "PDPW16KD" => Kind::BlockMemory,
                _ if begins(&["TRELLIS_DPR16X4"]) => Kind::LutMemory,
                _ => Kind::Other,
            },
            Family::Ice40 => match cell {
                "SB_MAC16" => Kind::Multiplier,
                "SB_LUT4" => Kind::Lut,
                "SB_CARRY" => Kind::Carry,
                _ if begins(&["SB_DFF"]) => Kind::FlipFlop,
                _ if begins(&["SB_RAM", "SB_SPRAM"]) => Kind::BlockMemory,
                _ => Kind::Other,
            },
            Family::CycloneV => match cell {
                _ if begins(&["MISTRAL_MUL"]) => Kind::Multiplier,
                "MISTRAL_ALUT_ARITH" => Kind::Carry,
                _ if begins(&["MISTRAL_ALUT", "MISTRAL_NOT"]) => Kind::Lut,
                "MISTRAL_FF" => Kind::FlipFlop,
                "MISTRAL_M10K" => Kind::BlockMemory,
                "MISTRAL_MLAB" => Kind::LutMemory,
                _ => Kind::Other,
            },
        }
    }

    /// Cell models for Icarus: those of Yosys, by their path below its share folder, and our own.
    pub(crate) const fn models(self) -> (&'static [&'static str], Option<(&'static str, &'static str)>) {
        match self {
            Family::Xcup => (&["xilinx/cells_sim.v"], Some(("dsp48e2.v", include_str!("models/dsp48e2.v")))),
            Family::Xc7 => (&["xilinx/cells_sim.v"], None),
            Family::Ecp5 => (&["ecp5/cells_sim.v"], Some(("mult18x18d.v", include_str!("models/mult18x18d.v")))),
            Family::Ice40 => (&["ice40/cells_sim.v"], None),
            Family::CycloneV => (
                &[
                    "intel_alm/common/alm_sim.v",
                    "intel_alm/common/dff_sim.v",
                    "intel_alm/common/dsp_sim.v",
                    "intel_alm/common/misc_sim.v",
                ],
                None,
            ),
        }
    }
}

impl std::fmt::Display for Family {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl std::str::FromStr for Family {
    type Err = String;

    fn from_str(name: &str) -> Result<Family, String> {
        let expected = || format!("expected one of {}", Family::ALL.map(Family::name).join(", "));
        Family::ALL.into_iter().find(|family| family.name() == name).ok_or_else(expected)
    }
}
