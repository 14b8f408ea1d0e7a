//! Many tops in one design, so that outside tools are started once for all.

use std::sync::Arc;

use myelin_hdl::{Design, Module, module};

/// A design that places every top once, side by side, and passes all ports through.
///
/// Instance and ports carry the top's name: input `a_i` of `random_7` is `random_7_a_i`.
pub fn batch(name: &str, tops: &[Arc<Module>]) -> Design {
    let all = module(name, |m| {
        for top in tops {
            let instance = m.instance(&top.name, top);
            for port in &top.inputs {
                let name = format!("{}_{}", top.name, port.name);
                instance.input(&port.name, m.input(&name, port.ty));
            }
            for port in &top.outputs {
                m.output(&format!("{}_{}", top.name, port.name), instance.output(&port.name));
            }
        }
    });
    Design::new(all).expect("the tops' names are fit for Verilog, and so are names made of two of them")
}
