//! How things look: colour, tables, pictures, progress.

mod colour;
mod picture;
mod progress;
mod table;

pub use colour::{Colour, Mark};
pub use picture::{bar, picture};
pub use progress::{Progress, ProgressMode};
pub use table::{Align, Table, grouped, percent};
