//! AMX.
use super::Kernels;
pub(super) const KERNELS: Kernels = super::scalar::KERNELS;
pub(crate) fn is_permitted() -> bool {
    false
}
