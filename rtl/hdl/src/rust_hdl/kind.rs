//! Types of rust-hdl values.

use std::fmt;
use std::rc::Rc;

use rust_hdl_core::prelude::{TypeDescriptor, TypeKind};

use crate::ty::{MAX_WIDTH, Ty, s, u};

/// A type: its width and what its bits mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kind {
    /// Bits, 1 to 64 once checked.
    pub(super) width: usize,
    pub(super) class: Class,
}

/// What the bits of a value mean.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Class {
    /// `Bits<N>` and `Bit`.
    Unsigned,
    /// `Signed<N>`.
    Signed,
    /// An enumeration: its values as `Type$Value`, in order of their codes.
    Enum(Rc<[String]>),
    /// A structure: its fields, lowest first.
    Struct(Rc<[Kind]>),
    /// `Clock`.
    Clock,
}

impl Kind {
    pub(super) const BIT: Kind = Kind::bits(1);

    pub(super) const fn bits(width: usize) -> Kind {
        Kind { width, class: Class::Unsigned }
    }

    pub(super) const fn signed(width: usize) -> Kind {
        Kind { width, class: Class::Signed }
    }

    pub(super) fn of(descriptor: &TypeDescriptor) -> Kind {
        match &descriptor.kind {
            // The descriptor of `Clock` differs from that of `Bit` in its name only.
            TypeKind::Bits(width) if descriptor.name == "clock" => Kind { width: *width, class: Class::Clock },
            TypeKind::Bits(width) => Kind::bits(*width),
            TypeKind::Signed(width) => Kind::signed(*width),
            TypeKind::Enum(values) => {
                // As the derive macro counts: clog2 of the number of values.
                let width = values.len().next_power_of_two().trailing_zeros() as usize;
                let values = values.iter().map(|value| value.replace("::", "$")).collect();
                Kind { width, class: Class::Enum(values) }
            }
            TypeKind::Composite(fields) => {
                let fields: Rc<[Kind]> = fields.iter().map(|field| Kind::of(&field.kind)).collect();
                Kind { width: fields.iter().map(|field| field.width).sum(), class: Class::Struct(fields) }
            }
        }
    }

    pub(super) fn is_clock(&self) -> bool {
        self.class == Class::Clock
    }

    pub(super) fn is_signed(&self) -> bool {
        self.class == Class::Signed
    }

    /// Whether values can be held in the IR.
    pub(super) fn fits(&self) -> bool {
        (1..=MAX_WIDTH as usize).contains(&self.width)
    }

    /// The type in the IR; [`Kind::fits`] holds.
    pub(super) fn ty(&self) -> Ty {
        if self.is_signed() { s(self.width as u32) } else { u(self.width as u32) }
    }

    /// The largest integer that as many bits hold.
    pub(super) fn unsigned_max(&self) -> i128 {
        (1 << self.width) - 1
    }

    /// The type of the field that is exactly these bits.
    pub(super) fn field(&self, low: usize, width: usize) -> Option<&Kind> {
        let Class::Struct(fields) = &self.class else { return None };
        let mut offset = 0;
        fields.iter().find(|field| {
            let found = offset == low && field.width == width;
            offset += field.width;
            found
        })
    }

    /// Calls `f` with the enumerations inside.
    pub(super) fn for_each_enum(&self, f: &mut impl FnMut(&Kind, &Rc<[String]>)) {
        match &self.class {
            Class::Enum(values) => f(self, values),
            Class::Struct(fields) => fields.iter().for_each(|field| field.for_each_enum(f)),
            _ => {}
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.width;
        match &self.class {
            Class::Unsigned => write!(f, "Bits<{width}>"),
            Class::Signed => write!(f, "Signed<{width}>"),
            Class::Enum(values) => {
                let name = values.first().and_then(|value| value.rsplit_once('$')).map_or("", |(name, _)| name);
                write!(f, "enumeration {name} ({width} bits)")
            }
            Class::Struct(_) => write!(f, "structure ({width} bits)"),
            Class::Clock => f.write_str("Clock"),
        }
    }
}
