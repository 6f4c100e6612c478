//! `tom rehearse`: called by enable and apply, in namespaces of its own.

pub(crate) use crate::change::rehearsal::run;
