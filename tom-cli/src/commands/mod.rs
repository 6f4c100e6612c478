//! One file per command.

pub(crate) mod access;
pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod decide;
pub(crate) mod diff;
pub(crate) mod enroll;
pub(crate) mod evidence;
pub(crate) mod explain;
