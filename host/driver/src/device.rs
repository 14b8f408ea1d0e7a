//! What runs a model, hardware or not.

use crate::error::DriverError;
use crate::inference::Inference;

/// A device with a model loaded. Three kinds exist: a [`crate::Session`] over a link, the processor
/// ([`crate::CpuDevice`]) and the reference; the last two have no cycles.
pub trait Device {
    /// The selector under which it was opened.
    fn selector(&self) -> &str;

    /// The answer to one input.
    ///
    /// **Shapes and units.** `input` has the elements of the model's input shape, row-major.
    /// **Numbers.** Values beyond the input's precision are limited to it, as on the chain.
    ///
    /// # Errors
    /// As the device fails; [`DriverError::is_transient`] tells whether a retry may help.
    fn run(&mut self, input: &[i32]) -> Result<Inference, DriverError>;
}
