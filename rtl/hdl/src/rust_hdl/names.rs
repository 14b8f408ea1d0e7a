//! Names that Verilog, waves and Rust can all keep.

use std::collections::HashSet;

use super::tree::Scope;
use crate::verilog::is_reserved;

/// The name of a port: `$` between fields becomes `_`, keywords get a `_` behind.
pub(super) fn port_name(name: &str) -> String {
    let plain = name.replace('$', "_");
    if is_reserved(&plain) || plain == "clk_i" || plain == "rst_ni" { format!("{plain}_") } else { plain }
}

/// The name of each atom's port, should it be one; the same for a block and for its parent.
pub(super) fn port_names(scope: &Scope) -> Vec<String> {
    let mut names = Names::default();
    scope.atoms.iter().map(|atom| names.unique(&port_name(&atom.name))).collect()
}

/// The name of a child's module: its field, without the index in an array.
pub(super) fn module_name(field: &str) -> String {
    let plain = field.trim_end_matches(|char: char| char.is_ascii_digit());
    port_name(plain.strip_suffix('$').unwrap_or(field))
}

/// The name of the top's module: its Rust type in snake case, without module and parameters.
pub(super) fn type_name<T>() -> String {
    let path = std::any::type_name::<T>();
    let plain = path.split('<').next().unwrap_or(path);
    let plain = plain.rsplit("::").next().unwrap_or(plain);
    let chars: Vec<char> = plain.chars().collect();
    let mut name = String::new();
    for (index, &letter) in chars.iter().enumerate() {
        let before = index.checked_sub(1).map(|index| chars[index]);
        let after = chars.get(index + 1);
        // A capital begins a word after a small letter, and before one: `EdgeDFF`, `SPIMaster`.
        let begins = before.is_some_and(char::is_lowercase)
            || (before.is_some() && after.is_some_and(|after| after.is_lowercase()));
        if letter.is_uppercase() && begins && !name.ends_with('_') {
            name.push('_');
        }
        name.extend(letter.to_lowercase());
    }
    port_name(&name)
}

/// The names taken in one module.
#[derive(Default)]
pub(super) struct Names {
    taken: HashSet<String>,
}

impl Names {
    /// A value's name, which need not be unique.
    pub(super) fn value(&self, name: &str) -> String {
        port_name(name)
    }

    /// `name`, with a number behind where it is taken.
    pub(super) fn unique(&mut self, name: &str) -> String {
        let mut unique = name.to_owned();
        let mut number = 1;
        while !self.taken.insert(unique.clone()) {
            number += 1;
            unique = format!("{name}_{number}");
        }
        unique
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct SPIMaster<const N: usize>;
    struct EdgeDFF;
    struct I2CBus;

    #[test]
    fn a_type_becomes_a_snake_case_name() {
        assert_eq!(type_name::<SPIMaster<64>>(), "spi_master");
        assert_eq!(type_name::<EdgeDFF>(), "edge_dff");
        assert_eq!(type_name::<I2CBus>(), "i2c_bus");
    }

    #[test]
    fn a_module_of_an_array_loses_the_index() {
        assert_eq!(module_name("line$12"), "line");
        assert_eq!(module_name("dff0"), "dff0");
        assert_eq!(module_name("reg"), "reg_");
    }
}
