//! rust-hdl expressions as their source would read, for messages.

use rust_hdl_core::ast::{VerilogExpression, VerilogOp, VerilogOpUnary};

/// The expression in Rust-like text.
pub(super) fn show(expression: &VerilogExpression) -> String {
    match expression {
        VerilogExpression::Signal(name) => show_name(name),
        VerilogExpression::Literal(literal) => {
            super::literal::value_of(literal).map_or_else(|| literal.to_string(), |value| value.to_string())
        }
        VerilogExpression::Cast(inner, width) => format!("bit_cast::<{width}, _>({})", show(inner)),
        VerilogExpression::Signed(inner) => format!("signed_bit_cast({})", show(inner)),
        VerilogExpression::Unsigned(inner) => format!("unsigned_cast({})", show(inner)),
        VerilogExpression::Paren(inner) => format!("({})", show(inner)),
        VerilogExpression::Binary(left, op, right) => format!("{} {} {}", show(left), symbol(op), show(right)),
        VerilogExpression::Unary(op, inner) => match op {
            VerilogOpUnary::Not => format!("!{}", show(inner)),
            VerilogOpUnary::Neg => format!("-{}", show(inner)),
            VerilogOpUnary::All => format!("{}.all()", show(inner)),
            VerilogOpUnary::Any => format!("{}.any()", show(inner)),
            VerilogOpUnary::Xor => format!("{}.xor()", show(inner)),
        },
        VerilogExpression::Index(base, index) => format!("{}.get_bit({})", show(base), show(index)),
        VerilogExpression::Slice(base, width, low) => format!("{}.get_bits::<{width}>({})", show(base), show(low)),
        VerilogExpression::IndexReplace(base, index, value) => {
            format!("{}.replace_bit({}, {})", show(base), show(index), show(value))
        }
    }
}

/// A name as the source writes it.
pub(super) fn show_name(name: &str) -> String {
    name.trim_end_matches("$next").replace('$', ".")
}

fn symbol(op: &VerilogOp) -> &'static str {
    match op {
        VerilogOp::Add => "+",
        VerilogOp::Sub => "-",
        VerilogOp::Mul => "*",
        VerilogOp::LogicalAnd => "&&",
        VerilogOp::LogicalOr => "||",
        VerilogOp::BitXor => "^",
        VerilogOp::BitAnd => "&",
        VerilogOp::BitOr => "|",
        VerilogOp::Shl => "<<",
        VerilogOp::Shr => ">>",
        VerilogOp::Eq => "==",
        VerilogOp::Lt => "<",
        VerilogOp::Le => "<=",
        VerilogOp::Ne => "!=",
        VerilogOp::Ge => ">=",
        VerilogOp::Gt => ">",
    }
}
