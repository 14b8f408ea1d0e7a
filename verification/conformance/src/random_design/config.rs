//! What random designs look like.

/// How large random designs are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RandomConfig {
    /// Operations in each body, about; each makes one or several nodes.
    pub operations: usize,
    /// Registers in each body, at most, besides those of chains.
    pub registers: usize,
    /// Memories in each body, at most.
    pub memories: usize,
    /// Different children of each body, at most.
    pub children: usize,
    /// Instances of each child that is no array, at most.
    pub instances: usize,
    /// Levels of hierarchy below the top.
    pub levels: usize,
    /// Nodes of all lanes of an array together, at most; 0 for no arrays.
    pub array_values: usize,
    /// Whether properties can fail.
    pub properties: Properties,
}

/// Whether a random design's assertions and assumptions hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Properties {
    /// In every cycle, whatever the stimulus.
    Hold,
    /// In nearly every cycle.
    MayFail,
}

impl RandomConfig {
    /// Designs of some hundred to some thousand nodes.
    pub const DEFAULT: RandomConfig = RandomConfig {
        operations: 40,
        registers: 6,
        memories: 2,
        children: 2,
        instances: 3,
        levels: 2,
        array_values: 1500,
        properties: Properties::Hold,
    };
}

impl Default for RandomConfig {
    fn default() -> RandomConfig {
        RandomConfig::DEFAULT
    }
}
