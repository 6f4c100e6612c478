//! One file per command.

pub(crate) mod access;
pub(crate) mod apply;
pub(crate) mod check;
pub(crate) mod confirm;
pub(crate) mod decide;
pub(crate) mod diff;
pub(crate) mod disable;
pub(crate) mod doctor;
pub(crate) mod enable;
pub(crate) mod enroll;
pub(crate) mod evidence;
pub(crate) mod explain;
pub(crate) mod refresh;
pub(crate) mod rehearse;
pub(crate) mod revoke;
pub(crate) mod rollback;
