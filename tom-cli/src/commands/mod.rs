//! One file per command.

pub mod access;
pub mod apply;
pub mod check;
pub mod decide;
pub mod diff;
pub mod explain;
