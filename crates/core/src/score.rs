//! How texts differ, in numbers: how much of one has to be edited to get the other, how alike they are in chrF, and
//! whether a difference between two sets of texts is more than chance.

pub mod chrf;
pub mod distance;
pub mod interval;
